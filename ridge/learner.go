package ridge

import (
	"fmt"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// onDecision takes DECISION from the last acceptor of a chain.
func (e *ensemble) onDecision(from ids.Process, m *decision) {
	if e.acceptor(from) < 0 {
		e.c.counters.Dropped++
		return
	}
	e.learn(m.Instance, m.ID, nil, from)
}

// learn records that instance k decided the value named id, which is v unless
// nil, and hands on what has become contiguous. nearest is who knew first, or
// zero.
func (e *ensemble) learn(k ids.Instance, id ValueID, v *Value, nearest ids.Process) {
	e.seen = max(e.seen, k)
	s := e.log.open(k)
	if s == nil {
		if k > e.log.base {
			e.c.counters.Dropped++ // beyond the window; fetched later
		}
		return
	}
	if s.decided && s.id != id {
		e.c.fail(fmt.Errorf("%w: ensemble %d instance %d decided both %v and %v", ErrBroken, e.id, k, s.id, id))
		return
	}
	if !s.decided {
		s.decided, s.id = true, id
		if v == nil && s.value == nil && s.spare == nil {
			s.missed = e.c.now.Mono
		}
		if f := e.c.cfg.Learned; f != nil {
			f(e.id, k, id)
		}
	}
	e.closeOpen(k)
	if s.nearest == 0 {
		s.nearest = nearest
	}
	if s.chosen == nil {
		e.hold(k, s, v)
	}
	if s.chosen != nil && k == e.next {
		e.consume()
	}
}

// hold gives a decided slot its value, if that is at hand. A learner whose log
// is over its bound drops what it does not need next, to fetch it later [R11].
func (e *ensemble) hold(k ids.Instance, s *slot, v *Value) {
	switch {
	case s.value != nil && s.value.ID == s.id:
		v = s.value
	case v != nil && v.ID == s.id:
	case s.spare != nil && s.spare.ID == s.id:
		v = s.spare
	default:
		v = nil
	}
	if v == nil || v != s.value && k > e.next && e.log.bytes > e.c.cfg.Tuning.MaxLogBytes {
		return
	}
	s.kept = s.value != nil && s.value.ID == s.id
	s.chosen, s.value = v, v
	s.spare, s.heard = nil, nil
	e.log.weigh(s)
}

// consume hands contiguous decided values to the merge, while it has room.
func (e *ensemble) consume() {
	for e.stream.room() {
		s := e.log.at(e.next)
		if s == nil || s.chosen == nil {
			break
		}
		if ch := s.chosen.change; ch != nil {
			e.apply(ch)
		}
		e.stream.take(e.next, s.chosen, s.nearest)
		e.stream.taken.count(s.chosen)
		if e.c.skip.T != 0 {
			e.stream.skip(e.c.skip)
		}
		s.strip()
		e.next++
	}
	if e.self < 0 {
		e.log.trim(e.next - 1) // nobody asks a mere learner
	}
}
