package simtest

import (
	"errors"
	"fmt"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/journal"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/store"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// driver is what stands between a durable core and its disk in one life of a
// process, as internal/host's does: it appends records, has one batch at a time
// committed, and does jobs one after another.
type driver struct {
	s    *server
	d    *disk
	node *node.Node
	j    *journal.Journal

	// pending are the records that the journal holds and that are not durable;
	// given counts those of this life that are.
	pending []appended
	given   uint64
	batch   *journal.Batch // being committed
	chore   *journal.Batch
	jobs    []node.Job // the first is under way if working
	working bool
	writer  store.Writer // of a checkpoint that is being written
	seal    func() error // makes it durable
	number  uint64
	err     error // of the disk: the process has to end
	// amid, if not nil, is told when the next batch is begun, and how long it takes.
	amid func(within time.Duration)
}

type appended struct {
	seq   uint64
	claim ridge.Claim
	own   bool // the node's own record
}

// journalled appends what the core has given.
func (v *driver) journalled() {
	for _, r := range v.node.Records() {
		seq := v.j.Append(uint32(r.Ensemble), uint64(r.Instance), r.Body...)
		if seq == 0 {
			v.broken(v.j.Err())
			return
		}
		claim, ok := r.Claim()
		if own := r.Ensemble == node.Own; own || ok {
			v.pending = append(v.pending, appended{seq, claim, own})
		} else {
			v.s.c.fail(fmt.Errorf("records: process %d gave one that cannot be read, of ensemble %d instance %d", v.s.process, r.Ensemble, r.Instance))
		}
	}
}

// work takes what else the core wants done, and begins what can be begun.
func (v *driver) work() {
	for _, t := range v.node.Trims() {
		v.j.Trim(uint32(t.Ensemble), uint64(t.UpTo))
		v.d.votes(t.Ensemble).trim(t.UpTo)
		v.d.stats.Trims++
	}
	v.jobs = append(v.jobs, v.node.Jobs()...)
	v.begin()
}

func (v *driver) begin() {
	w, id, disks := v.s.c.world, v.s.id, &v.s.c.shape.Disks
	if v.err != nil || v.s.stopped != nil {
		return
	}
	if v.batch == nil {
		if b := v.j.Take(); b != nil {
			v.batch = b
			took := v.d.took(disks.Sync)
			if v.amid != nil {
				v.amid(took)
				v.amid = nil
			}
			w.Do(id, took, func(now hlc.Now) { v.batch = nil; v.commit(now, b) })
		}
	}
	if v.chore == nil {
		if b := v.j.Upkeep(w.Now()); b != nil {
			v.chore = b
			w.Do(id, v.d.took(disks.Sync), func(now hlc.Now) { v.chore = nil; v.commit(now, b) })
		}
	}
	if !v.working && len(v.jobs) > 0 {
		v.working = true
		j := v.jobs[0]
		w.Do(id, v.d.took(disks.Job), func(now hlc.Now) { v.do(now, j) })
	}
}

// commit ends a batch.
func (v *driver) commit(now hlc.Now, b *journal.Batch) {
	if errors.Is(b.Commit(), journal.ErrNoRoom) && v.j.Durable() > 0 {
		v.batch = b
		v.d.stats.Waits++
		v.cramped()
		v.s.c.world.Do(v.s.id, v.d.took(roomEvery), func(now hlc.Now) { v.batch = nil; v.commit(now, b) })
		return
	}
	durable, err := v.j.Done(b)
	if v.j.Cramped() {
		v.cramped()
	}
	if err != nil {
		v.broken(err)
		return
	}
	n := 0
	for n < len(v.pending) && v.pending[n].seq <= durable {
		if p := &v.pending[n]; !p.own {
			v.d.votes(p.claim.Ensemble).note(p.claim)
		}
		n++
	}
	v.pending = append(v.pending[:0], v.pending[n:]...)
	v.given += uint64(n)
	v.node.Synced(durable)
	v.node.Durable(now, v.given)
}

// roomEvery is about how often a batch that waits for room is tried again.
const roomEvery = 250 * time.Millisecond

// cramped tells the core that there is no room, if it has not noticed.
func (v *driver) cramped() {
	if v.d.tight && !v.d.full {
		v.d.c.roomFor(v.d, false)
	}
}

// broken ends the process: its disk has failed.
func (v *driver) broken(err error) {
	if v.err == nil {
		v.err = fmt.Errorf("%w: %w", errDisk, err)
	}
}

// errDisk ends a process whose disk has failed.
var errDisk = errors.New("the disk failed")

// do does a job, or the next step of it.
func (v *driver) do(now hlc.Now, j node.Job) {
	var r node.Result
	switch w := j.Work.(type) {
	case *node.Write:
		if v.number != w.Manifest.Number {
			v.endWrite() // what is left of a state that was not received to its end
			r.Err = v.beginWrite(w)
		}
		if r.Err == nil && v.writer != nil && v.seal == nil {
			more := false
			if more, r.Err = v.writeSome(w); r.Err == nil {
				if !more {
					v.seal = func() error { return v.commitWrite(w) }
				}
				v.s.c.world.Do(v.s.id, v.d.took(v.s.c.shape.Disks.Job), func(now hlc.Now) { v.do(now, j) })
				return
			}
		}
		if r.Err == nil {
			r.Err = v.seal()
		}
		v.endWrite()
	case *node.Read:
		if w.Base != 0 {
			r.Items, r.End, r.Err = v.d.store.Changes(w.Number, w.Base, w.After, w.Bytes)
		} else {
			r.Items, r.End, r.Err = v.d.store.Read(w.Number, w.After, w.Bytes)
		}
	case *node.Install:
		if w.First {
			v.endWrite()
			v.writer, r.Err = v.d.store.Receive(w.Number)
			v.number = w.Number
		}
		if r.Err == nil && v.number == w.Number && v.writer != nil {
			r.Err = v.writer.Add(w.Items)
		}
	case *node.Commit:
		if v.writer == nil || v.number != w.Manifest.Number {
			v.endWrite()
			r.Err = errNotBegun
		} else if r.Err = v.writer.Commit(w.Manifest.Sum, w.Manifest.Append(nil), w.Manifest.Number); r.Err == nil {
			v.wrote(w.Manifest, false)
		}
		v.endWrite()
	}
	if errors.Is(r.Err, store.ErrFull) {
		v.endWrite()
		v.d.stats.Full++
		r.Err, r.Full = nil, true
	}
	if r.Err != nil && r.Err != errNotBegun {
		if _, read := j.Work.(*node.Read); !read {
			v.broken(r.Err)
			return
		}
	}
	v.jobs, v.working = v.jobs[1:], false
	v.node.JobDone(now, j, r)
}

// claimed checks that what a message claims of this acceptor is durable [R1] [R3],
// and that no vote below a promise is told after it unless it was before.
func (v *driver) claimed(claims []ridge.Claim) {
	for _, c := range claims {
		had := v.d.votes(c.Ensemble)
		told := v.d.toldOf(c.Ensemble)
		switch {
		case c.Instance == 0:
			if had.state.Round.Less(c.Round) {
				v.s.c.fail(fmt.Errorf("durability: process %d promises %+v in ensemble %d, which is not durable (%+v is)", v.s.process, c.Round, c.Ensemble, had.state.Round))
			}
			if told.promised.Less(c.Round) {
				told.promised = c.Round
			}
			continue
		case c.Instance < had.low:
		default:
			if is, ok := had.at[c.Instance]; !ok || is.Round.Less(c.Round) || is.Round == c.Round && is.ID != c.ID {
				v.s.c.fail(fmt.Errorf("durability: process %d tells its vote %+v, which is not durable (%+v)", v.s.process, c, is))
			}
		}
		if last, ok := told.votes[c.Instance]; c.Cast && c.Round.Less(told.promised) && (!ok || last.Less(c.Round)) {
			v.s.c.fail(fmt.Errorf("promises: process %d tells its vote %+v for the first time, after it has promised %+v", v.s.process, c, told.promised))
		}
		if told.votes[c.Instance].Less(c.Round) {
			told.votes[c.Instance] = c.Round
		}
	}
}

// begins checks that no round is begun in two lives [R2].
func (v *driver) begins(m wire.Message) {
	e, r, ok := ridge.Begins(m)
	if !ok {
		return
	}
	began := v.d.toldOf(e).began
	if life, had := began[r]; had && life != v.s.life {
		v.s.c.fail(fmt.Errorf("rounds: process %d begins %+v of ensemble %d in life %d, and did so in life %d", v.s.process, r, e, v.s.life, life))
	}
	began[r] = v.s.life
}

// progress checks that others are told no more than what the older of two durable
// checkpoints has finished [E8] [C5].
func (v *driver) progress(m wire.Message) {
	next := v.d.older
	if next.E++; next.E == 0 {
		next.T++
	}
	if p, ok := m.(*partition.Progress); ok && next.Less(p.Below) {
		v.s.c.fail(fmt.Errorf("durability: process %d tells that it needs nothing below %v again; the older of its checkpoints is at %v", v.s.process, p.Below, v.d.older))
	}
}

// stopBound is how long a clean stop waits for its last checkpoint.
const stopBound = 10 * time.Second

// stop ends the process as its operator would: a last checkpoint, then the
// journal's end.
func (v *driver) stop(waited time.Duration) {
	s := v.s
	c := s.c
	c.world.Do(s.id, 0, func(now hlc.Now) {
		if s.stopped != nil {
			return
		}
		if waited == 0 {
			v.node.Stop(now)
			c.world.Poke(s.id)
		}
		if waited < stopBound && (!v.node.Stopped() || v.batch != nil || v.chore != nil) {
			c.world.After(5*ms, func() { v.stop(waited + 5*ms) })
			return
		}
		if v.batch == nil && v.chore == nil {
			v.j.Close()
		}
		s.over()
		c.world.Crash(s.id)
		s.disk.end(v, false)
		c.later(s, c.absence())
	})
}
