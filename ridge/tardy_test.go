package ridge

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// A distributor that has values late, though it is not behind with what it delivers by
// as much, is done without, for a while; then it has its share again, and no more. One
// learner that has values late from all, or from one, changes nothing.
func TestTardyDistributor(t *testing.T) {
	const late = 30 * time.Millisecond
	for _, c := range []struct {
		what  string
		slow  func(from, to ids.Process) bool
		tardy bool
	}{
		{"values to a distributor", func(from, to ids.Process) bool { return to == 3 }, true},
		{"values from a distributor", func(from, to ids.Process) bool { return from == 3 }, true},
		{"values to a learner of another partition", func(from, to ids.Process) bool { return to == 4 && from != 5 }, false},
		{"values from a distributor to one learner", func(from, to ids.Process) bool { return from == 3 && to == 5 }, false},
	} {
		w := newWorld(t, 176, 2, 3, nil)
		w.size = 2 * directBytes
		slow := false
		w.filter = func(from, to ids.Process, m wire.Message) bool {
			if _, is := m.(*valueMessage); !is || !slow || !c.slow(from, to) {
				return true
			}
			w.after(late, func() { w.node(to).stepFrom(ids.To(from), w.node(from).inc, m) })
			return false
		}
		share := func() (n int) { // of 16 values
			chain := []ids.Process{1, 2}
			for range 16 {
				d := w.node(2).core.ensembles[1].distributor(chain)
				if d.process == 3 {
					n++
				}
				d.distribution.bytes += 1 << 20
			}
			return n
		}
		w.load(300*time.Millisecond, time.Millisecond)
		slow = true
		w.load(time.Second, time.Millisecond)
		if n := share(); (n == 0) != c.tardy {
			t.Errorf("late %s: process 3 distributes %d values of 16", c.what, n)
		}
		for p := ids.Process(1); p <= 6; p++ {
			if w.node(2).core.Behind(p) || w.node(2).core.Suspected(p) {
				t.Errorf("late %s: process %d is behind or suspected: the test tests nothing", c.what, p)
			}
		}
		slow = false
		w.load((tardyFor+1)*w.tuning.FailureTimeout, 20*time.Millisecond)
		if n := share(); n < 3 || n > 5 {
			t.Errorf("late %s, then no more: process 3 distributes %d values of 16", c.what, n)
		}
		w.finish(time.Second)
	}
}
