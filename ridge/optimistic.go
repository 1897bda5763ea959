package ridge

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// OptDelivery is an opt-delivered message. Its order is probably that of the
// conservative deliveries, and equivalence holds: of every attempt that the
// layer above may accept there is one optimistic delivery, before the
// conservative one.
type OptDelivery struct {
	Message *Message
	// Forced: it is delivered with its conservative delivery, which follows,
	// because no direct copy was delivered before.
	Forced bool
	// Leads: this process coordinates its partition's own ensemble, as far as it
	// knows. Of a partition's replicas mostly one does: it is the one to tell
	// others of what comes of an optimistic delivery.
	Leads bool
	// At is the timestamp that this process, as its coordinator, has given it, which
	// will probably be its final one; zero: probably that is T0.
	At hlc.Timestamp
}

// optimist is optimistic delivery at one process: one queue for all its
// ensembles, ordered by timestamp alone (section 5.3.4).
type optimist struct {
	on bool
	store
	// anchor makes this process's monotonic clock comparable with timestamps.
	anchor   hlc.Timestamp
	anchored bool
	// wait follows arrival - T0; latency the time from a direct copy's arrival
	// to its conservative delivery, early that to its optimistic one.
	wait           upper
	latency, early time.Duration
	// newest is the highest T0 that has come in a direct copy; astray the share, of
	// late, of those that came after one with a higher T0 although not late.
	newest hlc.Timestamp
	astray float64
	// abroad is newest without this process's own messages.
	abroad hlc.Timestamp
	// waiting has the copies in the heap by arrival.
	waiting list
	// ready has those that wait for none: nobody else has copies of them, and this
	// process orders them before whatever it has not opt-delivered (behind).
	ready list
	// forced is the conservative delivery before which the last forced one was
	// given: it is not given twice where there is no record of it.
	forced ids.Position
	// merged is the position reached by conservative deliveries.
	merged hlc.Timestamp
	mistakes
}

func (o *optimist) init(t *Tuning) {
	o.on, o.astray = t.Optimistic, 1./strayShare
	o.store.init()
}

// local is the present by the anchored clock.
func (o *optimist) local(now hlc.Now) hlc.Timestamp { return o.anchor.Add(now.Mono) }

func (o *optimist) begin(now hlc.Now) {
	if !o.anchored {
		o.anchor, o.anchored = now.Wall.Add(-now.Mono), true
	}
}

// observe samples the delay of a message from its proposer, and whether waiting
// would have put it in order. Among own ones, whose order this process makes and which
// no other has copies of, any order will do.
func (o *optimist) observe(now hlc.Now, m *Message, own bool) {
	delay, x := o.local(now)-m.T0, 0.
	last := o.newest
	if own {
		last = o.abroad
	} else {
		o.abroad = max(o.abroad, m.T0)
	}
	if m.T0 < last && (!o.wait.primed || delay <= hlc.Timestamp(o.wait.value)) {
		x = 1
	}
	o.astray += (x - o.astray) / strayShare
	o.newest = max(o.newest, m.T0)
	o.wait.add(delay)
}

// strayShare: after a direct copy that was out of order, waiting is worth while
// for some 200 more.
const strayShare = 256

// calm says whether direct copies come in the order of their timestamps, as those
// of one proposer do: then nobody waits for others.
func (o *optimist) calm() bool { return o.astray < 1./(2*strayShare) }

// frontier is the timestamp below which most of what was ever sent has arrived.
func (o *optimist) frontier(now hlc.Now) hlc.Timestamp {
	if !o.wait.primed {
		return 0
	}
	return o.local(now) - hlc.Timestamp(o.wait.value) - 1
}

// hold takes a direct copy: its payload, and its place in the optimistic order.
// What comes too late, twice, or after its conservative delivery is dropped;
// what is beyond the bounds too: it comes with its value then.
func (o *optimist) hold(c *Core, m *sealed, direct bool) {
	if !o.on {
		return
	}
	t, msg := &c.cfg.Tuning, m.message
	own := !m.cast && len(msg.Dests) == 1 && c.home.lead.phase == leading
	if !o.timely(c, msg) || msg.Attempt == 0 || msg.Attempt > maxAttempt {
		c.counters.CopiesDropped++
		return
	}
	if direct && !o.known(msg) {
		o.observe(c.now, msg, own)
	}
	if o.count >= t.MaxHeld || o.count > 0 && o.bytes+msg.size() > t.MaxHeldSize {
		c.counters.CopiesRefused++
		return
	}
	from := o.origin(msg.Command.Client)
	var r *record
	if from != nil {
		if msg.Command.Sequence < from.low {
			c.counters.CopiesDropped++
			return
		}
		// One that casts and never proposes must not take all the room.
		if msg.T0 > from.blind && (from.held == 0 || from.held < t.MaxHeld/heldShare && from.bytes+msg.size() <= t.MaxHeldSize/heldShare) {
			r = o.open(from, msg.Command.Sequence)
		}
	}
	if r == nil {
		c.counters.CopiesRefused++
		return
	}
	bit := uint32(1) << (msg.Attempt - 1)
	if (r.cons|r.opt)&bit != 0 || r.copy(msg.Attempt) != nil {
		c.counters.CopiesDropped++
		return
	}
	from.expires = max(from.expires, msg.T0.Add(t.Horizon))
	if m.digest == 0 {
		m.digest = msg.Digest()
	}
	m.arrived = c.now.Mono
	m.place = c.orders(msg.Dests).placeOf(msg)
	h := o.add(from, r, m)
	if own && t.OptimisticWait == 0 && !o.calm() {
		c.home.lead.newest, h.early = m.place, true
		o.ready.push(h)
	} else {
		o.queue.push(h)
		o.waiting.push(h)
	}
	c.unpark(h)
}

// placeOf is where a message belongs that has just come. e orders it, or is nil.
func (e *ensemble) placeOf(m *Message) hlc.Timestamp {
	if e == nil || e.lead.phase == idle {
		return m.T0
	}
	return max(m.T0, e.lead.newest+1)
}

// known says whether a copy is a further one: that comes late says nothing of how
// long copies take, and of their order.
func (o *optimist) known(m *Message) bool {
	from := o.lookup(m.Command.Client)
	if from == nil {
		return false
	}
	r := from.find(m.Command.Sequence)
	return m.Command.Sequence < from.low || r != nil && ((r.cons|r.opt)>>(m.Attempt-1)&1 != 0 || r.copy(m.Attempt) != nil)
}

// timely says whether a copy may yet be of use: neither late nor too far ahead.
// Only such a one says anything of how long copies take.
func (o *optimist) timely(c *Core, m *Message) bool {
	present, t := c.home.time(c.now), &c.cfg.Tuning
	return m.T0 <= present.Add(t.Window) && m.T0.Add(t.Horizon) >= max(present, o.merged)
}

// payload finds the message that n names, if its copy is held.
func (o *optimist) payload(n *name, digest uint64) *Message {
	from := o.lookup(n.copy.command.Client)
	if from == nil {
		return nil
	}
	r := from.find(n.copy.command.Sequence)
	if r == nil {
		return nil
	}
	if h := r.copy(n.copy.attempt); h != nil && n.is(h.message, h.digest, digest) {
		return h.message
	}
	return nil
}

// limits are how long after T0, and after its arrival at most, a message waits
// to be opt-delivered. By default no longer than a small share of what
// optimistic delivery saves.
func (o *optimist) limits(t *Tuning) (w hlc.Timestamp, most time.Duration) {
	switch {
	case t.OptimisticWait < 0:
		return 0, 0
	case t.OptimisticWait > 0:
		return hlc.Timestamp(t.OptimisticWait / time.Microsecond), t.OptimisticWait
	case o.calm():
		return 0, 0
	}
	return hlc.Timestamp(o.wait.value), o.latency / 4
}

// due is when, on the monotonic clock, the first in the heap is delivered:
// when its own wait has ended, or that of any that arrived before.
func (o *optimist) due(t *Tuning) time.Duration {
	switch {
	case o.ready.head != nil:
		return 0
	case len(o.queue) == 0:
		return never
	}
	w, most := o.limits(t)
	at := (o.queue[0].message.T0 + w).Sub(o.anchor)
	return max(0, min(at, o.waiting.head.arrived+most))
}

// NextOptimistic pulls the next optimistic delivery. A driver pulls until there
// is none before each call of Next: then what is delivered conservatively is
// delivered optimistically before, and never twice. Without Tuning.Optimistic
// there is none.
func (c *Core) NextOptimistic() (OptDelivery, bool) {
	o := &c.opt
	if !o.on || c.err != nil {
		return OptDelivery{}, false
	}
	for o.due(&c.cfg.Tuning) <= c.now.Mono {
		h := c.upcoming()
		o.take(h)
		if h.message.T0.Add(c.cfg.Tuning.Horizon) < o.merged {
			o.drop(h) // every copy is late
			continue
		}
		return c.give(h, false), true
	}
	e, key := c.candidate()
	if e == nil {
		return OptDelivery{}, false
	}
	return c.force(e.stream.front().message, key)
}

// upcoming is the next copy to be opt-delivered, if one is due: the first of those that
// need not wait, but for messages of several partitions that will be ordered before it,
// which it would overtake.
func (c *Core) upcoming() *held {
	o := &c.opt
	if h := o.ready.head; h != nil && (len(o.queue) == 0 || c.home.before(h, o.queue[0])) {
		return h
	}
	return o.queue[0]
}

// give opt-delivers a copy.
func (c *Core) give(h *held, forced bool) OptDelivery {
	o, m := &c.opt, h.message
	h.origin.find(m.Command.Sequence).opt |= 1 << (m.Attempt - 1)
	h.given = true
	c.home.foresee(h)
	if e := c.orders(m.Dests); e != nil {
		e.lead.newest = max(e.lead.newest, h.place)
	}
	if len(m.Dests) > 1 {
		o.severalGiven.add(h.place)
		// What this process stamps is behind those as well, but does not follow a
		// clock that is far ahead.
		if h.place <= c.home.time(c.now).Add(c.cfg.Tuning.Lead) {
			c.home.lead.newest = max(c.home.lead.newest, h.place)
		}
	}
	h.again = c.now.Mono + c.againAfter()
	o.listed.push(h)
	c.counters.Optimistic++
	if forced {
		c.counters.Forced++
	} else {
		o.early += (c.now.Mono - h.arrived - o.early) / 16
	}
	return OptDelivery{Message: m, Forced: forced, Leads: c.home.lead.phase == leading, At: h.at}
}

// force opt-delivers what is about to be cons-delivered at key, if it has not
// been and the layer above may accept it.
func (c *Core) force(m *Message, key ids.Position) (OptDelivery, bool) {
	o := &c.opt
	if o.forced == key || !c.acceptable(m, key.T) {
		return OptDelivery{}, false
	}
	from := o.origin(m.Command.Client)
	if from != nil && m.Attempt <= maxAttempt {
		if m.Command.Sequence < from.low {
			return OptDelivery{}, false
		}
		if r := o.open(from, m.Command.Sequence); r != nil {
			bit := uint32(1) << (m.Attempt - 1)
			if r.opt&bit != 0 {
				return OptDelivery{}, false
			}
			from.expires = max(from.expires, m.T0.Add(c.cfg.Tuning.Horizon))
			o.forced = key
			if h := r.copy(m.Attempt); h != nil {
				o.take(h)
				return c.give(h, true), true
			}
			r.opt |= bit
		}
	}
	o.forced = key
	c.counters.Optimistic++
	c.counters.Forced++
	return OptDelivery{Message: m, Forced: true}, true
}

// lacks says whether a message about to be cons-delivered at key may have to be
// opt-delivered first.
func (c *Core) lacks(m *Message, key ids.Position) bool {
	if !c.acceptable(m, key.T) {
		return false
	}
	from := c.opt.lookup(m.Command.Client)
	if from == nil || m.Attempt > maxAttempt {
		return true
	}
	r := from.find(m.Command.Sequence)
	return m.Command.Sequence >= from.low && (r == nil || r.opt>>(m.Attempt-1)&1 == 0)
}
