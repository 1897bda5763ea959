package ridge

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

var (
	seeds = flag.Int("ridge.seeds", 60, "seeds of the swarm to run")
	seed  = flag.Uint64("ridge.seed", 0, "the one seed to run")
)

// TestSwarm runs whole clusters under faults that each seed draws, then heals
// everything and demands that all be delivered, in one order.
func TestSwarm(t *testing.T) {
	if *seed != 0 {
		swarm(t, *seed)
		return
	}
	for s := range uint64(*seeds) {
		swarm(t, s+1)
		if t.Failed() {
			t.Fatalf("run again with -run TestSwarm -ridge.seed=%d", s+1)
		}
	}
}

func swarm(t testing.TB, seed uint64) {
	w := swarmWorld(t, seed)
	w.run(time.Duration(1+w.rng.IntN(4)) * time.Second)
	w.heal()
	w.finish(30 * time.Second)
	for _, n := range w.nodes {
		if n.core.counters.Dropped > 0 {
			t.Logf("seed %d: process %d dropped %d", seed, n.id, n.core.counters.Dropped)
		}
	}
}

// swarmWorld draws a cluster, its load and its faults.
func swarmWorld(t testing.TB, seed uint64) *world {
	shape := rand.New(rand.NewPCG(seed, 99))
	partitions, replicas := 1+shape.IntN(4), 3
	if shape.IntN(4) == 0 {
		replicas = 5
	}
	if shape.IntN(12) == 0 {
		replicas = 1
	}
	w := newWorld(t, seed, partitions, replicas, func(t *Tuning) {
		swarmOptimism(rand.New(rand.NewPCG(seed, 101)), t)
		t.Pipeline = 1 + shape.IntN(6)
		if shape.IntN(2) == 0 {
			t.MaxBatchCount = 1 + shape.IntN(4)
		}
		swarmLogs(shape, t)
	})
	w.mayLose = w.tuning.MaxLogCount < 1000
	w.bytes = shape.IntN(3) == 0
	draw := func(d time.Duration) time.Duration { return time.Duration(shape.Int64N(int64(d))) }
	if shape.IntN(2) == 0 {
		w.maxDelay += draw(60 * time.Millisecond)
	}
	if shape.IntN(2) == 0 {
		w.loss = shape.Float64() * 0.2
	}
	if shape.IntN(2) == 0 {
		w.dup = shape.Float64() * 0.3
	}
	w.lossOf = map[wire.Kind]float64{}
	for range shape.IntN(4) {
		w.lossOf[wire.KindRidge+wire.Kind(shape.IntN(int(kindSupply-wire.KindRidge)+1))] = shape.Float64()
	}
	for _, n := range w.nodes {
		n.skew = draw(20*time.Millisecond) - 10*time.Millisecond
	}
	w.swarmClocks(shape)
	w.swarmLoad(shape)
	if shape.IntN(2) == 0 {
		w.swarmCrashes(shape)
	}
	if shape.IntN(2) == 0 {
		w.swarmCuts(shape)
	}
	if shape.IntN(3) == 0 {
		w.swarmPauses(shape)
	}
	return w
}

// swarmLogs draws, perhaps, logs so short that they fill.
func swarmLogs(shape *draw, t *Tuning) {
	if shape.IntN(3) == 0 {
		t.MaxMessage, t.MaxBatchBytes, t.MaxLogBytes = 4<<10, 4<<10, 64<<10
		t.MaxLogCount = 64 + shape.IntN(200)
	}
}

// swarmOptimism draws optimistic delivery.
func swarmOptimism(shape *draw, t *Tuning) {
	t.Optimistic = shape.IntN(3) > 0
	t.OptimisticWait = []time.Duration{0, 0, -1, time.Millisecond}[shape.IntN(4)]
	t.ProposeWait = []time.Duration{0, 0, -1, time.Millisecond}[shape.IntN(4)]
	if shape.IntN(4) == 0 {
		t.MaxHeld, t.MaxHeldSize = 1+shape.IntN(20), 1<<10
	}
}

// swarmClocks gives one process of each partition, perhaps, a wild clock.
func (w *world) swarmClocks(shape *draw) {
	if shape.IntN(2) == 0 {
		for _, rs := range w.topo.Replicas {
			n := w.node(rs[shape.IntN(len(rs))])
			if len(rs) == 1 {
				continue
			}
			n.faulty = true
			at := time.Duration(shape.IntN(2)) * time.Second
			jump := []time.Duration{time.Hour, -time.Hour, 2 * time.Second, -2 * time.Second, 100000 * time.Hour}[shape.IntN(5)]
			w.after(at, func() { n.skew += jump })
		}
	}
	if shape.IntN(2) == 0 {
		for _, c := range w.clients {
			c.skew = time.Duration(shape.Int64N(int64(200*time.Millisecond))) - 120*time.Millisecond
		}
	}
}

func (w *world) swarmLoad(shape *draw) {
	multi := shape.Float64()
	gap := time.Duration(1+shape.IntN(40)) * time.Millisecond
	size := 1 + shape.IntN(300)
	left := 40 + shape.IntN(120)
	var next func()
	next = func() {
		for range 1 + shape.IntN(4) {
			dests := []ids.Partition{ids.Partition(shape.IntN(len(w.topo.Replicas)))}
			for shape.Float64() < multi && len(dests) < len(w.topo.Replicas) {
				dests = append(dests, ids.Partition(shape.IntN(len(w.topo.Replicas))))
			}
			w.multicast(w.clients[shape.IntN(len(w.clients))], make([]byte, 1+shape.IntN(size)), dests...)
			left--
		}
		if left > 0 {
			w.after(time.Duration(shape.Int64N(int64(2*gap))), next)
		}
	}
	w.after(time.Duration(shape.IntN(500))*time.Millisecond, next)
}

// faulty counts the replicas that crash or have a wrong clock: for an ensemble
// either is a fault, and f of them are tolerated.
func (w *world) faulty(rs []ids.Process) (n int) {
	for _, r := range rs {
		if w.node(r).faulty {
			n++
		}
	}
	return n
}

// swarmCrashes stops up to f replicas of each partition for good.
func (w *world) swarmCrashes(shape *draw) {
	for _, rs := range w.topo.Replicas {
		for range shape.IntN((len(rs)-1)/2 + 1) {
			n := w.node(rs[shape.IntN(len(rs))])
			if !n.faulty && w.faulty(rs) == (len(rs)-1)/2 {
				continue
			}
			n.faulty = true
			w.after(time.Duration(shape.Int64N(int64(3*time.Second))), func() { n.dead = true })
		}
	}
}

func (w *world) swarmCuts(shape *draw) {
	flap := shape.IntN(2) == 0
	for range 1 + shape.IntN(4) {
		p := ids.Process(1 + shape.IntN(len(w.nodes)))
		q := ids.Process(1 + shape.IntN(len(w.nodes)))
		both := shape.IntN(2) == 0
		alone := shape.IntN(3) == 0
		var toggle func()
		on := false
		toggle = func() {
			if on = !on; w.healed {
				return
			}
			for _, n := range w.nodes {
				if n.id == p || n.id != q && !alone {
					continue
				}
				w.cut[[2]ids.Process{p, n.id}] = on
				if both {
					w.cut[[2]ids.Process{n.id, p}] = on
				}
			}
			if w.now < 3*time.Second && (flap || on) {
				w.after(time.Duration(shape.Int64N(int64(1500*time.Millisecond))), toggle)
			}
		}
		w.after(time.Duration(shape.Int64N(int64(2*time.Second))), toggle)
	}
}

// swarmPauses stops processes for a while, or only their pulling.
func (w *world) swarmPauses(shape *draw) {
	for range 1 + shape.IntN(3) {
		n := w.nodes[shape.IntN(len(w.nodes))]
		d := time.Duration(shape.Int64N(int64(1500 * time.Millisecond)))
		stall := shape.IntN(2) == 0
		w.after(time.Duration(shape.Int64N(int64(2*time.Second))), func() {
			if w.healed {
				return
			}
			if stall {
				n.stalled = true
				w.after(d, func() { n.stalled = false })
			} else {
				n.until = w.now + d
			}
		})
	}
}

func ExampleRound_Compare() {
	fmt.Println(Round{Counter: 1, Coordinator: 2}.Less(Round{Counter: 2, Coordinator: 1}))
	// Output: true
}

type draw = rand.Rand
