package simtest

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/sim"
)

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
	s := hunt(t, 25, Options{Alter: func(s *Shape) {
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

// littleRoom has processes crash and stop all the time while outboxes and logs
// have little room: what one has not heard of is forgotten by the others.
func littleRoom(s *Shape) {
	s.Partitions, s.Multi, s.Length = max(s.Partitions, 2), 95, 8*time.Second
	s.Partition.MaxOutbox = 64
	s.Ridge.MaxLogCount = max(4*s.Ridge.Pipeline, 100)
	s.Disks.Durable = true
	s.Disks.Storm = Storm{Every: pick(newRand(uint64(s.Commands), 7), 50*ms, 100*ms, 200*ms)}
	s.Disks.Storm.Weights[havocOne], s.Disks.Storm.Weights[havocSlow] = 2, 2
	s.Disks.Storm.Weights[havocStop] = 4
}

// C5: of the replicas of a partition f+1 lack nothing, whatever the others and
// other partitions have forgotten.
func TestLittleRoom(t *testing.T) {
	for _, seed := range []uint64{1088, 1100, 1253, 1269} {
		if _, err := Run(seed, Options{Alter: littleRoom}); err != nil {
			t.Error(err)
		}
	}
	s := hunt(t, 5, Options{Alter: littleRoom})
	for _, what := range []string{"transfers finished", "pulls gone"} {
		if s.Slow[what] == 0 {
			t.Errorf("vacuous: %s: none", what)
		}
	}
}

// leastRoom is littleRoom with logs that hold hardly anything, and processes that
// come back without their memory: f+1 of a partition are needed then, and nothing
// goes on before each of them has told that it needs the past no more.
func leastRoom(s *Shape) {
	littleRoom(s)
	s.Ridge.MaxLogCount = max(4*s.Ridge.Pipeline, 16)
	s.Disks.Storm.Every = 100 * ms
	w := &s.Disks.Storm.Weights
	w[havocWipe], w[havocOne], w[havocPartition], w[havocQuorum], w[havocAll] = 4, 8, 4, 2, 2
	s.Weights[sim.FaultClientClock], s.Weights[sim.FaultServerClock] = 0, 0
	h := max(s.Ridge.Horizon, 9*s.Client.MaxPause+5*time.Second)
	s.Ridge.Horizon, s.Partition.Horizon, s.Client.Horizon = h, h, h
}

// Nothing stands still until the next checkpoint that is due by time. Each of
// these seeds did so once.
func TestLeastRoom(t *testing.T) {
	for _, seed := range []uint64{1, 25, 26, 51, 53} {
		if _, err := Run(seed, Options{Alter: leastRoom}); err != nil {
			t.Error(err)
		}
	}
}
