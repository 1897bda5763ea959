package ridge

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// Scenario 58: one client floods a small coordinator, and coordinators change
// under it; what a modest client proposes is delivered all the same, in every
// round, though it is refused room at times like everybody.
func TestNobodyStarves(t *testing.T) {
	w := newWorld(t, 170, 1, 3, func(t *Tuning) { t.MaxWaiting, t.MaxBatchCount, t.Pipeline = 50, 20, 2 })
	w.run(300 * time.Millisecond)
	flood, modest := w.clients[0], w.clients[1]
	longest := time.Duration(0)
	for round := range 6 {
		c := w.node(ids.Process(1 + round%3)).core.home.coordinator()
		w.after(100*time.Millisecond, func() { w.node(c).until = w.now + 1500*time.Millisecond })
		var asked []*proposal
		for range 40 {
			for range 20 {
				w.multicast(flood, []byte{1}, 0)
			}
			asked = append(asked, w.multicast(modest, []byte{2}, 0))
			w.run(10 * time.Millisecond)
		}
		began := w.now
		ok := w.runUntil(20*time.Second, func() bool {
			for _, p := range asked {
				if p.done = p.done || w.everywhere(p); !p.done {
					return false
				}
			}
			return true
		})
		if !ok {
			t.Fatalf("round %d: the modest client starves", round)
		}
		longest = max(longest, w.now-began)
	}
	if w.advice[Overloaded] == 0 || w.rounds() < 3 {
		t.Errorf("%d refused for overload, %d rounds: nothing was tried", w.advice[Overloaded], w.rounds())
	}
	t.Logf("longest wait %v, %d refused", longest, w.advice[Overloaded])
	w.finish(60 * time.Second)
}
