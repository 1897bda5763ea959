package ridge

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
)

// A message waits at its learners until every other ensemble that they subscribe
// to has reached its timestamp. With optimistic delivery these do not lead
// (nullLead), and to ask them takes two message delays. So a coordinator whose
// ensemble is of one partition stamps its messages behind their T0 instead, with
// what the others have reached already: nothing needs a final timestamp at or
// above T0.
//
// Invariants. Timestamps rise, and none is maxBehind or more below its T0: the
// layer above refuses what is W below. A message of several partitions of which
// this process knows, by its copy or its decision, and that is before this one by its
// place, stays before it: the optimistic order has them so. Where copies wait to be
// opt-delivered and this message does not, that goes for those that have been. What finished before
// this message was sent is before it as ever, since whatever was delivered here
// had this ensemble's timestamps pass it first.

// maxBehind bounds how far below its T0 a message is stamped.
func (t *Tuning) maxBehind() hlc.Timestamp {
	return hlc.Timestamp(min(20*time.Millisecond, t.Window/4) / time.Microsecond)
}

// behind says how messages of this ensemble are stamped behind their T0.
type behind struct {
	on bool
	// reached is what all others have reached; above is what messages that are
	// later than it by T0 are to be above, given what those are that overtake what
	// waits to be opt-delivered; least is how far behind they are at most.
	reached, above, given, least hlc.Timestamp
}

// behind is valid while nothing is learned.
func (e *ensemble) behind() (b behind) {
	c := e.c
	if !c.opt.on || len(c.ensembles) == 1 || len(e.spec.Partitions) > 1 {
		return b
	}
	b = behind{on: true, reached: never64, above: c.opt.several.top(), given: c.opt.severalGiven.top(), least: c.cfg.Tuning.maxBehind()}
	for _, o := range c.ensembles {
		if o != e {
			b.reached = min(b.reached, o.stream.last)
			decided := o.stream.highest().T
			b.above, b.given = max(b.above, decided), max(b.given, decided)
		}
	}
	return b
}

const never64 = hlc.Timestamp(1<<63 - 1)

// low is the timestamp for a message above last, as low as it may be. h is its copy,
// or nil.
func (b *behind) low(h *held, t0, last hlc.Timestamp) hlc.Timestamp {
	above := b.above
	if h != nil && h.early {
		above = b.given
	}
	return max(last+1, min(t0, max(above+1, t0-b.least)))
}

// stamp is a timestamp for a message, given the last one. Who executes it before
// its turn is told (OptDelivery.At): before or, of a message that is still waiting
// when it is opt-delivered, because its timestamp was chosen then.
func (e *ensemble) stamp(b *behind, s *sealed, last, physical, w hlc.Timestamp) hlc.Timestamp {
	t := max(s.message.T0, s.place)
	if !b.on {
		return clamp(t, last, physical, w)
	}
	h := e.c.opt.held(s.message)
	switch {
	case h != nil && h.at > 0:
		t = h.at
	case t >= b.reached:
		t = b.low(h, t, last)
	}
	t = clamp(t, last, physical, w)
	if h != nil {
		h.at = t
	}
	return t
}

// foresee chooses the timestamp of a message of this ensemble that is opt-delivered
// before it is proposed here.
func (e *ensemble) foresee(h *held) {
	if h.at > 0 || e.lead.phase != leading || len(h.message.Dests) > 1 {
		return
	}
	if t, low := e.foreseen(h); low {
		h.at, e.lead.foreseen = t, max(e.lead.foreseen, t)
	}
}

// foreseen is the timestamp that a message of this ensemble has or would be given now;
// low says that it is one behind its T0, which has to be remembered.
func (e *ensemble) foreseen(h *held) (t hlc.Timestamp, low bool) {
	if h.at > 0 {
		return h.at, false
	}
	last := max(e.lead.last, e.lead.foreseen)
	if b := e.behind(); b.on && h.place >= b.reached {
		return b.low(h, h.place, last), true
	}
	return max(h.place, last+1), false
}

// before says whether h, of this ensemble, will be ordered before o, of several
// partitions, that has its timestamp by its place.
func (e *ensemble) before(h, o *held) bool {
	t, _ := e.foreseen(h)
	return t <= o.place
}

// freshen asks the others to go on when there is not much room left below what
// they have reached: before anybody waits for it.
func (e *ensemble) freshen(b *behind, t0 hlc.Timestamp) {
	if !b.on || t0-b.reached < b.least/2 {
		return
	}
	for _, o := range e.c.ensembles {
		if o != e && o.stream.last < t0-b.least/2 {
			o.stream.wish = max(o.stream.wish, t0-b.least/4)
		}
	}
}
