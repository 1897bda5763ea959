package ridge

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// slot is what one process knows of one instance, as acceptor and as learner.
type slot struct {
	// round and value are the acceptor's last vote (v-rnd, v-val); value is
	// nil when it has not voted. Invariant: round <= the promised round.
	round Round
	value *Value
	// voters are the acceptors known to have voted for exactly (round,
	// value.ID), one bit each [R2].
	voters uint32
	// record is the number of the vote's record, zero if it needs none: the vote
	// may be told when that is durable (see Core.Records). prompt is its accept's.
	record uint64
	prompt bool

	// decided: id is decided. Invariant: id never changes once decided.
	decided bool
	id      ValueID
	// missed: when it was decided there was no value here; zero once one has come by itself.
	missed time.Duration
	// chosen is the decided value, once held.
	chosen *Value
	// kept: the journal has the decided value, as a vote or by itself.
	kept bool
	// nearest is the process that knew of the decision first, if known.
	nearest ids.Process

	// spare is a value that came in answer to a fetch, not known to be
	// decided, and heard the votes that came with such values [R3].
	spare *Value
	heard []heardVote

	// weight is what the slot counts for in the log's bytes.
	weight int
}

// strip keeps of a value that the merge has taken its bytes alone: the log may
// hold much, and the garbage collector looks for pointers in all that has any.
func (s *slot) strip() {
	bare := s.chosen.bare()
	if s.value == s.chosen {
		s.value = bare
	}
	s.chosen = bare
}

// heardVote is another acceptor's vote: an index, not a process.
type heardVote struct {
	acceptor int
	round    Round
	id       ValueID
}

// note takes note of another acceptor's vote: its last.
func (s *slot) note(v heardVote) {
	for i := range s.heard {
		if h := &s.heard[i]; h.acceptor == v.acceptor {
			if h.round.Less(v.round) {
				*h = v
			}
			return
		}
	}
	s.heard = append(s.heard, v)
}

// equal are the acceptors known to have voted for id in round.
func (s *slot) equal(round Round, id ValueID) (voters uint32) {
	for _, h := range s.heard {
		if h.round == round && h.id == id {
			voters |= 1 << h.acceptor
		}
	}
	return voters
}

// instanceLog holds the slots above base in a ring.
type instanceLog struct {
	// base: instances up to it are forgotten. At an acceptor it is the trim
	// mark. It never falls.
	base  ids.Instance
	ring  []slot // a power of two long
	head  int    // where base+1 is
	count int    // slots in use
	bytes int    // sum of weights
	limit int    // most slots ever
}

// end is the highest instance with a slot, or base.
func (l *instanceLog) end() ids.Instance { return l.base + ids.Instance(l.count) }

// at is the slot of k, or nil.
func (l *instanceLog) at(k ids.Instance) *slot {
	if k <= l.base || k > l.end() {
		return nil
	}
	return &l.ring[(l.head+int(k-l.base-1))&(len(l.ring)-1)]
}

// open is the slot of k, made if need be; nil when k is forgotten or too far
// ahead. Earlier pointers to slots become invalid.
func (l *instanceLog) open(k ids.Instance) *slot {
	if k <= l.base || k-l.base > ids.Instance(l.limit) {
		return nil
	}
	n := int(k - l.base)
	if n > len(l.ring) {
		l.grow(n)
	}
	l.count = max(l.count, n)
	return l.at(k)
}

func (l *instanceLog) grow(n int) {
	size := max(16, len(l.ring))
	for size < n {
		size *= 2
	}
	ring := make([]slot, size)
	for i := range l.count {
		ring[i] = l.ring[(l.head+i)&(len(l.ring)-1)]
	}
	l.ring, l.head = ring, 0
}

// weigh brings bytes up to date after s has changed.
func (l *instanceLog) weigh(s *slot) {
	w := 0
	if s.chosen != nil {
		w = s.chosen.size()
	}
	if s.value != nil && s.value != s.chosen {
		w += s.value.size()
	}
	if s.spare != nil {
		w += s.spare.size()
	}
	l.bytes += w - s.weight
	s.weight = w
}

// trim forgets the instances up to k.
func (l *instanceLog) trim(k ids.Instance) {
	for l.count > 0 && l.base < k {
		s := &l.ring[l.head]
		l.bytes -= s.weight
		*s = slot{}
		l.head = (l.head + 1) & (len(l.ring) - 1)
		l.count--
		l.base++
	}
	l.base = max(l.base, k)
}
