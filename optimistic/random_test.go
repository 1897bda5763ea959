package optimistic

import (
	"flag"
	"math/rand/v2"
	"testing"
)

var (
	seeds = flag.Int("seeds", 200, "random worlds to run")
	first = flag.Uint64("seed", 1, "the first of them")
)

// TestAnyRuns has commands opt-delivered in other orders, changed, repeated and
// not at all, and optimistic exchanges contaminated. Whatever runs do, replicas
// end alike, and as without.
func TestAnyRuns(t *testing.T) {
	var sum Counters
	for seed := *first; seed < *first+uint64(*seeds); seed++ {
		rng := rand.New(rand.NewPCG(seed, 1))
		place := testMap(1 + rng.IntN(3))
		order := draw(rng, place, 20+rng.IntN(80), false, rng.IntN(2) == 0)
		plain := newWorld(t, seed, place, 1, order, Conservative, Tuning{})
		plain.run()
		for mode := Baseline; mode <= Full; mode++ {
			var tuning Tuning
			if rng.IntN(4) == 0 {
				tuning = Tuning{MaxRuns: 1 + rng.IntN(6), MaxEarly: 1 + rng.IntN(4)}
			}
			w := newWorld(t, seed, place, 1+rng.IntN(2), order, mode, tuning)
			w.spoil, w.lose = []float64{0, 0.05, 0.4}[rng.IntN(3)], []float64{0, 0.3}[rng.IntN(2)]
			w.run()
			w.same(plain)
			for _, n := range w.nodes {
				sum = addCounters(sum, n.m.counters)
			}
		}
	}
	t.Logf("%+v", sum)
	if *seeds >= 200 {
		for name, n := range map[string]uint64{
			"confirmed": sum.Confirmed, "wrong": sum.Wrong, "given up": sum.GivenUp, "swapped": sum.Swapped, "repairs": sum.Repairs,
			"pauses": sum.Pauses, "early drops": sum.EarlyDrops, "replies": sum.OptReplies, "mistakes": sum.ReplyMistakes, "queued": sum.Queued,
		} {
			if n == 0 {
				t.Errorf("vacuous: no %s", name)
			}
		}
	}
}

// TestSameOrder has everything opt-delivered as it is ordered. Then every run is
// confirmed, every optimistic reply is what the conservative one says, and
// nothing is left behind.
func TestSameOrder(t *testing.T) {
	var sum Counters
	for seed := *first; seed < *first+uint64(*seeds); seed++ {
		rng := rand.New(rand.NewPCG(seed, 2))
		place := testMap(1 + rng.IntN(3))
		order := draw(rng, place, 20+rng.IntN(80), true, false)
		plain := newWorld(t, seed, place, 1, order, Conservative, Tuning{})
		plain.run()
		for mode := Baseline; mode <= Full; mode++ {
			w := newWorld(t, seed, place, 1+rng.IntN(2), order, mode, Tuning{})
			w.inOrder = true
			w.run()
			w.same(plain)
			for _, n := range w.nodes {
				c := n.m.counters
				if c.Wrong > 0 || c.ReplyMistakes > 0 || c.Repairs > 0 || c.Swapped > 0 || c.Unrun > 0 {
					t.Fatalf("seed %d: process %d: %+v", seed, n.id, c)
				}
				if n.m.table.count > 0 || n.m.bytes != 0 || n.m.open.all.head != nil || len(n.m.open.keys) > 0 || n.m.pending.head != nil {
					t.Fatalf("seed %d: process %d keeps %+v", seed, n.id, n.m.Status())
				}
				sum = addCounters(sum, c)
			}
			for c, rs := range w.sent {
				for _, r := range rs {
					if end := w.ends[c]; end == nil || !r.Agrees(end) {
						t.Fatalf("seed %d: optimistic reply %+v, conservative %+v", seed, r, end)
					}
				}
			}
		}
	}
	t.Logf("%+v", sum)
	if sum.RepliesSent == 0 || sum.Exchanges == 0 {
		t.Error("vacuous")
	}
}

func addCounters(a, b Counters) Counters {
	a.Delivered += b.Delivered
	a.Unrun += b.Unrun
	a.Queued += b.Queued
	a.Runs += b.Runs
	a.Confirmed += b.Confirmed
	a.Wrong += b.Wrong
	a.Unstarted += b.Unstarted
	a.GivenUp += b.GivenUp
	a.Swapped += b.Swapped
	a.Repairs += b.Repairs
	a.Repeated += b.Repeated
	a.Pauses += b.Pauses
	a.Exchanges += b.Exchanges
	a.EarlyDrops += b.EarlyDrops
	a.OptReplies += b.OptReplies
	a.RepliesSent += b.RepliesSent
	a.ReplyMistakes += b.ReplyMistakes
	a.Unjudged += b.Unjudged
	return a
}
