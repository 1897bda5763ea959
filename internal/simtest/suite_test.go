package simtest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/sim"
)

// Same seed, same run, byte for byte.
func TestSameSeedSameRun(t *testing.T) {
	for seed := range uint64(4) {
		a, errA := Run(seed+*seedFlag, Options{})
		b, errB := Run(seed+*seedFlag, Options{})
		if a.Hash != b.Hash || a.Hash == 0 || (errA == nil) != (errB == nil) {
			t.Errorf("seed %d: %x and %x", seed, a.Hash, b.Hash)
		}
	}
}

// regressions are seeds that once found a bug; docs/buglog.md tells which.
// Shapes have changed since, so what they find today may be something else:
// they are kept because they are as good as any other.
var regressions = []uint64{12, 17, 23, 30, 32, 33, 34, 47, 50, 55, 67, 68, 74, 90, 91, 95, 130, 136, 142, 150, 163, 182, 1124, 1319, 2027, 32027, 32762, 40842, 52084, 52719, 70214, 90108}

func TestRegressions(t *testing.T) {
	if testing.Short() {
		t.Skip("short: TestClusters runs clusters, too")
	}
	for _, seed := range regressions {
		if _, err := Run(seed, Options{}); err != nil {
			t.Error(err)
		}
	}
}

// Without any fault every command is answered, and in time.
func TestNoFaults(t *testing.T) {
	calm := Options{Alter: func(s *Shape) {
		s.Weights, s.Disks.Storm.Weights = [sim.Faults]int{}, [havocs]int{}
		s.Network.Loss, s.Network.Dup, s.Network.Tail = 0, 0, 2
		s.Rogues = false
		s.Ridge.MaxWaiting, s.Ridge.MaxLogCount = 8192, 1<<16
		// A horizon of a few round trips gives up what only waits in a queue.
		h := max(s.Ridge.Horizon, time.Minute)
		s.Ridge.Horizon, s.Partition.Horizon, s.Client.Horizon = h, h, h
	}}
	for seed := range uint64(10) {
		r, err := Run(seed+*seedFlag, calm)
		if err != nil {
			t.Fatal(err)
		}
		if r.Answered != r.Commands && !strings.Contains(r.Shape, "clocks") {
			t.Errorf("seed %d: %d of %d commands were answered: %s", seed, r.Answered, r.Commands, r.Shape)
		}
	}
}

// A failure tells the rule, the shape, the last events and how to repeat it.
func TestFailureExplains(t *testing.T) {
	_, err := Run(1, Options{Alter: func(s *Shape) { s.Ridge.Window = 0 }})
	var f *Failure
	if !errors.As(err, &f) || f.Seed != 1 || !strings.Contains(f.Text, "eyrie sim --runs 1 --seed 1") {
		t.Errorf("%v", err)
	}
}
