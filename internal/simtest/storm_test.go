package simtest

import "testing"

// Scenarios 38, 39 and 44: power cuts of everything, of partitions and of quorums
// again and again, in any order, also amid recoveries and checkpoints.
func TestPowerCuts(t *testing.T) {
	s := hunt(t, 5, Options{Alter: func(s *Shape) {
		s.Disks.Durable = true
		s.Ridge.MaxLogCount = max(4*s.Ridge.Pipeline, 128)
		s.Disks.Storm = Storm{Every: s.Ridge.FailureTimeout}
		for _, h := range []havoc{havocPartition, havocQuorum, havocAll, havocSome, havocCheckpoint} {
			s.Disks.Storm.Weights[h] = 1
		}
	}})
	for _, what := range []string{"disk: restarts", "disk: checkpoints restored", "disk: recoveries cut off", "commands resumed"} {
		if s.Slow[what] < 10 {
			t.Errorf("vacuous: %s: %d", what, s.Slow[what])
		}
	}
}

// Scenarios 45 to 50: f disks of each partition lose, alter and misplace what they
// acknowledged, or fail, or are full.
func TestBadDisks(t *testing.T) {
	s := hunt(t, 5, Options{Alter: func(s *Shape) {
		s.Disks.Durable = true
		s.Ridge.MaxLogCount = max(4*s.Ridge.Pipeline, 256)
		s.Disks.Storm.Every = s.Ridge.FailureTimeout
		for h := range s.Disks.Storm.Weights {
			s.Disks.Storm.Weights[h] = 1
		}
	}})
	for _, what := range []string{"disk: restarts", "disk: refused with an explanation", "restarts refused", "disk: errors that end a process"} {
		if s.Slow[what] == 0 {
			t.Errorf("vacuous: %s: none", what)
		}
	}
}
