package node

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
)

// TestPauses: what Lately says is forgotten after two minutes at most, the rest never.
func TestPauses(t *testing.T) {
	n := new(Node)
	at := func(d time.Duration) hlc.Now { return hlc.Now{Mono: d} }
	n.Pause(at(10*time.Second), LoopPause, 300*time.Millisecond)
	n.Pause(at(70*time.Second), LoopPause, 30*time.Millisecond)
	for _, c := range []struct {
		at     time.Duration
		lately float64
	}{{80 * time.Second, 0.3}, {130 * time.Second, 0.03}, {200 * time.Second, 0}} {
		if s := n.pauses[LoopPause].status(c.at); s != (Pauses{2, 0.3, c.lately}) {
			t.Errorf("after %v: %+v", c.at, s)
		}
	}
	if s := n.pauses[SyncPause].status(time.Minute); s != (Pauses{}) {
		t.Errorf("of syncs: %+v", s)
	}
}
