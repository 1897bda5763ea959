package ridge

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// maxHops bounds how often a proposal or advance request is forwarded.
const maxHops = 2

// queue holds the messages that wait at a coordinator.
type queue struct {
	ring  []sealed
	head  int // of what waits in ring
	bytes int
	// present are the messages that wait or are open: a copy of one of them
	// may be dropped. It is only looked up.
	present map[copyID]struct{}
	// since is when the oldest that waits came, or earlier.
	since time.Duration
}

// copyID names a message; its copies are byte-identical.
type copyID struct {
	command ids.Command
	attempt ids.Attempt
}

func idOf(m *Message) copyID { return copyID{m.Command, m.Attempt} }

func (q *queue) init() { *q = queue{present: make(map[copyID]struct{})} }

func (q *queue) count() int { return len(q.ring) - q.head }

// push queues a message, unless a copy is present: at the end, or sorted.
func (q *queue) push(s sealed, sorted bool) bool {
	n := len(q.present)
	q.present[idOf(s.message)] = struct{}{}
	if len(q.present) == n {
		return false
	}
	if q.head > 64 && q.head*2 > len(q.ring) {
		n := copy(q.ring, q.ring[q.head:])
		clear(q.ring[n:])
		q.ring, q.head = q.ring[:n], 0
	}
	i := len(q.ring)
	q.ring = append(q.ring, s)
	for ; sorted && i > q.head && s.message.before(q.ring[i-1].message); i-- {
		q.ring[i], q.ring[i-1] = q.ring[i-1], s
	}
	q.bytes += s.message.size()
	return true
}

// pop takes the first message. It stays present until forgotten.
func (q *queue) pop() (s sealed) {
	s, q.ring[q.head] = q.ring[q.head], s
	q.head++
	q.bytes -= s.message.size()
	return s
}

// forget ends the presence of v's messages.
func (q *queue) forget(v *Value) {
	for i := range v.Entries {
		delete(q.present, v.name(i).copy)
	}
}

// fit is how many of the first messages make a batch within the bounds; a
// single larger message travels alone. bytes is what they weigh.
func (q *queue) fit(maxCount, maxBytes int) (n, bytes int) {
	for i := q.head; i < len(q.ring) && n < maxCount; i++ {
		size := q.ring[i].message.size()
		if n > 0 && bytes+size > maxBytes {
			break
		}
		n++
		bytes += size
	}
	return n, bytes
}

// ready says whether a batch should leave while open instances are in flight:
// at once when nothing is; else when enough has gathered, the more the fuller
// the pipeline. A full batch has maxCount messages or maxBytes.
func (q *queue) ready(open, maxCount, maxBytes int) bool {
	n := q.count()
	switch {
	case n == 0:
		return false
	case open == 0:
		return true
	}
	return n >= maxCount || q.bytes >= maxBytes || n >= 4<<(2*open)
}

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
		if why := e.admit(p.sealed()); why != 0 {
			c.advise(e, p, why)
		}
		c.taken(p)
	}
}

// taken takes the copy of a proposal that was cast: this process's direct copy,
// if it is one of its destinations.
func (c *Core) taken(p *Propose) {
	o := &c.opt
	if !p.Cast || !o.on {
		return
	}
	s := p.sealed()
	if p.Message.Dests.Has(c.partition) {
		o.hold(c, &s, p.Hops == 0)
	} else if p.Hops == 0 {
		o.observe(c.now, p.Message)
	}
}

// Multicast proposes messages of this very process, all of them before any is
// batched. It keeps the slice. A message whose T0 is zero is stamped here; the
// rest must be as Message says. What becomes of them is as with any proposal:
// they may be lost, and advice goes to their commands' client.
func (c *Core) Multicast(now hlc.Now, ms []Message) {
	if c.err != nil {
		return
	}
	c.begin(now)
	for i := range ms {
		m := &ms[i]
		if m.T0 == 0 {
			m.T0 = now.Wall
		}
		c.multicast(m)
	}
	c.settle()
}

func (c *Core) multicast(m *Message) {
	t := c.cfg.Topology
	if !t.validDests(m.Dests) {
		c.advise(nil, &Propose{Message: m}, Misrouted)
		return
	}
	id := t.EnsembleFor(m.Dests)
	e := c.ensemble(id, true)
	switch {
	case len(m.Body) > c.cfg.Tuning.MaxMessage:
		c.advise(e, &Propose{Ensemble: id, Message: m}, TooLarge)
	case c.opt.on:
		c.cast(e, m)
	case e == nil:
		if to := c.foreignCoordinator(t.spec(id)); to != 0 {
			c.send(to, &Propose{Ensemble: id, Message: m})
		}
	case e.lead.phase == idle:
		e.forward(&Propose{Ensemble: id, Hops: 1, Message: m})
	default:
		if why := e.admit(sealed{message: m}); why != 0 {
			c.advise(e, &Propose{Ensemble: id, Message: m}, why)
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
	why := e.refusal(s.message)
	if why == 0 {
		e.enqueue(s)
	}
	return why
}

// refusal is why the coordinator does not take m, or zero [X5, N7].
func (e *ensemble) refusal(m *Message) Reason {
	t, q := &e.c.cfg.Tuning, &e.lead.queue
	present := e.time(e.c.now)
	switch {
	case m.T0 > present.Add(t.Window):
		return Early
	case m.T0.Add(t.Horizon) < present:
		return Late
	case q.count() >= t.MaxWaiting || q.count() > 0 && q.bytes+m.size() > t.MaxWaitingSize || e.full():
		return Overloaded
	}
	return 0
}

// enqueue has a message wait to be proposed. That its proposer cast it counts
// only while this process, if it is a destination, still holds its copy: what
// was delivered is held nowhere any more.
func (e *ensemble) enqueue(s sealed) {
	o := &e.c.opt
	s.cast = s.cast && o.on && !o.delivered(s.message)
	if !e.lead.queue.push(s, o.on) {
		e.c.counters.Duplicates++
	} else if e.lead.queue.count() == 1 {
		e.lead.queue.since = e.c.now.Mono
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
		e.c.send(to, &Propose{Ensemble: p.Ensemble, Hops: p.Hops + 1, Cast: p.Cast, Message: p.Message, raw: p.raw, digest: p.digest})
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
func (c *Core) advise(e *ensemble, p *Propose, why Reason) {
	c.counters.Refused++
	a := &Advice{
		Command: p.Message.Command, Attempt: p.Message.Attempt,
		Ensemble: p.Ensemble, Reason: why,
	}
	if e != nil {
		a.Coordinator = e.coordinator()
		a.Time = e.present(c.now)
	} else if s := c.cfg.Topology.spec(p.Ensemble); s != nil {
		a.Coordinator = s.Acceptors[0]
	}
	c.out = append(c.out, Send{To: ids.ToClient(p.Message.Command.Client), Msg: a})
}

// onAdvance serves or forwards a request to reach a key above m.Key [R9].
func (e *ensemble) onAdvance(now hlc.Now, from ids.Process, m *advance) {
	if e.lead.phase == idle {
		if to := e.way(int(from)); to != 0 && m.Hops < maxHops {
			e.c.send(to, &advance{Ensemble: m.Ensemble, Hops: m.Hops + 1, Key: m.Key})
		}
		return
	}
	if e.reach(now, m.Key); e.lead.nulls.want <= e.lead.last && len(e.lead.open) == 0 {
		// Reached and decided: the asker has missed the decision.
		e.c.send(from, e.c.heartbeat(true))
	}
}
