package journal

import (
	"bytes"
	"errors"
	"maps"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/vfs"
)

// torn makes a journal whose last batch lost the first sector of its first
// record, and kept its second record whole.
func torn(t *testing.T, prepared bool) (*vfs.Mem, *model) {
	mem := vfs.NewMem()
	m := newModel(t, mem, small)
	m.append(0, 0, make([]byte, 8))
	m.append(0, 1, bytes.Repeat([]byte{1}, 2000))
	m.commit()
	if prepared {
		m.upkeep()
	}
	m.append(0, 2, bytes.Repeat([]byte{2}, 700))
	m.append(0, 3, []byte("lost with the one before"))
	mem.StopAfter(1) // written, not synced
	if m.commit() == nil {
		t.Fatal("the sync succeeded")
	}
	first := true
	mem.Crash(func(int) int {
		if first {
			first = false
			return 0
		}
		return 1
	})
	return mem, m
}

// What is left of a torn batch is gone when the tail has been cut: it neither
// comes back behind records that are written later, nor looks like damage.
func TestCutTailStaysCut(t *testing.T) {
	for _, prepared := range []bool{false, true} {
		mem, m := torn(t, prepared)
		if prepared { // and the segment that was made ahead has rotted
			mem.Flip("j/"+segmentName(2), 3000, 1)
		}
		if err := m.open(small); err != nil {
			t.Fatal(err)
		}
		if m.j.Durable() != 2 {
			t.Fatalf("durable %d", m.j.Durable())
		}
		maps.DeleteFunc(m.all, func(seq uint64, _ Record) bool { return seq > 2 })
		m.append(0, 2, bytes.Repeat([]byte{3}, 700))
		if err := m.commit(); err != nil {
			t.Fatal(err)
		}
		mem.Kill()
		if err := m.verify(mem, small); err != nil {
			t.Errorf("prepared %v: %v", prepared, err)
		}
	}
}

// A record whose first bytes are zero while its sector is not was not torn.
func TestZeroedHeadIsDamage(t *testing.T) {
	mem := vfs.NewMem()
	m := newModel(t, mem, small)
	m.append(0, 1, []byte("vote"))
	m.commit()
	mem.Kill()
	f, _ := mem.Open("j/" + segmentName(1))
	f.WriteAt(make([]byte, 8), 0)
	if err := m.verify(mem, small); !errors.Is(err, ErrAmnesia) {
		t.Errorf("%v", err)
	}
}

// After Close even the last record is below the frontier.
func TestCloseMovesTheFrontier(t *testing.T) {
	mem := vfs.NewMem()
	m := newModel(t, mem, small)
	m.append(0, 1, []byte("vote"))
	if err := m.j.Close(); err != nil {
		t.Fatal(err)
	}
	f, _ := mem.Open("j/" + segmentName(1))
	f.WriteAt(make([]byte, sector), 0)
	if err := m.verify(mem, small); !errors.Is(err, ErrAmnesia) {
		t.Errorf("%v", err)
	}
}

// A segment whose records are all dead stays until a later one is durable:
// the journal would forget its sequence.
func TestTheLastDurableSegmentStays(t *testing.T) {
	mem := vfs.NewMem()
	m := newModel(t, mem, small)
	for i := uint64(1); m.j.tail() == nil || m.j.tail().end < 3800; i++ {
		m.append(0, i, make([]byte, 100))
	}
	m.commit()
	m.j.Trim(0, 1000)
	m.append(0, 1001, make([]byte, 1000)) // begins a segment, in memory
	if m.upkeep(); m.j.Segments() != 2 {
		t.Errorf("%d segments", m.j.Segments())
	}
	mem.Crash(func(int) int { return 0 })
	if j, err := Open(mem, "j", testID, small, func(Record) error { return nil }); err != nil || j.Durable() == 0 {
		t.Errorf("%v", err)
	}
}

// Every segment begins with all states, so a state holds no segment.
func TestStatesMoveAlong(t *testing.T) {
	mem := vfs.NewMem()
	opts := small
	opts.Keep = 1000 // nothing is copied forward
	m := newModel(t, mem, opts)
	m.append(7, 0, []byte("promised round 7"))
	m.append(8, 0, []byte("promised round 8"))
	for i := uint64(1); i < 300; i++ {
		m.append(0, i, make([]byte, 100))
		m.j.Trim(0, i-1)
		if m.commit() != nil || m.upkeep() != nil {
			t.Fatal(m.j.Err())
		}
	}
	if n := m.j.Segments(); n > 2 {
		t.Errorf("%d segments", n)
	}
	got := map[uint32]string{}
	mem.Kill()
	if _, err := Open(mem, "j", testID, opts, func(r Record) error {
		if r.Instance == 0 {
			got[r.Ensemble] = string(r.Body)
		}
		return nil
	}); err != nil || got[7] != "promised round 7" || got[8] != "promised round 8" {
		t.Errorf("%v, %v", got, err)
	}
}
