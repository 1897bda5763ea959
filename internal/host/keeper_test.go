package host

import (
	"slices"
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

// The core is told that records are durable when their batch has been committed,
// not before, and not for those that came meanwhile; a commit that fails ends the
// process, and the core is told nothing.
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
	s := &scribe{}
	k := &keeper{core: s, disk: &disk{journal: j}, commits: make(chan committed, 1)}
	s.write(2)
	k.keep()
	s.write(3)
	k.keep()
	c := <-k.commits
	if err := c.batch.Commit(); err != nil || len(s.durable) > 0 {
		t.Fatalf("said to be durable: %v; %v", s.durable, err)
	}
	if err := k.done(hlc.Now{}, c); err != nil || !slices.Equal(s.durable, []uint64{2}) {
		t.Fatalf("said to be durable: %v; %v", s.durable, err)
	}
	k.keep()
	c = <-k.commits
	mem.Fail(vfs.OpSync, 1)
	_ = c.batch.Commit()
	if err := k.done(hlc.Now{}, c); err == nil || len(s.durable) != 1 {
		t.Errorf("said to be durable: %v; %v", s.durable, err)
	}
}
