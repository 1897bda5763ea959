package ridge

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// beat sends heartbeats to all peers.
func (c *Core) beat() {
	c.beatNow = false
	c.beaten, c.beatAt = c.now.Mono, c.now.Mono+c.every
	for _, e := range c.ensembles {
		e.stream.told()
		e.past.note(c.now.Mono, e.delivered(), c.timeout/2)
	}
	var hears, deaf *heartbeat
	for _, p := range c.order {
		m := &hears
		if !c.hears(p) {
			m = &deaf
		}
		if *m == nil {
			*m = c.heartbeat(m == &hears)
		}
		c.send(p.process, *m)
	}
}

// tellBytes is how much is delivered, or held in a log, before it is worth a
// message that it may be forgotten. What a busy process keeps then stays small:
// from heartbeat to heartbeat it would be tens of megabytes.
const tellBytes = 1 << 20

// tell lets the acceptors know what has been delivered here, if that is much
// since they were told, and if it is of use to them.
func (e *ensemble) tell() {
	if e.stream.freshBytes <= tellBytes || e.c.cfg.Durable {
		return
	}
	e.stream.told()
	m := e.c.heartbeat(true)
	for i := range e.acceptors() {
		if p := e.members[i].peer; p != nil && e.c.hears(p) {
			e.c.send(p.process, m)
		}
	}
}

func (c *Core) heartbeat(hears bool) *heartbeat {
	m := &heartbeat{Wall: c.now.Wall, Hears: hears, Full: c.noRoom, Items: make([]heartbeatItem, len(c.ensembles))}
	for i, e := range c.ensembles {
		m.Items[i] = e.report()
	}
	return m
}

// report is this process's state in the ensemble, for others.
func (e *ensemble) report() heartbeatItem {
	return heartbeatItem{
		Ensemble:  e.id,
		Round:     e.known,
		Leading:   e.lead.phase != idle && e.lead.round == e.known,
		Complains: e.complains,
		Decided:   max(e.seen, e.next-1),
		Delivered: e.delivered(),
		Trim:      e.log.base,
		Stable:    e.stable,
		Whole:     e.whole,
		Needs:     max(e.delivered(), e.awaited),
		Version:   e.version(),
		Held:      e.toldHeld(),
	}
}

// onHeartbeat takes a peer's heartbeat.
func (c *Core) onHeartbeat(from ids.Process, inc ids.Incarnation, m *heartbeat) {
	p := c.peers[from]
	if p == nil {
		c.counters.Dropped++
		return
	}
	p.deaf = !m.Hears
	if p.full != m.Full {
		if p.full = m.Full; m.Full {
			c.fullPeers++
		} else {
			c.fullPeers--
		}
	}
	p.wall, p.wallAt, p.clock = m.Wall, c.now.Mono, true
	c.pace(from)
	p.behind = false
	for i := range m.Items {
		it := &m.Items[i]
		e := c.ensemble(it.Ensemble, true)
		if e == nil {
			c.noteForeign(it) // only the sender subscribes to it
			continue
		}
		l := e.member(from)
		if l != nil && !e.hears(from, inc) {
			// Its predecessor, who counts here still, has stopped: whoever is
			// replaced in one ensemble takes part in none.
			l.reported, l.item.Leading = false, false
			continue
		}
		if l != nil {
			if it.Version < e.version() && (e.self >= 0 || l.partition == c.partition) {
				e.tellMembers(from)
			}
			e.acked = e.acked || e.ack(&l.item) < e.ack(it) || l.item.Whole < it.Whole || l.item.Needs < it.Needs
			l.item, l.reported = *it, true
			p.behind = p.behind || it.Delivered < e.past.before
			e.note(c.now, it.Round)
			if e.acceptor(from) >= 0 {
				e.seen = max(e.seen, it.Decided)
			}
			e.elect(c.now)
		}
	}
}

// past is what had been delivered here a while ago.
type past struct {
	before, lately ids.Instance
	at             time.Duration // when lately was noted
}

// note keeps before at least age old, and less than twice that.
func (p *past) note(now time.Duration, delivered ids.Instance, age time.Duration) {
	if now-p.at >= age {
		p.before, p.lately, p.at = p.lately, delivered, now
	}
}
