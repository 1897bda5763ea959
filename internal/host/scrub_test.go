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
	disk := vfs.NewMem()
	s := newLasting(t, map[ids.Process]vfs.FS{3: disk})
	s.counts(1)
	s.load(20, "x", "y")
	for _, at := range []int64{5, 20, 60} {
		name := oldestSegment(t, disk)
		if err := disk.Flip(name, at, 1); err != nil {
			t.Fatal(err)
		}
		before := rotOf(s, 3)
		for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			s.nodes[3].scrub(scrubBytes)
			if rot := rotOf(s, 3); rot > before {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("a flipped bit at %d of %s was not mended", at, name)
			}
		}
	}
	s.nodes[3].Close()
	s.start(3, nil)
	s.nodes[1].Close() // now it is needed
	s.counts(2)
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
