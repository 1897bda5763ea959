package ridge

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Heartbeats of all processes come to be sent together, whatever their phases
// were, and keep their distances; so again after the one that set the pace has
// died.
func TestHeartbeatsKeepPace(t *testing.T) {
	w := newWorld(t, 180, 2, 3, nil)
	for _, n := range w.nodes {
		n.until = time.Duration(w.rng.Int64N(int64(w.tuning.Heartbeat))) // scatter
	}
	beats := map[ids.Process][]time.Duration{}
	w.filter = func(from, _ ids.Process, m wire.Message) bool {
		if _, ok := m.(*heartbeat); ok {
			if b := beats[from]; len(b) == 0 || b[len(b)-1] != w.now {
				beats[from] = append(b, w.now)
			}
		}
		return true
	}
	for _, dead := range []ids.Process{0, 1} {
		if dead != 0 {
			w.node(dead).dead = true
		}
		w.run(3 * time.Second)
		clear(beats)
		w.run(time.Second)
		pace := beats[dead+1]
		for _, n := range w.nodes {
			b := beats[n.id]
			if n.dead {
				continue
			}
			if len(b) < 7 || len(b) > 9 {
				t.Errorf("process %d: %d heartbeats in eight periods", n.id, len(b))
			}
			for i := 1; i < len(b); i++ {
				if d := b[i] - b[i-1]; d < w.tuning.Heartbeat/2 || d > w.tuning.Heartbeat*3/2 {
					t.Errorf("process %d: %v between two heartbeats", n.id, d)
				}
			}
			for _, at := range b {
				near := w.tuning.Heartbeat
				for _, p := range pace {
					near = min(near, (at - p).Abs())
				}
				if near > 2*w.maxDelay {
					t.Errorf("process %d beats %v from the pace", n.id, near)
					break
				}
			}
		}
	}
}
