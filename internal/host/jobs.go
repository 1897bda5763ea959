package host

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/store"
	"github.com/eyrie-dev/eyrie/partition"
)

// jobs does a core's disk work besides the journal: one goroutine writes
// checkpoints, another reads them for replicas that fetch one.
type jobs struct {
	store  *store.Badger
	report func(node.Job, node.Result)

	mu     sync.Mutex
	queues [2]jobQueue // of writes and of reads; the core bounds them
	closed bool
	ended  sync.WaitGroup

	// Of the goroutine that writes:
	receiving store.Writer // a checkpoint that comes in parts
	number    uint64
}

type jobQueue struct {
	waiting []node.Job
	more    chan struct{}
}

// restAfter is how long the store stays open without work.
const restAfter = 5 * time.Second

// partBytes is about how much of a checkpoint is written at a time. After each
// part the writer rests as long as the part took, but not longer than maxRest:
// so that the journal, on the same disk, and the loop, on the same processors,
// have half of them at least to themselves. On a busy machine parts take
// longer, and so do rests. For the first shyTime of its own checkpoints it rests
// twice as long: after a start all replicas of a partition may write all that
// they have at the same time. Not for ever: logs that no checkpoint covers fill up.
const (
	partBytes = 128 << 10
	maxRest   = 50 * time.Millisecond
	shyTime   = 10 * time.Second
)

var errClosed = errors.New("the process is stopping")

func newJobs(s *store.Badger, report func(node.Job, node.Result)) *jobs {
	w := &jobs{store: s, report: report}
	for i := range w.queues {
		w.queues[i].more = make(chan struct{}, 1)
		w.ended.Go(func() { w.run(&w.queues[i]) })
	}
	return w
}

// do has a job done; it does not wait.
func (w *jobs) do(j node.Job) {
	q := &w.queues[0]
	if _, ok := j.Work.(*node.Read); ok {
		q = &w.queues[1]
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	q.waiting = append(q.waiting, j)
	select {
	case q.more <- struct{}{}:
	default:
	}
}

// close waits for the job under way, which gives up.
func (w *jobs) close() {
	w.mu.Lock()
	w.closed = true
	for i := range w.queues {
		close(w.queues[i].more)
	}
	w.mu.Unlock()
	w.ended.Wait()
	w.giveUp()
}

func (w *jobs) run(q *jobQueue) {
	idle := time.NewTimer(restAfter)
	for {
		select {
		case <-q.more:
		case <-idle.C:
			_ = w.store.Rest() // what fails, the next use finds
			continue
		}
		w.mu.Lock()
		list := q.waiting
		q.waiting = nil
		closed := w.closed
		w.mu.Unlock()
		if closed {
			return
		}
		for _, j := range list {
			w.report(j, w.result(j))
		}
		idle.Reset(restAfter)
	}
}

func (w *jobs) result(j node.Job) (r node.Result) {
	switch work := j.Work.(type) {
	case *node.Write:
		r.Err = w.write(work)
	case *node.Install:
		r.Err = w.install(work)
	case *node.Commit:
		r.Err = w.commit(work)
	case *node.Read:
		if work.Base != 0 {
			r.Items, r.End, r.Err = w.store.Changes(work.Number, work.Base, work.After, work.Bytes)
		} else {
			r.Items, r.End, r.Err = w.store.Read(work.Number, work.After, work.Bytes)
		}
	}
	if errors.Is(r.Err, store.ErrFull) {
		r.Full, r.Err = true, nil
	}
	return r
}

func (w *jobs) stopping() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed
}

// write writes a checkpoint's changes.
func (w *jobs) write(work *node.Write) error {
	w.giveUp()
	if kept := w.store.Newest(); work.Base != 0 && (len(kept) == 0 || kept[0].Number != work.Base) {
		return fmt.Errorf("host: checkpoint %d is made of what changed since %d, which is not the newest", work.Manifest.Number, work.Base)
	}
	to, err := w.store.Begin(work.Manifest.Number, work.Base == 0)
	if err != nil {
		return err
	}
	defer to.Abort()
	var items []partition.StateItem
	began := time.Now()
	for {
		if items = work.Snapshot.Next(items[:0], partBytes); len(items) == 0 {
			break
		}
		share := time.Duration(1)
		if time.Since(began) < shyTime {
			share = 2
		}
		if err := addResting(to, items, share); err != nil {
			return err
		}
		clear(items)
		if w.stopping() {
			return errClosed
		}
	}
	if err := work.Snapshot.Err(); err != nil {
		return err
	}
	manifest := work.Seal()
	return to.Commit(work.Manifest.Sum, manifest, work.Keep)
}

// addResting adds a part, and rests so many times as long.
func addResting(to store.Writer, items []partition.StateItem, share time.Duration) error {
	began := time.Now()
	err := to.Add(items)
	time.Sleep(min(share*time.Since(began), maxRest))
	return err
}

// install adds to a checkpoint that is received. Resting slows who sends it,
// too: parts are sent as they are installed.
func (w *jobs) install(work *node.Install) error {
	if work.First {
		w.giveUp()
		to, err := w.store.Receive(work.Number)
		if err != nil {
			return err
		}
		w.receiving, w.number = to, work.Number
	}
	if w.receiving == nil || w.number != work.Number {
		return errors.New("host: a part of a checkpoint that was not begun")
	}
	err := addResting(w.receiving, work.Items, 1)
	if err != nil {
		w.giveUp()
	}
	return err
}

// giveUp drops what has come of a checkpoint that is received.
func (w *jobs) giveUp() {
	if w.receiving != nil {
		w.receiving.Abort()
		w.receiving = nil
	}
}

func (w *jobs) commit(work *node.Commit) error {
	to := w.receiving
	if to == nil || w.number != work.Manifest.Number {
		return errors.New("host: a checkpoint that was not begun")
	}
	w.receiving = nil
	defer to.Abort()
	return to.Commit(work.Manifest.Sum, work.Manifest.Append(nil), 0)
}
