package ridge

import (
	"fmt"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// Positions say where a merge stands: with a state that has taken in what was
// delivered so far, they are a checkpoint [C1].
type Positions struct {
	// Key: everything at or below it is delivered, nothing above it.
	Key       ids.Position
	Ensembles []At // in order of ensemble
	// Members are those of the ensembles that have changed. They may be newer than
	// Ensembles: a change that is taken again has no effect again.
	Members []Members
}

// At is a place in one ensemble's stream.
type At struct {
	Ensemble ids.Ensemble
	// Instance is the next to take. Of its entries those up to Key may have been
	// delivered: the merge interleaves the entries of batches [C1].
	Instance ids.Instance
	// Last is the final timestamp of the last entry or null before Instance.
	Last hlc.Timestamp
}

// Valid says whether there can be such a place.
func (a At) Valid() bool { return a.Instance >= 1 && a.Instance <= maxInstance }

// Positions is where the merge stands after what was pulled.
func (c *Core) Positions() Positions {
	p := Positions{Key: c.merged, Ensembles: make([]At, len(c.ensembles))}
	for i, e := range c.ensembles {
		p.Ensembles[i] = e.at()
	}
	p.Members = c.Members()
	return p
}

// at is where the ensemble's stream stands.
func (e *ensemble) at() At {
	s := &e.stream
	if s.head == len(s.items) {
		return At{Ensemble: e.id, Instance: e.next, Last: s.last}
	}
	return At{Ensemble: e.id, Instance: s.front().instance, Last: s.front().before}
}

// Jump has the streams go on at p: at a start, from a checkpoint, and after a
// state was received from another replica. Streams go forward only: one that
// stands further already stays there. Whatever is at or below p.Key is not
// delivered any more. The acceptor's votes stay.
func (c *Core) Jump(p Positions) {
	for _, at := range p.Ensembles {
		if !at.Valid() {
			c.fail(fmt.Errorf("%w: a position at instance %d of ensemble %d", ErrRecord, at.Instance, at.Ensemble))
			return
		}
	}
	c.Adopt(p.Members)
	if c.merged.Less(p.Key) {
		c.merged, c.skip = p.Key, p.Key
	}
	c.opt.merged = max(c.opt.merged, c.merged.T)
	for _, at := range p.Ensembles {
		if e := c.ensemble(at.Ensemble, true); e != nil {
			e.jump(at)
		}
	}
	c.unsettled = c.started
}

func (e *ensemble) jump(at At) {
	s, l := &e.stream, &e.lead
	if e.next < at.Instance {
		clear(s.items)
		s.items, s.head, s.count, s.bytes, s.cursor = s.items[:0], 0, 0, 0, cursor{}
		s.last, e.next = at.Last, at.Instance
		e.seen = max(e.seen, e.next-1)
		l.last, l.next = max(l.last, s.last), max(l.next, e.next)
		e.gap.at, e.lostSince, e.lost = never, never, false
	}
	s.skip(e.c.skip)
	e.trim(e.c.now)
	e.consume()
}

// skip removes the entries up to key.
func (s *stream) skip(key ids.Position) {
	for k, ok := s.first(); ok && !key.Less(k); k, ok = s.first() {
		s.next(new(Message))
		s.pop()
	}
}

// Stable takes note of the older of this replica's two durable checkpoints: it
// starts again from there at worst, and what comes before may be forgotten. In
// durable mode nothing else is, see trim.
func (c *Core) Stable(p Positions) {
	for _, at := range p.Ensembles {
		if e := c.ensemble(at.Ensemble, true); e != nil && at.Instance <= maxInstance && at.Instance > e.stable+1 {
			e.stable = at.Instance - 1
			e.acked = true
			c.tellAll()
		}
	}
}

// Whole takes note of how far this replica has been with a state to which nothing
// of the past is lacking any more: p is that of a checkpoint, and everything at
// or below its key is finished in the older of the two. What is short of room is
// forgotten when f+1 replicas of each partition say so. Stable would not do: what
// a state has unfinished is kept elsewhere, and forgotten there on the word of
// f+1 replicas, perhaps of others; then of three replicas that lack one thing
// each none could help another [C5].
func (c *Core) Whole(p Positions) {
	for _, at := range p.Ensembles {
		if e := c.ensemble(at.Ensemble, true); e != nil && at.Valid() {
			e.whole = max(e.whole, min(at.Instance-1, e.stable))
			e.acked = true
			c.tellAll()
		}
	}
}

// Await says that this process is about to have the state of p, and to Jump
// there. The acceptors then keep what follows, as far as they have room.
func (c *Core) Await(p Positions) {
	for _, at := range p.Ensembles {
		if e := c.ensemble(at.Ensemble, true); e != nil && at.Valid() {
			e.awaited = at.Instance - 1
			c.tellAll()
		}
	}
}

// Lost lists the ensembles in which what this process lacks is forgotten: it must
// have the state of another replica, and Jump. Instance is the lowest that may
// still be had. Meanwhile nothing more of them is delivered, and the acceptor
// goes on.
func (c *Core) Lost() (lost []At) {
	for _, e := range c.ensembles {
		if !e.lost {
			continue
		}
		low := ids.Instance(maxInstance) // of the other acceptors
		for i := range e.acceptors() {
			if trim := e.members[i].item.Trim; i != e.self && trim >= e.next {
				low = min(low, trim+1)
			}
		}
		if low == maxInstance {
			low = e.next + 1
		}
		// The log has moved on, where this process is an acceptor: no room is left
		// for what comes before.
		lost = append(lost, At{Ensemble: e.id, Instance: max(low, e.log.base+1)})
	}
	return lost
}

// taken counts decided values.
type taken struct{ instances, bytes uint64 }

func (t *taken) count(v *Value) {
	t.instances++
	t.bytes += uint64(v.size())
}

// Taken counts the instances, and their bytes, that Positions has left behind in
// this life, those for others included: what a log holds until a checkpoint covers
// it. What waits in the merge for another ensemble is not among them: a checkpoint
// would not cover it.
func (c *Core) Taken() (instances, bytes uint64) {
	for _, e := range c.ensembles {
		s := &e.stream
		if instances += s.taken.instances; s.head == len(s.items) {
			bytes += s.taken.bytes
			continue
		}
		instances -= uint64(e.next - s.front().instance)
		bytes += s.front().taken
	}
	return instances, bytes
}
