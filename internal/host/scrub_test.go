package host

import (
	"strings"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/vfs"
)

// TestRottenJournalIsMended: bits of a running process's journal turn over. That is
// found, told and mended, and the process can be started again from there.
func TestRottenJournalIsMended(t *testing.T) {
	mems, disks := map[ids.Process]*vfs.Mem{}, map[ids.Process]vfs.FS{}
	for p := range ids.Process(3) {
		mems[p+1] = vfs.NewMem()
		disks[p+1] = mems[p+1]
	}
	s := newLasting(t, disks)
	s.counts(1)
	s.load(20, "x", "y")
	rotten := s.voter(0)
	for _, at := range []int64{5, 20, 60} {
		name, before := oldestSegment(t, mems[rotten]), rotOf(s, rotten)
		if err := mems[rotten].Flip(name, at, 1); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			s.nodes[rotten].keeper.ledger.scrub(scrubBytes)
			if rot := rotOf(s, rotten); rot > before {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("a flipped bit at %d of %s was not mended", at, name)
			}
		}
	}
	s.nodes[rotten].Close()
	s.start(rotten, nil)
	s.nodes[s.voter(rotten)].Close() // now it is needed
	s.counts(2)
}

// voter is the process, of those other than one, whose journal has most: one
// that was late to join is in no chain, and has nothing to lose.
func (s *lasting) voter(but ids.Process) (voter ids.Process) {
	s.t.Helper()
	most := uint64(0)
	for p, n := range s.nodes {
		st, err := n.Status(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		if p != but && st.Durable.Written > most {
			voter, most = p, st.Durable.Written
		}
	}
	return voter
}

// rotOf is how much damage a process has mended; -1 while there is some.
func rotOf(s *lasting, p ids.Process) int {
	s.t.Helper()
	st, err := s.nodes[p].Status(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	switch rot := st.Durable.Rot; {
	case rot == nil:
		return 0
	case rot.There:
		return -1
	default:
		return int(rot.Found)
	}
}

func oldestSegment(t *testing.T, disk *vfs.Mem) string {
	t.Helper()
	names, err := disk.List(journalDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names { // sorted
		if strings.HasSuffix(name, ".seg") {
			return journalDir + "/" + name
		}
	}
	t.Fatal("no segments")
	return ""
}
