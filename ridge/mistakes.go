package ridge

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// mistakes compares the optimistic order with the conservative one, and looks
// after what one of them lacks.
//
// Counted is every conservative delivery that is not the next optimistic one.
// What should have been is put aside then, and counts when it comes: so two
// that change places count twice, as position by position, but one that is
// missing or late does not make all that follows it wrong.
type mistakes struct {
	listed list // opt-delivered and not cons-delivered, in optimistic order
	strays list // those put aside
}

// compare compares a first conservative delivery. h is its copy, or nil; late
// says that it was opt-delivered only just now, for its sake.
func (o *optimist) compare(c *Core, h *held, late bool) {
	c.counters.Compared++
	if o.listed.head == h {
		return // the next one, or one without a copy where none is outstanding
	}
	c.counters.Mistakes++
	if first := o.listed.head; first != nil && !late && h != nil && h.list == &o.listed {
		first.unlink()
		o.strays.push(first)
	}
}

// againAfter is how long an opt-delivered message may lack its conservative
// delivery before this process multicasts it again: one replica after another,
// so that mostly one does.
func (c *Core) againAfter() time.Duration {
	n := time.Duration(1)
	for _, p := range c.cfg.Topology.Replicas[c.partition] {
		if p == c.cfg.Self {
			break
		}
		if !c.Suspected(p) {
			n++
		}
	}
	return n * c.timeout
}

// maxAgain bounds the messages multicast again at a time.
const maxAgain = 64

// again multicasts, on its sender's behalf and byte-identical, what was
// opt-delivered and is not cons-delivered in time: equivalence. Past T0 + H no
// copy is accepted any more, and it is given up.
func (o *optimist) again(c *Core) {
	for n := 0; n < maxAgain; n++ {
		h := o.listed.head
		if s := o.strays.head; s != nil && (h == nil || s.again < h.again) {
			h = s
		}
		if h == nil || c.now.Mono < h.again {
			return
		}
		if h.message.T0.Add(c.cfg.Tuning.Horizon) < max(o.merged, c.home.time(c.now)) {
			c.counters.GivenUp++
			o.drop(h)
			continue
		}
		h.unlink()
		h.again = c.now.Mono + c.againAfter()
		o.strays.push(h)
		c.counters.Again++
		c.multicastAgain(h)
	}
}

// multicastAgain hands a copy to its ensemble's coordinator. It makes no claim
// that others have it: they may have not, or no more.
func (c *Core) multicastAgain(h *held) {
	e := c.orders(h.message.Dests)
	if e == nil {
		return
	}
	p := &Propose{Ensemble: e.id, Hops: 1, Message: h.message, raw: h.raw, digest: h.digest}
	if e.lead.phase != idle {
		e.admit(p.sealed())
		return
	}
	c.turn++
	if to := e.way(c.turn); to != ids.Process(0) {
		c.send(to, p)
	}
}
