package ridge

import (
	"testing"
	"time"
)

// Taken counts what a checkpoint at Positions would cover, whatever waits in the
// merge: many values of one ensemble, for example, for another one that has no
// coordinator.
func TestTakenIsWhatPositionsCover(t *testing.T) {
	for _, optimistic := range []bool{false, true} {
		w := newWorld(t, 71, 2, 3, func(t *Tuning) { t.Optimistic, t.MaxBatchCount = optimistic, 4 })
		w.run(time.Second)
		most := uint64(0)
		check := func() {
			for _, n := range w.nodes {
				covered, waiting, bytes := uint64(0), uint64(0), uint64(0)
				for _, at := range n.core.Positions().Ensembles {
					e := n.core.ensemble(at.Ensemble, true)
					covered += uint64(at.Instance - 1)
					waiting += uint64(e.next - at.Instance)
					bytes += e.stream.taken.bytes
				}
				got, gotBytes := n.core.Taken()
				if got != covered || waiting == 0 != (gotBytes == bytes) || gotBytes > bytes {
					t.Fatalf("process %d has taken %d instances of %d bytes; %d are left behind, %d wait, and all are of %d bytes", n.id, got, gotBytes, covered, waiting, bytes)
				}
				most = max(most, waiting)
			}
		}
		for i := range 40 {
			if i == 20 {
				w.node(4).until = w.now + w.tuning.FailureTimeout/2
			}
			w.multicast(w.clients[0], []byte{byte(i)}, 0, 1)
			w.multicast(w.clients[0], []byte{byte(i)}, 0)
			for range 5 {
				w.run(time.Millisecond)
				check()
			}
		}
		w.finish(5 * time.Second)
		if check(); most < 4 {
			t.Errorf("vacuous: only %d instances ever waited", most)
		}
	}
}
