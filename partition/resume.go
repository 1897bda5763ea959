package partition

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// expect has clients' records forgotten when it is time.
func (b *Builder) expect() {
	t := b.r.table
	clients := slices.SortedFunc(maps.Keys(t.clients), func(a, b ids.Client) int { return slices.Compare(a[:], b[:]) })
	for _, c := range clients {
		t.expiry.push(int64(t.clients[c].expires), c)
	}
	t.restored(clients)
}

// inOrder are the values in the order of their positions.
func inOrder[T any](m map[ids.Position]T) []T {
	out := make([]T, 0, len(m))
	for _, p := range slices.SortedFunc(maps.Keys(m), comparePositions) {
		out = append(out, m[p])
	}
	return out
}

func comparePositions(p, q ids.Position) int {
	return cmp.Or(cmp.Compare(p.T, q.T), cmp.Compare(p.E, q.E))
}

// resume takes the unfinished commands on their way again, in their order, with
// what others have said about them. Each has its verdict; so it goes behind
// those that it conflicts with, as at its delivery, and what had started does
// again. Its code runs from its start, and finds what it found: whoever writes
// what it reads waits for it, here and elsewhere.
//
// Finished commands have their places in the outbox among them.
func (r *Replica) resume(queue []*queued, finished []*outgoing) error {
	for _, q := range queue {
		for len(finished) > 0 && finished[0].Position.Less(q.Position) {
			r.reopen(finished[0])
			finished = finished[1:]
		}
		if len(finished) > 0 && finished[0].Position == q.Position {
			return fmt.Errorf("command %v at %v is finished and is not", q.Command, q.Position)
		}
		if err := r.readmit(q); err != nil {
			return fmt.Errorf("command %v at %v: %w", q.Command, q.Position, err)
		}
	}
	for _, o := range finished {
		r.reopen(o)
	}
	all := slices.Clone(r.queue.all())
	r.drain()
	for i, c := range all {
		if o := c.out; queue[i].sent && o != nil && o.signal {
			o.sentSignal, o.sentVars, o.sentParts = true, len(o.vars), len(o.parts)
		}
	}
	r.endStep()
	if r.outbox.line.live > 0 {
		r.outbox.askDue = 0 // what others have finished is not known here
	}
	if !r.config.Durable {
		r.outbox.tellDue = 0
		for q := range r.outbox.shared {
			r.outbox.shared[q] = true
		}
	}
	return nil
}

func (r *Replica) reopen(o *outgoing) {
	r.outbox.open(o)
	r.outbox.bytes += o.bytes + 200
}

func (r *Replica) readmit(q *queued) error {
	d := Delivery{
		Position: q.Position, Command: q.Command, Attempt: q.Attempt, Dests: q.dests,
		Body: q.body, Proposed: q.proposed, Nearest: q.nearest,
	}
	if !r.service.Carries(q.version) {
		return r.uncarried(q.version)
	}
	c := r.spare.takeCommand()
	req, err := DecodeRequest(q.body)
	now := r.inForce
	r.inForce = q.version // as it was at its delivery
	r.fill(c, &d, &req, err)
	r.inForce = now
	if err == nil && req.MapVersion != r.version() || c.needed != nil {
		return fmt.Errorf("it would have ended in retry")
	}
	r.line(c)
	c.kept, c.changed, c.asked = true, false, true
	invalid := r.counters.Invalid
	for i := range q.peers {
		r.absorb(c, c.in.peers[i].partition, &q.peers[i])
	}
	if r.counters.Invalid != invalid || r.err != nil {
		return fmt.Errorf("values that nobody sends")
	}
	c.changed = false
	return nil
}
