package simtest

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/sim"
	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/oracle"
	"github.com/eyrie-dev/eyrie/ridge"
)

// ahead has commands executed before their turn, and all clients ask for
// optimistic replies.
func ahead(mode optimistic.Mode, s *Shape) {
	s.Ridge.Optimistic, s.Client.Cast = true, true
	s.Execution, s.Asking, s.Runs = mode, 100, optimistic.Tuning{}
}

// calm is a network and clocks that change no order.
func calm(s *Shape) {
	s.Weights = [sim.Faults]int{}
	s.Network.Loss, s.Network.Dup, s.Network.Tail, s.Network.Spread, s.Network.FIFO = 0, 0, 0, 1, true
	s.Skew, s.ClientSkew, s.Grain, s.Rogues, s.Restarts = 0, 0, 0, false, false
	s.Disks.Durable = false
	own := s.Ridge
	s.Ridge = ridge.DefaultTuning()
	s.Ridge.Horizon, s.Ridge.Window = own.Horizon, own.Window
	s.Ridge.MaxAhead, s.Ridge.Lead = own.MaxAhead, own.Lead
	// Longer than any delay here: nothing is overtaken that counts.
	s.Ridge.OptimisticWait, s.Ridge.ProposeWait = 20*ms, 20*ms
}

// Where the two orders agree, runs are right, and so are optimistic replies.
func TestOrdersAgree(t *testing.T) {
	if testing.Short() {
		t.Skip("short: TestClusters executes optimistically, too")
	}
	for _, mode := range []optimistic.Mode{optimistic.Baseline, optimistic.Full} {
		agreed, replies := 0, uint64(0)
		for seed := range uint64(6) {
			r, err := Run(seed+*seedFlag, Options{Commands: 600, Alter: func(s *Shape) {
				calm(s)
				ahead(mode, s)
				s.Service, s.Length = "bank", 20*time.Second
				s.Ridge.OptimisticWait, s.Ridge.ProposeWait = -1, -1 // all delays are the same
				s.Mix[cmdClock] = 0                                  // its timestamp may be raised, without any other order
			}})
			if err != nil {
				t.Fatal(err)
			}
			if r.Slow["order mistakes"] > 0 {
				continue
			}
			agreed++
			replies += r.Slow["optimistic replies"]
			if r.Slow["optimistic replies wrong"] > 0 || r.Slow["client optimistic replies wrong"] > 0 {
				t.Errorf("%v, seed %d: %d of %d optimistic replies were wrong, and the orders agree: %s", mode, r.Seed, r.Slow["optimistic replies wrong"], r.Slow["optimistic replies"], r.Shape)
			}
		}
		if agreed == 0 || replies < 200 {
			t.Errorf("vacuous: %v: the orders agreed in %d runs, with %d optimistic replies", mode, agreed, replies)
		}
	}
}

// Mistakes at all times: copies late, lost and out of order, so that runs are
// wrong, what they tell other partitions too, and room for them is short.
func TestMistakeStorms(t *testing.T) {
	if testing.Short() {
		t.Skip("short: TestClusters executes optimistically, too")
	}
	s := hunt(t, 5, Options{Alter: func(s *Shape) {
		s.Partitions, s.Hot = max(s.Partitions, 2), 3
		s.Network.Tail, s.Network.FIFO, s.Network.Loss = 7, false, 10_000
		s.ClientSkew = s.Ridge.Window
		runs := s.Runs
		ahead(optimistic.Full, s)
		s.Runs, s.Ridge.OptimisticWait = runs, -1
	}})
	for _, what := range []string{"runs confirmed", "runs wrong", "runs repeated", "runs given up", "turns in another order", "optimistic replies", "optimistic replies wrong", "optimistic exchanges"} {
		if s.Slow[what] == 0 {
			t.Errorf("vacuous: %s: none", what)
		}
	}
}

// script is a workload drawn beforehand, the same for every cluster.
type script struct {
	codes []uint16
	args  [][]byte
	at    int
}

func newScript(seed uint64, n int) *script {
	r := rand.New(rand.NewPCG(seed, 0x73637269))
	shape := &Shape{Partitions: 3, Multi: 75, Hot: 6}
	shape.drawMix(r)
	shape.Mix[cmdClock], shape.Mix[cmdTune] = 0, 0 // depend on the time and on chance
	load := newBankLoad(shape, oracle.New(1, shape.Partitions, bankService()))
	w := &script{}
	for range n {
		code, arg, _ := load.next(r)
		w.codes, w.args = append(w.codes, code), append(w.args, arg)
	}
	return w
}

func (w *script) next(*rand.Rand) (uint16, []byte, ids.Set) {
	if w.at == len(w.codes) {
		w.at = 0 // the last words
	}
	w.at++
	return w.codes[w.at-1], w.args[w.at-1], nil
}

// The same commands one at a time are answered alike, however they are executed.
func TestAlike(t *testing.T) {
	if testing.Short() {
		t.Skip("short: TestClusters executes optimistically, too")
	}
	const n = 250
	ways := map[string]func(*Shape){
		"conservative": func(s *Shape) { s.Execution = optimistic.Conservative },
		"baseline":     func(s *Shape) { ahead(optimistic.Baseline, s) },
		"full":         func(s *Shape) { ahead(optimistic.Full, s) },
		"one partition": func(s *Shape) {
			ahead(optimistic.Full, s)
			s.Partitions = 1
		},
		"no cache": func(s *Shape) {
			ahead(optimistic.Full, s)
			s.Partition.MaxCached = 0
		},
	}
	for seed := range uint64(2) {
		var want []answer
		for _, name := range []string{"conservative", "baseline", "full", "one partition", "no cache"} {
			var ops []Op
			_, err := Run(seed+*seedFlag, Options{Commands: n, Ops: &ops, Alter: func(s *Shape) {
				s.Partitions, s.Replicas, s.Clients, s.Service, s.Chains, s.Reads = 3, 3, 1, "bank", false, false
				s.Client.Window, s.Client.Span, s.Length = 1, 4, 4*time.Second
				s.Partition.MaxCached, s.Partition.MaxCachedBytes, s.Partition.MinCached = 1<<10, 1<<20, 1
				s.Asking = 0
				calm(s)
				ways[name](s)
				s.Work = newScript(seed, n)
			}})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			var got []answer
			for i := range ops[:n] {
				got = append(got, ops[i].Answer)
			}
			if want == nil {
				want = got
				continue
			}
			for i := range want {
				if got[i] != want[i] {
					t.Fatalf("seed %d, %s: command %d (%s) was answered %+v, conservatively %+v", seed, name, i, bankCommands[ops[i].Code].name, got[i], want[i])
				}
			}
		}
	}
}
