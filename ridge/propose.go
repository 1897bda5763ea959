package ridge

import (
	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// maxHops bounds how often a proposal or advance request is forwarded.
const maxHops = 2

// onPropose takes a proposal from a client or a process.
func (c *Core) onPropose(from ids.Addr, p *Propose) {
	m := p.Message
	e := c.ensemble(p.Ensemble, true)
	switch {
	case !c.cfg.Topology.validDests(m.Dests) || c.cfg.Topology.EnsembleFor(m.Dests) != p.Ensemble:
		c.advise(e, p, Misrouted)
	case len(m.Body) > c.cfg.Tuning.MaxMessage:
		c.advise(e, p, TooLarge)
	case e == nil:
		c.advise(e, p, Redirect)
		c.taken(p)
	case e.lead.phase == idle:
		e.forward(p)
		c.taken(p)
	default:
		e.waited(from.Process)
		why := e.admit(p.sealed())
		if why != 0 {
			a := c.advise(e, p, why)
			if (why == Overloaded || why == NoRoom) && p.Hops == 0 && from.Process == 0 {
				// Nobody passed it on, and it is not held here either: so its client
				// may know that nothing will come of it.
				a.Kept = false
				return
			}
		}
		c.taken(p)
	}
}

// taken takes the copy of a proposal that doubles as this process's direct copy,
// if it is one of its destinations.
func (c *Core) taken(p *Propose) {
	o := &c.opt
	if !p.direct() || !o.on {
		return
	}
	s := p.sealed()
	if p.Message.Dests.Has(c.partition) {
		o.hold(c, &s, p.Hops == 0)
	} else if p.Hops == 0 && o.timely(c, p.Message) {
		o.observe(c.now, p.Message, false)
	}
}

// Multicast proposes messages of this very process. It keeps the slice. A message
// whose T0 is zero is stamped here; the rest must be as Message says. What
// becomes of them is as with any proposal: they may be lost, and advice goes to
// their commands' client. A message multicast twice here is ordered twice.
func (c *Core) Multicast(now hlc.Now, ms []Message) {
	if c.err != nil {
		return
	}
	c.begin(now)
	for i := 0; i < len(ms); {
		n := 1
		if nameless(&ms[i]) {
			c.counters.Dropped++
		} else if e := c.destined(ms[i].Dests); e == nil {
			c.multicast(&ms[i])
		} else {
			for n < len(ms)-i && ms[i+n].Dests.Equal(ms[i].Dests) && !nameless(&ms[i+n]) {
				n++
			}
			e.admitOwn(ms[i : i+n])
		}
		i += n
	}
}

// nameless says whether m belongs to no command. Nobody decodes such a message,
// nor the value that it is in.
func nameless(m *Message) bool { return m.Command.Client.IsZero() }

// destined is the ensemble that orders messages to dests, if this process
// coordinates it and that is all there is to do.
func (c *Core) destined(dests ids.Set) *ensemble {
	if !c.cfg.Topology.validDests(dests) {
		return nil
	}
	e := c.orders(dests)
	if e == nil || e.lead.phase == idle || c.opt.on {
		return nil
	}
	return e
}

// admitOwn queues messages of this process, which come in one copy.
func (e *ensemble) admitOwn(ms []Message) {
	present := e.time(e.c.now)
	for i := range ms {
		m := &ms[i]
		if m.T0 == 0 {
			m.T0 = e.ownT0()
		}
		why := TooLarge
		if len(m.Body) <= e.c.cfg.Tuning.MaxMessage {
			why = e.refusal(m, present)
		}
		if why != 0 {
			e.c.advise(e, &Propose{Ensemble: e.id, Message: m}, why)
			continue
		}
		e.lead.queue.put(sealed{message: m})
	}
}

// ownT0 is the first timestamp of messages that are stamped here: this process's
// clock, as far as its ensemble takes that for the present. Heartbeats that come late,
// on a busy machine, make others' clocks look slow.
func (e *ensemble) ownT0() hlc.Timestamp {
	return clamp(e.c.now.Wall, 0, e.present(e.c.now), e.c.cfg.Tuning.window())
}

// multicast passes on a message of this process that another is to order.
func (c *Core) multicast(m *Message) {
	if m.T0 == 0 {
		m.T0 = c.home.ownT0()
	}
	t := c.cfg.Topology
	if !t.validDests(m.Dests) {
		c.advise(nil, &Propose{Message: m}, Misrouted)
		return
	}
	id := t.EnsembleFor(m.Dests)
	e := c.ensemble(id, true)
	p := &Propose{Ensemble: id, Hops: 1, Message: m}
	switch {
	case len(m.Body) > c.cfg.Tuning.MaxMessage:
		c.advise(e, p, TooLarge)
	case c.opt.on:
		c.cast(e, m)
	case e != nil:
		e.forward(p)
	default:
		if to := c.foreignCoordinator(t.spec(id)); to != 0 {
			c.send(to, p)
		}
	}
}

// cast is multicast with optimistic delivery. e is nil if this process does not
// subscribe to the ensemble.
func (c *Core) cast(e *ensemble, m *Message) {
	var out Proposal
	out.Init(c.cfg.Topology, m, true)
	p, to := out.Propose(), c.cfg.Self
	switch {
	case e == nil:
		to = c.foreignCoordinator(c.cfg.Topology.spec(p.Ensemble))
	case e.lead.phase == idle:
		c.turn++
		to = e.way(c.turn)
	default:
		if why := e.admit(p.sealed()); why != 0 {
			c.advise(e, p, why)
		}
	}
	c.out = out.others(c.out, c.cfg.Topology, to, c.cfg.Self)
	c.taken(p)
}

// validDests says whether s are some of the partitions.
func (t *Topology) validDests(s ids.Set) bool {
	return len(s) > 0 && s.Valid() && int(s[len(s)-1]) < len(t.Replicas)
}

// admit queues a message at the coordinator, or says why not.
func (e *ensemble) admit(s sealed) Reason {
	why := e.refusal(s.message, e.time(e.c.now))
	if why == 0 {
		e.enqueue(s)
	}
	return why
}

// refusal is why the coordinator does not take m at its present time, or zero
// [X5, N7].
func (e *ensemble) refusal(m *Message, present hlc.Timestamp) Reason {
	t, q := &e.c.cfg.Tuning, &e.lead.queue
	switch {
	case m.T0 > present.Add(t.Window):
		return Early
	case m.T0.Add(t.Horizon) < present:
		return Late
	case e.c.noRoom || e.c.fullPeers > 0 && e.cramped():
		return NoRoom
	case q.count() >= t.MaxWaiting || q.count() > 0 && q.bytes+m.size() > t.MaxWaitingSize || e.full():
		return Overloaded
	case !e.c.spared() && e.overburdens(m, present):
		return Overloaded
	}
	return 0
}

// cramped says whether too many disks have no room: those of more than f replicas
// of a partition that the ensemble serves, which make no checkpoints then, so
// that nothing can be forgotten; or any, when the log is full for that reason.
func (e *ensemble) cramped() bool {
	stuck := e.full()
	for _, p := range e.spec.Partitions {
		all, full := 0, 0
		for i := range e.members {
			m := &e.members[i]
			if m.partition != p {
				continue
			}
			if all++; m.peer != nil && m.peer.full && !e.c.Suspected(m.process) {
				full++
			}
		}
		if full > 0 && (stuck || 2*full > all) {
			return true
		}
	}
	return false
}

// enqueue has a message wait to be proposed. That its proposer cast it counts
// only while this process, if it is a destination, still holds its copy: what
// was delivered is held nowhere any more.
func (e *ensemble) enqueue(s sealed) {
	o := &e.c.opt
	s.cast = s.cast && o.on && !o.delivered(s.message)
	s.arrived = e.c.now.Mono
	if o.on {
		if h := o.held(s.message); h != nil {
			s.place = h.place
		} else {
			s.place = e.placeOf(s.message)
		}
	}
	e.lead.arrived = max(e.lead.arrived, s.place)
	if !e.lead.queue.push(s, o.on) {
		e.c.counters.Duplicates++
	}
}

// full says whether the log holds as much as may be untrimmed.
func (e *ensemble) full() bool {
	t := &e.c.cfg.Tuning
	return e.log.bytes >= t.MaxLogBytes || e.lead.next-e.log.base > ids.Instance(t.MaxLogCount)
}

// forward passes a proposal on to whoever is believed to coordinate or, if
// that one is not heard, to another acceptor, who may hear it.
func (e *ensemble) forward(p *Propose) {
	if p.Hops == 0 {
		e.c.advise(e, p, Redirect)
	}
	e.c.turn++
	if to := e.way(e.c.turn); to != 0 && p.Hops < maxHops {
		e.c.send(to, &Propose{Ensemble: p.Ensemble, Hops: p.Hops + 1, Cast: p.Cast, Herald: p.Herald, Message: p.Message, raw: p.raw, digest: p.digest})
	}
}

// way is the coordinator, or an acceptor on the way to it, or zero.
func (e *ensemble) way(turn int) ids.Process {
	co := e.coordinator()
	if co != e.c.cfg.Self && !e.c.Suspected(co) {
		return co
	}
	n := len(e.spec.Acceptors)
	for i := range n {
		p := e.spec.Acceptors[(turn+i)%n]
		if p != co && p != e.c.cfg.Self && !e.c.Suspected(p) {
			return p
		}
	}
	return 0
}

// advise tells a proposer what became of its message. e may be nil.
func (c *Core) advise(e *ensemble, p *Propose, why Reason) *Advice {
	c.counters.Refused++
	a := &Advice{
		Command: p.Message.Command, Attempt: p.Message.Attempt,
		Ensemble: p.Ensemble, Reason: why, Kept: c.opt.on,
	}
	if e != nil {
		a.Coordinator = e.coordinator()
		a.Time = e.present(c.now)
	} else if s := c.cfg.Topology.spec(p.Ensemble); s != nil {
		a.Coordinator = s.Acceptors[0]
	}
	c.out = append(c.out, Send{To: ids.ToClient(p.Message.Command.Client), Msg: a})
	return a
}

// onAdvance serves or forwards a request to reach a key above m.Key [R9].
func (e *ensemble) onAdvance(now hlc.Now, from ids.Process, m *advance) {
	if e.lead.phase == idle {
		if to := e.way(int(from)); to != 0 && m.Hops < maxHops {
			e.c.send(to, &advance{Ensemble: m.Ensemble, Hops: m.Hops + 1, Key: m.Key, After: m.After})
		}
		return
	}
	e.reach(now, m.Key, m.After)
	if n := &e.lead.nulls; n.want <= e.lead.last && n.laterAt == never && len(e.lead.open) == 0 {
		// Reached and decided: the asker has missed the decision.
		if p := e.c.peers[from]; p != nil {
			e.c.send(from, e.c.heartbeat(p, &heartbeats{}))
		}
	}
}
