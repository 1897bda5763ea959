package host

import (
	"slices"
	"strings"
	"testing"

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
func (s *scribe) Full(bool)                              {}

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
