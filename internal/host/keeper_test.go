package host

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/journal"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/vfs"
	"github.com/eyrie-dev/eyrie/ridge"
)

// scribe is a durable core with records to journal, which sees up to which they
// are said to be durable.
type scribe struct {
	records []ridge.Record
	made    int
	durable []uint64
	full    bool
}

func (s *scribe) write(n int) {
	for range n {
		s.made++
		s.records = append(s.records, ridge.Record{Instance: ids.Instance(s.made), Body: [][]byte{{1}, {byte(s.made)}}})
	}
}

func (s *scribe) Records() (out []ridge.Record) {
	out, s.records = s.records, nil
	return out
}

func (s *scribe) Synced(uint64)                          {}
func (s *scribe) Mend([]node.RecordName, node.Rot)       {}
func (s *scribe) Durable(_ hlc.Now, upTo uint64)         { s.durable = append(s.durable, upTo) }
func (s *scribe) Trims() []ridge.Trim                    { return nil }
func (s *scribe) Jobs() []node.Job                       { return nil }
func (s *scribe) JobDone(hlc.Now, node.Job, node.Result) {}
func (s *scribe) Stop(hlc.Now)                           {}
func (s *scribe) Stopped() bool                          { return true }
func (s *scribe) Full(full bool)                         { s.full = full }

// A core is told that records are durable when their batch has been committed,
// not before, and not for those that came meanwhile, nor for another's; a commit
// that fails ends all processes that write to the journal, and nothing is said.
func TestDurableIsSaidAfterTheCommit(t *testing.T) {
	mem, id := vfs.NewMem(), journal.ID{1}
	if err := journal.Create(mem, journalDir, id); err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(mem, journalDir, id, journal.Options{}, func(journal.Record) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	// Without goroutines: the test commits.
	l := &ledger{journal: j, commits: make(chan struct{}, 1), chores: make(chan *journal.Batch, 1)}
	s, other := &scribe{}, &scribe{}
	k, o := journaling(s, l, 0), journaling(other, l, 1<<partBits)
	s.write(2)
	k.keep()
	b := begun(l)
	s.write(3)
	k.keep()
	other.write(1)
	o.keep()
	if err := b.Commit(); err != nil || len(s.durable) > 0 {
		t.Fatalf("said to be durable: %v; %v", s.durable, err)
	}
	l.conclude(b, 0)
	if !slices.Equal(s.durable, []uint64{2}) || len(other.durable) > 0 {
		t.Fatalf("said to be durable: %v and %v", s.durable, other.durable)
	}
	b = begun(l) // what came meanwhile, of both
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
	l.conclude(b, 0)
	if !slices.Equal(s.durable, []uint64{2, 5}) || !slices.Equal(other.durable, []uint64{1}) {
		t.Fatalf("said to be durable: %v and %v", s.durable, other.durable)
	}
	s.write(1)
	k.keep()
	b = begun(l)
	mem.Fail(vfs.OpSync, 1)
	_ = b.Commit()
	l.conclude(b, 0)
	l.work.Wait()
	for _, k := range []*keeper{k, o} {
		if err := k.part.loop.err; err == nil || !strings.Contains(err.Error(), "journal") {
			t.Errorf("it goes on after a failed commit: %v", err)
		}
	}
	if len(s.durable) != 2 || len(other.durable) != 1 {
		t.Errorf("said to be durable: %v and %v", s.durable, other.durable)
	}
}

func begun(l *ledger) *journal.Batch {
	<-l.commits
	return l.take()
}

// journaling is a keeper whose loop does nothing but hear what is durable.
func journaling(core *scribe, l *ledger, high uint32) *keeper {
	k := &keeper{core: core, ledger: l}
	k.part = &part{high: high, core: core, loop: idle(&hears{k: k}), log: quiet}
	l.join(k.part)
	return k
}

// hears is a core whose word from the journal goes to a keeper.
type hears struct {
	scripted
	k *keeper
}

func (h *hears) synced(now hlc.Now, c committed) error { return h.k.done(now, c) }

// brimful is a process of which the disk has no room for another segment. The
// journal's first one is used up, unless it is to be made yet.
type brimful struct {
	mem   *vfs.Mem
	l     *ledger
	s     *scribe
	k     *keeper
	ended chan error
}

func newBrimful(t *testing.T, begun bool) *brimful {
	t.Helper()
	f := &brimful{mem: vfs.NewMem(), s: &scribe{}, ended: make(chan error, 1)}
	id := journal.ID{1}
	if err := journal.Create(f.mem, journalDir, id); err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(f.mem, journalDir, id, journal.Options{}, func(journal.Record) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if begun {
		j.Append(9, 1, make([]byte, 1<<20))
		b := j.Take()
		_ = b.Commit()
		if _, err := j.Done(b); err != nil {
			t.Fatal(err)
		}
	}
	f.mem.SetCapacity(1)
	f.l = newLedger("somewhere", j, quiet)
	f.k = journaling(f.s, f.l, 0)
	loop := f.k.part.loop
	loop.inbox.mu.Lock()
	loop.inbox.running = true
	loop.inbox.mu.Unlock()
	go func() { f.ended <- loop.run() }()
	return f
}

// write has the core write, and until waits for what it has been told.
func (f *brimful) write() { f.k.part.loop.ask(func() { f.s.write(2); f.k.keep() }) }

func (f *brimful) until(t *testing.T, durable, full bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		heard, n, is := make(chan struct{}), 0, false
		f.k.part.loop.ask(func() { n, is = len(f.s.durable), f.s.full; close(heard) })
		<-heard
		if n > 0 == durable && is == full {
			return
		}
		if n > 0 && !durable || time.Now().After(end) {
			t.Fatalf("said to be durable: %d; full: %v", n, is)
		}
	}
}

// fails waits for the process's end.
func (f *brimful) fails(t *testing.T) error {
	t.Helper()
	select {
	case err := <-f.ended:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("the process goes on")
		return nil
	}
}

func (f *brimful) close() error {
	f.l.users++ // the process, beside who opened it
	return errors.Join(f.l.leave(f.k.part), f.l.leave(nil))
}

// What the journal has no room for waits, and is said to be durable when there is
// room; a process that stops meanwhile does not wait.
func TestBatchWaitsForRoom(t *testing.T) {
	for _, stops := range []bool{false, true} {
		f := newBrimful(t, true)
		f.write()
		f.until(t, false, true)
		if !stops {
			f.mem.SetCapacity(0)
			f.until(t, true, false)
		}
		f.k.part.loop.close()
		if err := <-f.ended; err != nil {
			t.Error(err)
		}
		if errs := f.close(); errors.Is(errs, journal.ErrNoRoom) != stops {
			t.Errorf("stops: %v: %v", stops, errs)
		}
	}
}

// A journal that fails elsewhere while a batch waits for room ends the process, as
// ever.
func TestBatchWaitsForNoDeadJournal(t *testing.T) {
	f := newBrimful(t, true)
	f.write()
	f.until(t, false, true)
	f.l.mu.Lock()
	f.l.journal.Append(0, 1, make([]byte, journal.MaxBody+1))
	f.l.mu.Unlock()
	if err := f.fails(t); !errors.Is(err, journal.ErrTooLarge) {
		t.Error(err)
	}
	_ = f.close()
}

// A journal that has no room for its first segment ends the process, which says so.
func TestFirstSegmentNeedsRoom(t *testing.T) {
	f := newBrimful(t, false)
	f.write()
	if err := f.fails(t); !errors.Is(err, vfs.ErrFull) || !strings.Contains(err.Error(), "make room") {
		t.Error(err)
	}
	_ = f.close()
}
