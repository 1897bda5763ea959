package node

import (
	"testing"
	"time"
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
