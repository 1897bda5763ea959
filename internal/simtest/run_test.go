package simtest

import (
	"flag"
	"testing"
)

var (
	seedFlag = flag.Uint64("sim.seed", 1, "first seed of the simulation")
	runsFlag = flag.Int("sim.runs", 0, "number of seeds; zero: each test's own, few")
	keepFlag = flag.Bool("sim.keepon", false, "go on after a failure")
)

// hunt runs seeds and fails on the first that breaks a rule.
func hunt(t *testing.T, few int, o Options) Summary {
	t.Helper()
	n := few
	if *runsFlag > 0 {
		n = *runsFlag
	}
	s := RunMany(t.Context(), *seedFlag, n, 2, *keepFlag, o, nil)
	for i, f := range s.Failures {
		if i == 0 {
			t.Error(f.Text)
		} else {
			t.Errorf("seed %d: %v", f.Seed, f.Err)
		}
	}
	t.Log(s.String())
	return s
}

// TestClusters runs whole clusters. This is the suite that counts; the other
// tests of this package test its parts. In short runs, which are the race
// detector's, whose subject the cores are not, a few seeds do, too few to judge
// what they met.
func TestClusters(t *testing.T) {
	if testing.Short() {
		hunt(t, 12, Options{})
		return
	}
	s := hunt(t, 40, Options{})
	// A suite that did little proves little.
	if s.Median < 1000 || 2*s.Multi < s.Effects || s.Thin*5 > s.Runs || s.Lost*10 > s.Runs {
		t.Errorf("vacuous: median of %d commands, %d of %d over several partitions, %d thin and %d lost of %d runs",
			s.Median, s.Multi, s.Effects, s.Thin, s.Lost, s.Runs)
	}
	for _, what := range []string{"disk: restarts", "disk: checkpoints", "disk: checkpoints restored", "disk: records replayed", "disk: trims",
		"disk: crashes with unsynced data", "disk: batches cut off", "disk: recoveries cut off", "disk: refused with an explanation",
		"commands resumed", "transfers finished", "decisions seen durable",
		"values told by name", "values told as changes", "values recalled", "values forgotten"} {
		if s.Slow[what] == 0 {
			t.Errorf("vacuous: %s: none in %d runs, %d of them with disks", what, s.Runs, s.Durable)
		}
	}
}
