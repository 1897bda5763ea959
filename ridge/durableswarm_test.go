package ridge

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

var restarts = flag.Int("ridge.restarts", 150, "seeds of the swarm of durable processes to run")

// TestDurableSwarm runs durable processes that lose power, one, some or all at a
// time, with what their journals had not synced, and start again in any order,
// while messages are lost and doubled. Whatever they claimed they must remember;
// what was delivered anywhere keeps its place, and is delivered everywhere; reads
// see what was delivered before they came, whatever is still on its way from a
// former life; and when all are there again everything proposed is delivered.
func TestDurableSwarm(t *testing.T) {
	if *seed != 0 {
		durableSwarm(t, *seed)
		return
	}
	crashes, transfers, reads := 0, 0, 0
	for s := range uint64(*restarts) {
		w := durableSwarm(t, s+1)
		if t.Failed() {
			t.Fatalf("run again with -run TestDurableSwarm -ridge.seed=%d", s+1)
		}
		crashes += w.crashes
		transfers += w.transfers
		reads += w.reads
	}
	t.Logf("%d crashes, %d states fetched, %d reads", crashes, transfers, reads)
}

func durableSwarm(t testing.TB, seed uint64) *world {
	shape := rand.New(rand.NewPCG(seed, 77))
	partitions, replicas := 1+shape.IntN(3), []int{3, 3, 3, 5, 1}[shape.IntN(5)]
	w := newWorld(t, seed, partitions, replicas, func(t *Tuning) {
		if seed%3 == 0 {
			swarmOptimism(rand.New(rand.NewPCG(seed, 101)), t)
		}
		t.Pipeline = 1 + shape.IntN(6)
		if shape.IntN(2) == 0 {
			t.MaxBatchCount = 1 + shape.IntN(4)
		}
		swarmLogs(shape, t)
	})
	w.swarmDisks(shape)
	if shape.IntN(2) == 0 {
		w.syncMax += time.Duration(shape.Int64N(int64(30 * time.Millisecond)))
	}
	if shape.IntN(2) == 0 {
		w.loss, w.dup = shape.Float64()*0.2, shape.Float64()*0.3
	}
	w.lossOf = map[wire.Kind]float64{}
	for range shape.IntN(3) {
		w.lossOf[wire.KindRidge+wire.Kind(shape.IntN(int(kindRoll-wire.KindRidge)+1))] = shape.Float64()
	}
	for _, n := range w.nodes {
		n.skew = time.Duration(shape.Int64N(int64(20*time.Millisecond))) - 10*time.Millisecond
	}
	for _, rs := range w.topo.Replicas { // f of each partition, and not where that is none
		if len(rs) > 1 {
			w.node(rs[shape.IntN(len(rs))]).fragile = true
		}
	}
	w.swarmLoad(shape)
	w.swarmPower(shape)
	a := w.asking(0.3)
	if shape.IntN(3) == 0 {
		w.swarmCuts(shape)
	}
	if shape.IntN(4) == 0 {
		w.swarmPauses(shape)
	}
	w.run(time.Duration(1+shape.IntN(3)) * time.Second)
	w.heal()
	for _, i := range shape.Perm(len(w.nodes)) {
		w.after(time.Duration(shape.Int64N(int64(time.Second))), w.nodes[i].restart)
	}
	w.run(time.Second)
	w.finish(30 * time.Second)
	w.checkPast()
	w.reads = a.end()
	return w
}

// swarmDisks gives every process a disk, and draws how messages travel.
func (w *world) swarmDisks(shape *draw) {
	w.durable()
	w.bytes = shape.IntN(3) == 0
	if shape.IntN(2) == 0 {
		w.maxDelay += time.Duration(shape.Int64N(int64(20 * time.Millisecond)))
	}
}

// swarmPower draws crashes and restarts: of one, of some, or of all.
func (w *world) swarmPower(shape *draw) {
	for range 1 + shape.IntN(5) {
		var who []ids.Process
		share := []float64{0.2, 0.5, 1}[shape.IntN(3)]
		for _, n := range w.nodes {
			if shape.Float64() < share {
				who = append(who, n.id)
			}
		}
		at := time.Duration(shape.Int64N(int64(3 * time.Second)))
		most := []time.Duration{time.Millisecond, 100 * time.Millisecond, time.Second}[shape.IntN(3)]
		for _, p := range who {
			n, d := w.node(p), time.Duration(shape.Int64N(int64(most)))
			w.after(at, func() {
				if !w.healed {
					n.crash()
				}
			})
			w.after(at+d, n.restart)
		}
	}
}
