package scale

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/sim"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/ridge"
)

// ring is a process of a ring as in Ring Paxos with unicast: the coordinator
// first, then the other acceptors, then the learners. A batch goes round once,
// gathering votes; after f+1 acceptors it is decided, and who gets it later
// delivers it at once. The acceptors before hear of the decision when it has
// come round. There are no failures, no Phase 1, and nothing is bounded: what
// is compared is how values spread.
//
// Batches are what has come to the coordinator when it runs, within the same
// bounds as Ridge's.
type ring struct {
	s       *system
	self    ids.Process
	place   int // in the ring; the coordinator is 0
	next    ids.Process
	members int
	waiting []*ridge.Message
	held    []*ringMessage // batches that await their decision, in order
	ready   []*ridge.Message
	out     []*ringMessage
}

// ringMessage is a batch on its way or, once it has come round, its decision.
type ringMessage struct {
	batch   []*ridge.Message
	bytes   int
	decided bool // the batch stays behind
}

const kindRing = wire.Kind(0xfd)

func (*reply) Append(b []byte) []byte       { return append(b, make([]byte, replyBytes)...) }
func (*ringMessage) Kind() wire.Kind        { return kindRing }
func (*ringMessage) Append(b []byte) []byte { return b }

// ringHeader is instance, round and votes.
const ringHeader = 64

func (m *ringMessage) size() int {
	if m.decided {
		return ringHeader
	}
	return ringHeader + m.bytes
}

func newRing(s *system, members []ids.Process, place int) *ring {
	return &ring{s: s, self: members[place], place: place, next: members[(place+1)%len(members)], members: len(members)}
}

// Step implements core.
func (r *ring) Step(_ hlc.Now, _ ids.Addr, m wire.Message) {
	switch m := m.(type) {
	case *ridge.Propose:
		r.waiting = append(r.waiting, m.Message)
	case *ringMessage:
		if m.decided { // to the acceptors before the last
			r.ready = append(r.ready, r.held[0].batch...)
			r.held = r.held[:copy(r.held, r.held[1:])]
			if r.place+1 < r.s.plan.F {
				r.out = append(r.out, m)
			}
			return
		}
		r.pass(m)
	}
}

// pass votes for a batch, if this is an acceptor, and passes it on.
func (r *ring) pass(m *ringMessage) {
	if r.place < r.s.plan.F {
		r.held = append(r.held, m)
	} else {
		r.ready = append(r.ready, m.batch...)
	}
	if r.place == r.members-1 {
		m = &ringMessage{decided: true}
	}
	r.out = append(r.out, m)
}

// Tick implements core.
func (r *ring) Tick(hlc.Now) {}

// Wake implements core.
func (r *ring) Wake() time.Duration { return sim.Never }

// Drain implements core.
func (r *ring) Drain(at time.Duration, send func(ids.Addr, wire.Message)) (delivered int) {
	t := ridge.DefaultTuning()
	for len(r.waiting) > 0 {
		m := &ringMessage{}
		n := 0
		for n < len(r.waiting) && n < t.MaxBatchCount && (n == 0 || m.bytes+entryBytes+len(r.waiting[n].Body) <= t.MaxBatchBytes) {
			m.bytes += entryBytes + len(r.waiting[n].Body)
			n++
		}
		m.batch = append(m.batch, r.waiting[:n]...)
		r.waiting = r.waiting[:copy(r.waiting, r.waiting[n:])]
		r.pass(m)
	}
	for _, m := range r.out {
		send(ids.To(r.next), m)
	}
	r.out = r.out[:0]
	for _, m := range r.ready {
		r.s.delivered(r.self, m, at)
		if r.place == r.s.plan.F { // the last acceptor, which knows first
			send(ids.ToClient(m.Command.Client), &reply{m.Command})
		}
	}
	delivered = len(r.ready)
	clear(r.ready)
	r.ready = r.ready[:0]
	return delivered
}
