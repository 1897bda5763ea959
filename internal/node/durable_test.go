package node

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/ridge"
)

// C5: what others may forget goes by the older of the two checkpoints that are
// kept: with the newest alone nothing may be forgotten yet.
func TestStableIsTheOlder(t *testing.T) {
	l := newLab(t, 11, true, 1, 3, frequent)
	l.user(600, 1, 8)
	behind := 0
	l.until(5*time.Second, func() bool {
		for _, m := range l.procs {
			k := &m.node.keeper
			for i, e := range m.node.Status().Ridge.Ensembles {
				covered := uint64(0)
				if k.older.Manifest != nil {
					covered = uint64(k.older.Positions.Ensembles[i].Instance) - 1
				}
				if uint64(e.Stable) > covered {
					t.Fatalf("process %d tells %d as stable, and its older checkpoint covers %d", m.id, e.Stable, covered)
				}
				if k.newest.Manifest != nil && uint64(k.newest.Positions.Ensembles[i].Instance)-1 > covered {
					behind++
				}
			}
		}
		return false
	})
	if behind == 0 {
		t.Error("there was never a newer checkpoint")
	}
}

// C5: what counts where not all replicas have it ends before anything that the
// older checkpoint has unfinished.
func TestWholeIsFinished(t *testing.T) {
	l := newLab(t, 13, true, 2, 3, frequent)
	l.user(1500, 3, 16)
	told, less := 0, 0
	l.until(5*time.Second, func() bool {
		for _, m := range l.procs {
			k := &m.node.keeper
			for i, e := range m.node.Status().Ridge.Ensembles {
				if e.Whole == 0 {
					continue
				}
				told++
				if e.Whole < e.Stable {
					less++
				}
				if at := &k.past[0]; !at.Key.Less(m.node.replica.Whole()) || e.Whole > at.Ensembles[i].Instance-1 {
					t.Fatalf("process %d tells %d as whole, of a checkpoint at %v; what comes before %v is finished in the older one",
						m.id, e.Whole, at.Key, m.node.replica.Whole())
				}
			}
		}
		return false
	})
	if told == 0 || less == 0 {
		t.Errorf("told %d times, less than is stable %d times", told, less)
	}
}

// Of the checkpoints taken while something waits for long some are forgotten.
func TestPastIsBounded(t *testing.T) {
	var k keeper
	for n := range uint64(1000) {
		k.passed(&Manifest{Number: n, Positions: ridge.Positions{Key: ids.Position{T: hlc.Timestamp(n)}}})
		if len(k.past) > maxPast || k.past[0].Key.T != 0 || k.past[len(k.past)-1].Key.T != hlc.Timestamp(n) {
			t.Fatalf("%d: %v", n, k.past)
		}
	}
}

// The founded list counts when its own record is durable, not when all before
// it are.
func TestFoundingGoesByItsOwnRecord(t *testing.T) {
	l := newLab(t, 12, true, 1, 3)
	seen := 0
	l.until(time.Second, func() bool {
		for _, m := range l.procs {
			n := m.node
			if len(n.journal.own) == 0 {
				continue
			}
			seen++
			if n.Durable(l.clock(), n.journal.own[0]); n.founding.founded {
				t.Fatalf("process %d is founded before that is durable", m.id)
			}
		}
		return false
	})
	if seen == 0 {
		t.Error("no list was ever under way")
	}
}
