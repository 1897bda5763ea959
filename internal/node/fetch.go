package node

import (
	"errors"
	"fmt"
	"slices"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// errUnkept: in the state is unfinished what this replica has had forgotten.
var errUnkept = errors.New("node: less is finished in the state than this replica has told")

// offered begins to fetch, if the offer serves.
func (r *receiver) offered(m *Manifest) {
	n := r.n
	need := r.need()
	positions := n.ridge.Positions().Ensembles
	fits := slices.EqualFunc(positions, m.Positions.Ensembles, func(a, b ridge.At) bool {
		return a.Ensemble == b.Ensemble && b.Valid()
	})
	if fits && m.Service == n.service() && !n.cfg.Service.Carries(m.Version) {
		n.fail(fmt.Errorf("%w (the state that process %d has is of version %d, which this program does not carry)", ErrService, r.from, m.Version))
		return
	}
	if !fits || m.Partition != n.partition || m.Service != n.service() || m.MapVersion != n.mapVersion() || !serves(&m.Positions, &need) || m.Number <= r.base {
		r.counts.refused++
		r.unanswered()
		return
	}
	if n.keeper.making != nil {
		r.next = n.now.Mono + r.wait // the offer is repeated
		return
	}
	r.phase, r.moved, r.exhausted = fetching, n.now.Mono, false
	n.ridge.Await(m.Positions)
	r.manifest = m
	if r.base != 0 {
		r.builder.Later()
		r.fetch()
		return
	}
	r.counts.started++
	r.gap = min(max(2*r.gap, gapFirst), gapMost)
	r.after = n.now.Mono + r.gap
	r.builder = partition.NewBuilder(n.replicaConfig())
	if n.cfg.Durable {
		n.keeper.numbers++
		r.number = n.keeper.numbers
	}
	r.fetch()
}

// window is how many more chunks may be under way.
func (r *receiver) window() uint32 {
	return uint32(max(r.n.cfg.Transfer.Outstanding-len(r.storing), 0))
}

// fetch acknowledges and asks for more, as far as the rate allows.
func (r *receiver) fetch() {
	now := r.n.now.Mono
	if now >= r.grant {
		r.until = max(r.until, r.taken+r.window())
	}
	r.wait = r.timeout()
	r.sendFetch()
}

func (r *receiver) sendFetch() {
	r.until = max(r.until, r.taken)
	r.n.send(ids.To(r.from), &Fetch{Transfer: r.transfer, Next: r.taken, Until: r.until})
	r.next = r.n.now.Mono + r.wait
	if r.until < r.taken+r.window() {
		r.next = min(r.next, max(r.grant, r.n.now.Mono+1))
	}
}

// fetchAgain asks again for what has not come, or for what may come now.
func (r *receiver) fetchAgain() {
	n := r.n
	now := n.now.Mono
	if t := n.cfg.Ridge.FailureTimeout; now-r.heard > quietTimeouts*t || now-r.moved > stuckTimeouts*t {
		r.failed()
		return
	}
	if r.until < r.taken+r.window() && now >= r.grant {
		r.fetch()
		return
	}
	r.wait = min(2*r.wait, n.cfg.Ridge.FailureTimeout)
	r.sendFetch()
}

// chunk takes a chunk, and those behind it that came before.
func (r *receiver) chunk(m *Chunk) {
	switch {
	case m.CRC != m.crc():
		r.counts.damaged++
		if r.bad++; r.bad == badMost {
			r.failed()
		}
		return
	case m.Index < r.taken:
		return // again
	case m.Index >= r.until || m.Index >= r.taken+maxOutstanding:
		r.counts.refused++
		return
	}
	r.chunks[m.Index%maxOutstanding] = m
	took := false
	for r.phase == fetching {
		c := r.chunks[r.taken%maxOutstanding]
		if c == nil {
			break
		}
		r.chunks[r.taken%maxOutstanding] = nil
		r.taken++
		r.take(c)
		took = true
	}
	if took && (r.phase == fetching || r.phase == committing) {
		r.fetch()
	}
}

// take adds a chunk's items to the state.
func (r *receiver) take(c *Chunk) {
	r.moved, r.bad = r.n.now.Mono, 0
	r.bytes += uint64(len(c.Data))
	pace := r.n.cfg.Transfer.pace(len(c.Data))
	if r.base == 0 {
		pace *= 2 // in no hurry, until a state has come too late
	}
	r.grant = max(r.grant, r.n.now.Mono) + pace
	data := c.Data
	if c.More || r.part != nil {
		r.part = append(r.part, data...)
		data = r.part
	}
	if c.More && !c.Last && len(data) <= maxItem {
		return
	}
	r.part = nil // the builder keeps what it needs of it
	items, err := readItems(data, r.scratch)
	r.scratch = items
	if err == nil {
		err = r.builder.Add(items)
	}
	if err != nil {
		r.counts.refused++
		r.failed()
		return
	}
	r.items += uint64(len(items))
	if r.n.cfg.Durable && len(items) > 0 {
		r.store(&Install{Number: r.number, First: !r.stores, Items: slices.Clone(items)})
		r.stores = true
	}
	if c.Last {
		r.complete(c.Sum)
	}
}

func (r *receiver) store(work any) {
	if r.storing == nil {
		r.storing = make(map[uint64]bool)
	}
	r.storing[r.n.job(work)] = true
}

// complete checks the whole state.
func (r *receiver) complete(sum partition.Sum) {
	if need := r.need(); r.n.cfg.Durable && sum == r.manifest.Sum && !serves(&r.manifest.Positions, &need) {
		r.overtaken()
		return
	}
	var err error
	var built *partition.Replica
	if r.n.cfg.Durable && sum != r.manifest.Sum {
		err = fmt.Errorf("%w: the end of another checkpoint than the one offered", wire.ErrMalformed)
	} else {
		built, err = r.builder.Done(sum)
	}
	if err == nil && !built.Keeps(r.n.replica) {
		// The donor has it later, if it does not need a state itself.
		r.fresh = true
		built.Close()
		err = errUnkept
	}
	if err != nil {
		r.counts.refused++
		r.failed()
		return
	}
	r.built = built
	r.phase, r.next = committing, partition.Never
	if !r.n.cfg.Durable {
		r.adopt()
		return
	}
	m := *r.manifest
	m.Number, m.Sum = r.number, sum
	r.manifest = &m
	r.store(&Commit{Manifest: &m})
}

// overtaken goes on from a state that came too late: instances that follow it
// are forgotten. The same donor has a newer one, and what that has otherwise
// comes sooner than all did: in the end soon enough, if states can be fetched
// faster than they change.
func (r *receiver) overtaken() {
	n := r.n
	r.counts.overtaken++
	r.base, r.transfer = r.manifest.Number, n.cfg.Random()
	clear(r.chunks[:])
	r.taken, r.until, r.bad, r.part = 0, 0, 0, nil
	r.phase, r.began, r.heard, r.wait = asking, n.now.Mono, n.now.Mono, r.timeout()
	r.want()
}

// stored takes what became of a piece of work on the disk.
func (r *receiver) stored(j Job, res *Result) {
	if !r.storing[j.ID] {
		return // of a transfer that was given up
	}
	delete(r.storing, j.ID)
	switch _, commit := j.Work.(*Commit); {
	case res.Full:
		r.n.keeper.full++
		r.failed()
		r.after = max(r.after, r.n.now.Mono+fullRetry)
		r.next = max(r.next, r.after)
	case res.Err != nil:
		r.n.fail(fmt.Errorf("a received checkpoint: %w", res.Err))
	case commit:
		r.adopt()
	case r.phase == fetching:
		r.fetch()
	}
}
