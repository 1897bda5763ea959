package ridge

import (
	"slices"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// maxParked bounds the values that wait for payloads, per ensemble. Beyond it
// they are dropped: a coordinator repeats Phase 2, with all payloads, and a
// learner fetches.
const maxParked = 256

// lack asks for the payloads of entries of a value that came without them.
type lack struct {
	Ensemble ids.Ensemble
	Instance ids.Instance
	ID       ValueID
	// Entries in rising order.
	Entries []uint32
}

// supply answers lack: the value, with the payloads asked for.
type supply struct {
	Ensemble ids.Ensemble
	Instance ids.Instance
	Value    *Value
}

// parked is a value some of whose payloads this process lacks. What came with
// it is acted upon once it is complete, no earlier: an acceptor that voted for
// a payload that it does not hold could lose it [R6].
type parked struct {
	instance ids.Instance
	value    *Value
	// accept is the PHASE 2 that brought it, place the place in its chain; or
	// else it is decided and nearest knew first.
	accept  *accept
	place   int
	nearest ids.Process
}

// enough says whether v has all payloads that this process needs: an acceptor
// all, since it may be asked for any [R6]; a mere learner those addressed to it.
func (e *ensemble) enough(v *Value) bool {
	if v.absent == 0 || e.self >= 0 {
		return v.absent == 0
	}
	for i := range v.Entries {
		if v.Entries[i].Message == nil && v.names[i].dests.Has(e.c.partition) {
			return false
		}
	}
	return true
}

// complete fills what is at hand into v, the value of instance k: the payloads
// of the same value, voted for or learned before, or those of direct copies.
func (e *ensemble) complete(k ids.Instance, v *Value) *Value {
	o := &e.c.opt
	if v.absent > 0 {
		if held := e.valueOf(k, v.ID); held != nil {
			v = v.with(held)
		}
	}
	if !o.on {
		return v
	}
	if v.absent < len(v.Entries) && len(o.origins) > 0 {
		for i := range v.Entries {
			if m := v.Entries[i].Message; m != nil && v.cast.has(i) && o.held(m) != nil {
				e.c.counters.PayloadsTwice++
			}
		}
	}
	return v.fill(o.payload)
}

// park keeps a value until its payloads are there, and asks from for them. It
// takes the place of one that the same instance had of an earlier round. It is
// asked for once: what is lost comes with a repetition of Phase 2, or is
// fetched.
func (e *ensemble) park(from ids.Process, p parked) {
	i := slices.IndexFunc(e.parked, func(q parked) bool {
		return q.instance == p.instance && (q.accept == nil) == (p.accept == nil)
	})
	switch {
	case i < 0 && len(e.parked) >= maxParked:
		e.c.counters.Dropped++
		return
	case i < 0:
		e.parked = append(e.parked, p)
		i = len(e.parked) - 1
	default:
		q := &e.parked[i]
		if p.accept != nil && p.accept.Round.Less(q.accept.Round) {
			return
		}
		if q.value.ID == p.value.ID {
			p.value = p.value.with(q.value)
		}
		*q = p
	}
	if q := &e.parked[i]; e.enough(q.value) { // with what had come already
		e.filled(func(p *parked) *Value { return p.value })
		return
	}
	e.ask(from, &e.parked[i])
}

func (e *ensemble) ask(from ids.Process, p *parked) {
	m := &lack{Ensemble: e.id, Instance: p.instance, ID: p.value.ID}
	for i := range p.value.Entries {
		if p.value.Entries[i].Message == nil && (e.self >= 0 || p.value.names[i].dests.Has(e.c.partition)) {
			m.Entries = append(m.Entries, uint32(i))
		}
	}
	e.c.counters.Asks++
	e.c.counters.PayloadsAsked += uint64(len(m.Entries))
	e.c.send(from, m)
}

// unpark gives a copy that has just come to the values that lack it.
func (c *Core) unpark(h *held) {
	for _, e := range c.ensembles {
		if len(e.parked) > 0 {
			e.filled(func(p *parked) *Value {
				return p.value.fill(func(n *name, digest uint64) *Message {
					if n.is(h.message, h.digest, digest) {
						return h.message
					}
					return nil
				})
			})
		}
	}
}

// filled lets fill add payloads to what is parked, and acts on what is
// complete then or of no use any more.
func (e *ensemble) filled(fill func(*parked) *Value) {
	var ready []parked
	e.dropParked()
	for i := range e.parked {
		p := &e.parked[i]
		if v := fill(p); v != p.value {
			p.value = v
		}
		if e.enough(p.value) {
			ready = append(ready, *p)
		}
	}
	if len(ready) == 0 {
		return
	}
	e.parked = slices.DeleteFunc(e.parked, func(p parked) bool { return e.enough(p.value) })
	for i := range ready {
		e.resume(e.c.now, &ready[i])
	}
}

// dropParked forgets what is parked and of no use any more.
func (e *ensemble) dropParked() {
	e.parked = slices.DeleteFunc(e.parked, func(p parked) bool { return e.settled(&p) })
}

// settled says whether a parked value is of no use any more.
func (e *ensemble) settled(p *parked) bool {
	s := e.log.at(p.instance)
	if p.accept != nil {
		// Voted for, when it came again with its payloads, or decided and held.
		done := s != nil && (s.chosen != nil || s.value != nil && s.round == p.accept.Round)
		return done || p.instance <= e.log.base || e.outdated(p.accept.Round)
	}
	return p.instance < e.next || s != nil && s.chosen != nil
}

// resume does what the arrival of a complete value would have done.
func (e *ensemble) resume(now hlc.Now, p *parked) {
	if p.accept == nil {
		e.learn(p.instance, p.value.ID, p.value, p.nearest)
		return
	}
	m := *p.accept
	m.Value = p.value
	e.accept(now, &m, p.place)
}

// onAsk supplies payloads of a value held here: a vote, a decision, or, at the
// coordinator, a proposal.
func (e *ensemble) onAsk(from ids.Process, m *lack) {
	e.member(from).asked(e)
	v := e.valueOf(m.Instance, m.ID)
	if v == nil {
		return
	}
	next, room := 0, pageBytes
	v = v.without(func(i int) bool {
		for next < len(m.Entries) && int(m.Entries[next]) < i { // lacked here too
			next++
		}
		if next == len(m.Entries) || int(m.Entries[next]) != i {
			return true
		}
		size := v.Entries[i].Message.size()
		if room < size && room < pageBytes {
			return true // the next question's
		}
		room -= size
		return false
	})
	e.c.send(from, &supply{Ensemble: e.id, Instance: m.Instance, Value: v})
}

// valueOf finds a value that this process holds, or nil.
func (e *ensemble) valueOf(k ids.Instance, id ValueID) *Value {
	if s := e.log.at(k); s != nil {
		for _, v := range [...]*Value{s.value, s.chosen} {
			if v != nil && v.ID == id {
				return v.whole()
			}
		}
	}
	for i := range e.lead.open {
		if o := &e.lead.open[i]; o.instance == k && o.value.ID == id {
			return o.value
		}
	}
	return nil
}

// onSupply takes payloads that were asked for, and asks for what did not fit.
func (e *ensemble) onSupply(from ids.Process, m *supply) {
	news := false
	match := func(p *parked) bool { return p.instance == m.Instance && p.value.ID == m.Value.ID }
	e.filled(func(p *parked) *Value {
		v := p.value
		if match(p) {
			v = v.with(m.Value)
			news = news || v != p.value
		}
		return v
	})
	for i := range e.parked {
		if p := &e.parked[i]; news && match(p) {
			e.ask(from, p)
		}
	}
}
