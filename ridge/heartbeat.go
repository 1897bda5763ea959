package ridge

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// beat sends heartbeats to near peers, and to those far ones whose turn it is.
func (c *Core) beat() {
	c.beatNow, c.beatSoon = false, false
	c.beaten = c.now.Mono
	ahead := c.advance(c.pacer())
	if late := c.now.Mono - c.beatAt; ahead == 0 && late >= 0 && late <= c.every/2 {
		c.beatAt += c.every // beats do not drift apart
	} else {
		c.beatAt = c.now.Mono + c.every + ahead
	}
	c.lookAtFar()
	for _, e := range c.ensembles {
		if e.close || c.news {
			e.stream.told()
		}
		e.past.note(c.now.Mono, e.delivered(), c.timeout/2)
	}
	var made heartbeats
	for _, p := range c.order {
		if p.near || c.due(p) {
			p.owed = false
			c.send(p.process, c.heartbeat(p, &made))
		}
	}
	c.news = false
}

// tellAll has all peers told at once.
func (c *Core) tellAll() {
	if c.started {
		c.beatNow, c.news, c.unsettled = true, true, true
	}
}

// tellBytes is how much is delivered, or held in a log, before it is worth a
// message that it may be forgotten. What a busy process keeps then stays small:
// from heartbeat to heartbeat it would be tens of megabytes.
const tellBytes = 1 << 20

// tell lets the acceptors know what has been delivered here, if that is much
// since they were told, and if it is of use to them.
func (e *ensemble) tell() {
	much := e.stream.freshBytes > tellBytes || !e.close && e.fillsLogs(e.delivered())
	if !much || e.c.cfg.Durable {
		return
	}
	e.stream.told()
	var made heartbeats
	for i := range e.acceptors() {
		if p := e.members[i].peer; p != nil && e.c.hears(p) {
			e.c.send(p.process, e.c.heartbeat(p, &made))
		}
	}
}

// fillsLogs says whether what has been delivered up to instance k, and not been told
// to have been, is a large part of what logs hold.
func (e *ensemble) fillsLogs(k ids.Instance) bool {
	s, t := &e.stream, &e.c.cfg.Tuning
	return s.freshBytes > t.MaxLogBytes/16 || k > s.freshInstance+ids.Instance(t.MaxLogCount/16)
}

// heartbeats are those of one moment, which differ by Hears and Often alone.
type heartbeats [4]*heartbeat

func (c *Core) heartbeat(p *peer, made *heartbeats) *heartbeat {
	hears, often := c.hears(p), c.wantsOften(p)
	i := 0
	if hears {
		i = 1
	}
	if often {
		i += 2
	}
	if m := made[i]; m != nil {
		return m
	}
	m := &heartbeat{
		Wall: c.now.Wall, Hears: hears, Full: c.noRoom, Burden: c.burden, Often: often, Doubts: c.doubts,
		Items: make([]heartbeatItem, len(c.ensembles)),
	}
	for i, e := range c.ensembles {
		m.Items[i] = e.report()
	}
	made[i] = m
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
	c.asked(p, m)
	if p.full != m.Full {
		if p.full = m.Full; m.Full {
			c.fullPeers++
		} else {
			c.fullPeers--
		}
	}
	c.hearBurden(p, m.Burden)
	p.clock.hear(c.now.Mono, m.Wall, 2*c.timeout)
	c.pace(p)
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
			item := *it
			if !c.cfg.Durable && l.reported {
				// An older heartbeat may come after a newer one. What is forgotten by
				// then it needs no more: it is not too late for it [N7].
				item.Delivered = max(item.Delivered, l.item.Delivered)
				item.Needs = max(item.Needs, item.Delivered)
			}
			e.acked = e.acked || e.ack(&l.item) < e.ack(&item) || l.item.Whole < item.Whole || l.item.Needs < item.Needs
			l.item, l.reported = item, true
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
