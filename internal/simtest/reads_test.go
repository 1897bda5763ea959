package simtest

import (
	"testing"

	"github.com/eyrie-dev/eyrie/internal/sim"
)

// Scenario 30: servers are paused and cut off from the others, but not from
// clients, who go on reading there: what a deposed coordinator still believes
// must reach nobody.
func TestReadsOfTheDeposed(t *testing.T) {
	s := hunt(t, 12, Options{Alter: func(s *Shape) {
		s.Reads, s.Client.Spread = true, true
		s.Weights = [sim.Faults]int{}
		s.Weights[sim.FaultAside] = 1
		s.Lasts = 4 * s.Ridge.FailureTimeout
	}})
	if s.Reads*8 < s.Commands {
		t.Errorf("vacuous: %d reads among %d commands", s.Reads, s.Commands)
	}
}

// Figure 4.1 through the door of reads: commands on two partitions, and reads of
// one each at replicas that lag behind one another, by links that are slow.
func TestFigure41ByReads(t *testing.T) {
	s := hunt(t, 5, Options{Alter: func(s *Shape) {
		s.Service, s.Chains, s.Reads, s.Client.Spread = "bank", true, true, true
		s.Partition.Sequential = false
		s.Weights = [sim.Faults]int{}
		s.Weights[sim.FaultSlowLink], s.Weights[sim.FaultCutGroups], s.Weights[sim.FaultSlowProcess] = 4, 2, 1
	}})
	// Many meet an unfinished command, and are ordered [E4].
	if s.Reads*10 < s.Commands || s.Multi == 0 {
		t.Errorf("vacuous: %d reads among %d commands, %d over several partitions", s.Reads, s.Commands, s.Multi)
	}
}
