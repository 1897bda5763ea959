package host

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"github.com/eyrie-dev/eyrie/internal/journal"
	"github.com/eyrie-dev/eyrie/internal/vfs"
	"github.com/eyrie-dev/eyrie/ridge"
)

// ledger is a journal with those who write to it: the one process whose
// directory it is in, or several of this program that share it (see Shared).
// Records of all of them are in one order, and one sync serves them all.
//
// One batch is being committed at a time, by a goroutine of its own; what comes
// meanwhile gathers, and is the next: the more there is to do, the more records
// share a sync. When a sync ends, the next begins at once if something has
// gathered, and whom the ended one served is told: the goroutine leaves word in
// their loops' inboxes, and runs the cores that nobody runs. So at low load the
// sync's end passes to the next socket without another wake-up.
type ledger struct {
	dir   string
	lock  io.Closer // of a shared directory, released with the journal; else nil
	log   *slog.Logger
	start time.Time // of the clock that Upkeep is given

	mu      sync.Mutex // guards what follows; the journal too, but for Commit
	journal *journal.Journal
	parts   []*part
	flying  []told // whom the batch under way serves
	busy    bool   // a batch is under way, or about to be taken
	users   int    // who have not left
	closed  bool
	failed  bool // all have been told, or will be
	mending int  // who have been told of damage and have not heard it yet
	waiting bool // the batch under way waits for room

	commits chan struct{}       // a token, while busy, until a goroutine takes the batch
	chores  chan *journal.Batch // one at most is under way
	hurry   chan struct{}       // a token: there is news about room
	ended   chan struct{}
	work    sync.WaitGroup
}

// part is a process that writes to a ledger. What the ledger guards is guarded
// by its lock.
type part struct {
	high  uint32 // in the ensembles' numbers in the journal
	core  durableCore
	loop  *loop
	log   *slog.Logger
	given uint64 // records that the core has given so far
	taken uint64 // those of them that are durable, or in the batch under way
	full  bool   // of the goroutine that watches
}

// told says up to which of its records a process will be told that they are durable.
type told struct {
	part *part
	upTo uint64
	mine bool
}

// committed says that records are durable, or that none will be any more.
type committed struct {
	upTo     uint64        // records given by the core: the first so many
	sequence uint64        // of the journal
	took     time.Duration // to commit the batch
	err      error
}

// partBits is where a process's number begins in an ensemble's number in the
// journal, if processes share it.
const partBits = 16

func newLedger(dir string, j *journal.Journal, log *slog.Logger) *ledger {
	l := &ledger{
		dir: dir, log: log, start: time.Now(), journal: j, users: 1, ended: make(chan struct{}),
		commits: make(chan struct{}, 1), chores: make(chan *journal.Batch, 1), hurry: make(chan struct{}, 1),
	}
	addPlaces(1)
	for range committers {
		l.work.Go(func() {
			for range l.commits {
				b := l.take()
				l.conclude(b, l.commit(b))
			}
		})
	}
	l.work.Go(func() {
		for b := range l.chores {
			_ = b.Commit()
			l.mu.Lock()
			_, _ = l.journal.Done(b) // hasten finds its error
			l.hasten()               // copies that it has made
			l.care()
			cramped := l.journal.Cramped()
			l.mu.Unlock()
			if cramped {
				l.look()
			}
		}
	})
	l.work.Go(l.watch)
	return l
}

// committers is how many goroutines commit batches: while one runs the cores
// that it has told, another commits what has gathered.
const committers = 2

// join adds a process, whose records the journal will name by high. One that
// comes when the journal has failed is told, as the others were.
func (l *ledger) join(p *part) {
	l.mu.Lock()
	l.parts = append(l.parts, p)
	failed, err := l.failed, l.journal.Err()
	l.mu.Unlock()
	if failed {
		p.loop.committed(committed{err: l.failure(err)})
	}
}

// add journals records of a process.
func (l *ledger) add(p *part, rs []ridge.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range rs {
		l.journal.Append(p.high|uint32(r.Ensemble), uint64(r.Instance), r.Body...)
		p.given++
	}
	l.hasten()
}

// hasten has what has gathered committed, unless a batch is under way.
func (l *ledger) hasten() {
	if l.closed || l.failed || l.busy {
		return
	}
	if err := l.journal.Err(); err != nil { // an Append's, say: no batch would return it
		l.failed = true
		l.work.Go(func() { l.fail(err) })
		return
	}
	if l.journal.Pending() > 0 {
		l.busy = true
		l.commits <- struct{}{}
	}
}

// take takes all that has gathered until the goroutine that commits it runs: the
// less the processors have to spare, the larger are the batches.
func (l *ledger) take() *journal.Batch {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.parts {
		if p.given > p.taken {
			p.taken = p.given
			l.flying = append(l.flying, told{part: p, upTo: p.given})
		}
	}
	return l.journal.Take()
}

// commit commits a batch and says how long that took. Where there is no room for
// what the batch needs of the disk it waits for room, until the ledger is closed or
// the journal fails elsewhere: what has been said so far holds, and nothing more is.
// A journal that cannot even begin is given up: nobody has heard of it, and who
// starts the process wants to know.
func (l *ledger) commit(b *journal.Batch) time.Duration {
	began := time.Now()
	err := b.Commit() // Done returns it
	if !errors.Is(err, journal.ErrNoRoom) || !l.hopes() {
		return time.Since(began)
	}
	l.log.Error("the disk has no room for the journal's next segment: what is to go there waits until there is", "directory", l.dir, "err", err)
	l.wait(true)
	defer l.wait(false)
	again := time.NewTicker(roomEvery)
	defer again.Stop()
	for errors.Is(err, journal.ErrNoRoom) {
		select {
		case <-again.C:
		case <-l.ended:
			return 0
		}
		if !l.hopes() {
			return 0
		}
		began = time.Now()
		err = b.Commit()
	}
	return time.Since(began)
}

// hopes: with room the batch that found none would be durable.
func (l *ledger) hopes() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.journal.Err() == nil && l.journal.Durable() > 0
}

// wait says whether the batch under way waits for room.
func (l *ledger) wait(waiting bool) {
	l.mu.Lock()
	l.waiting = waiting
	l.mu.Unlock()
	l.look()
}

// look has the watch look for room at once.
func (l *ledger) look() {
	select {
	case l.hurry <- struct{}{}:
	default:
	}
}

// conclude takes a batch whose Commit has returned. Two may be here at once, and
// leave their words in the wrong order: the higher one holds.
func (l *ledger) conclude(b *journal.Batch, took time.Duration) {
	var few [8]told
	l.mu.Lock()
	sequence, _ := l.journal.Done(b)
	ts := append(few[:0], l.flying...)
	l.flying, l.busy = l.flying[:0], false
	alive := l.journal.Err() == nil
	l.hasten()
	l.care()
	l.mu.Unlock()
	if !alive {
		return
	}
	for i := range ts {
		t := &ts[i]
		t.mine = t.part.loop.inbox.committed(committed{upTo: t.upTo, sequence: sequence, took: took})
	}
	for _, t := range ts {
		if t.mine {
			t.part.loop.visit()
		}
	}
}

// fail ends all who write.
func (l *ledger) fail(err error) {
	err = l.failure(err)
	for _, p := range l.all() {
		p.loop.committed(committed{err: err})
	}
}

func (l *ledger) failure(err error) error {
	return fmt.Errorf("host: the journal in %s failed, and nothing that it was given since can be relied upon; the process stops, and says when it is started again what it has: %w", l.dir, explain(err))
}

func (l *ledger) all() []*part {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*part(nil), l.parts...)
}

// trim tells what a process needs no more.
func (l *ledger) trim(p *part, ts []ridge.Trim) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range ts {
		l.journal.Trim(p.high|uint32(t.Ensemble), uint64(t.UpTo))
	}
	l.care()
}

// care begins a chore, if there is one.
func (l *ledger) care() {
	if l.closed {
		return
	}
	if b := l.journal.Upkeep(time.Since(l.start)); b != nil {
		l.chores <- b
	}
}

// leave is called when a process has ended, and by who opened the ledger. The
// last one closes the journal: what is pending is written, and how far it reaches.
func (l *ledger) leave(p *part) error {
	l.mu.Lock()
	for i := range l.parts {
		if l.parts[i] == p {
			l.parts = append(l.parts[:i], l.parts[i+1:]...)
			break
		}
	}
	l.users--
	last := l.users == 0
	l.closed = l.closed || last
	l.mu.Unlock()
	if !last {
		return nil
	}
	close(l.ended)
	close(l.commits)
	close(l.chores)
	l.work.Wait()
	addPlaces(-1)
	err := l.journal.Close()
	if l.lock != nil {
		err = errors.Join(err, l.lock.Close())
	}
	return err
}

// explain adds to an error of the disk what to do.
func explain(err error) error {
	if errors.Is(err, vfs.ErrFull) || errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("%w: make room on the disk and start the process again", err)
	}
	return err
}
