package ridge

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// asks are the reads of a world: a process may answer them when it has
// delivered whatever anybody had, addressed to its partition, when they came.
type asks struct {
	w *world
	// high is the last position addressed to a partition that anybody, wherever,
	// has delivered.
	high map[ids.Partition]ids.Position
	open map[ids.Process][]asked
	done int
}

type asked struct {
	ticket uint64
	need   ids.Position
	at     time.Duration
	core   *Core // of the life that asks
}

// asking lets processes ask: often just when another one has delivered.
func (w *world) asking(share float64) *asks {
	a := &asks{w: w, high: map[ids.Partition]ids.Position{}, open: map[ids.Process][]asked{}}
	w.onDeliver = func(n *node, d Delivery) {
		for _, p := range d.Message.Dests {
			if a.high[p].Less(d.Position) {
				a.high[p] = d.Position
			}
			if w.rng.Float64() < share {
				rs := w.topo.Replicas[p]
				r := w.node(rs[w.rng.IntN(len(rs))])
				w.after(time.Duration(w.rng.Int64N(int64(w.maxDelay))), func() { a.ask(r) })
			}
		}
	}
	w.afterFlush = a.reached
	return a
}

func (a *asks) ask(n *node) {
	if n.asleep() || n.err != nil {
		return
	}
	ticket := n.core.Ask(n.clock())
	a.open[n.id] = append(a.open[n.id], asked{ticket, a.high[n.part], a.w.now, n.core})
	n.flush()
}

func (a *asks) reached(n *node) {
	reached := n.core.Reached()
	list := a.open[n.id]
	for len(list) > 0 && list[0].core != n.core {
		list = list[1:] // gone with its life
	}
	for len(list) > 0 && list[0].ticket <= reached {
		var last ids.Position
		if k := len(n.delivered); k > 0 {
			last = n.delivered[k-1].Position
		}
		if last.Less(list[0].need) {
			a.w.errorf("process %d asked at %v, when %v had been delivered, and reads at %v", n.id, list[0].at, list[0].need, last)
		}
		list = list[1:]
		a.done++
	}
	a.open[n.id] = list
}

// idle says whether no living process waits.
func (a *asks) idle() bool {
	for _, n := range a.w.nodes {
		if !n.dead && n.err == nil && len(a.open[n.id]) > 0 {
			return false
		}
	}
	return true
}

// end waits for all reads, and counts them.
func (a *asks) end() int {
	if w := a.w; !w.runUntil(10*time.Second, a.idle) && !w.failed && w.survivable() {
		w.errorf("reads wait for ever\n%s", w.describe())
	}
	return a.done
}

// TestSwarmReads is TestSwarm with reads: they are linearizable, and answered
// when all is well again.
func TestSwarmReads(t *testing.T) {
	total := 0
	one := func(s uint64) {
		w := swarmWorld(t, s)
		a := w.asking(0.5)
		w.run(time.Duration(1+w.rng.IntN(4)) * time.Second)
		w.heal()
		w.finish(30 * time.Second)
		total += a.end()
	}
	if *seed != 0 {
		one(*seed)
		return
	}
	for s := range uint64(*seeds) {
		one(1000 + s)
		if t.Failed() {
			t.Fatalf("run again with -run TestSwarmReads -ridge.seed=%d", 1000+s)
		}
	}
	if total < 20**seeds {
		t.Errorf("%d reads", total)
	}
}
