package simtest

import (
	"strings"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/sim"
	"github.com/eyrie-dev/eyrie/partition"
)

// A run counts by what clients had done that stayed. What crashed clients left
// behind counts neither way, and a run of hardly anything else proves nothing.
func TestVacuity(t *testing.T) {
	long := &Shape{Commands: 100, Partitions: 1}
	long.Ridge.Horizon = time.Minute
	short := &Shape{Commands: 100, Partitions: 1}
	short.Ridge.Horizon = time.Second
	for name, c := range map[string]struct {
		shape                  *Shape
		done, open, left, lost int // took effect, did not; the same of clients that crashed
		thin, vacuous          bool
	}{
		"all done":                    {long, 100, 0, 0, 0, false, false},
		"half done":                   {long, 50, 50, 0, 0, false, false},
		"clients crash all the time":  {long, 35, 5, 5, 55, false, false},
		"and what is left is little":  {long, 10, 0, 5, 85, false, true},
		"little done, nobody crashed": {long, 40, 60, 0, 0, true, true},
		"survivors are not served":    {long, 20, 30, 45, 5, true, true},
		"the same, H being short":     {short, 20, 30, 45, 5, true, false},
		"nothing done":                {long, 0, 100, 0, 0, true, true},
		"nobody stayed":               {short, 0, 0, 50, 50, false, true},
		"not submitted":               {long, 80, 0, 0, 0, false, true},
	} {
		s, o := newStory(1, 1), &Order{}
		for i, n := range []int{c.done, c.open, c.left, c.lost} {
			for range n {
				op := s.call(cmdWrite, keys(1))
				if i >= 2 {
					s.abandon(0, op)
				}
				if i%2 == 0 {
					o.Effects = append(o.Effects, Effect{Op: op, Outcome: partition.OutcomeOK, Dests: ids.NewSet(0)})
				}
			}
		}
		r := Report{Commands: len(s.Ops)}
		r.tally(s.History, o)
		if err := r.checkEffects(c.shape); r.Thin != c.thin || (err != nil) != c.vacuous {
			t.Errorf("%s: thin %v, %v", name, r.Thin, err)
		}
	}
}

// A run in which hardly anything takes effect is vacuous: here most messages
// are lost for longer than commands are tried.
func TestVacuousRun(t *testing.T) {
	r, err := Run(70214, Options{Alter: func(s *Shape) {
		h := 5100 * ms
		s.Ridge.Horizon, s.Partition.Horizon, s.Client.Horizon = h, h, h
		s.Weights, s.Network.Loss, s.Length = [sim.Faults]int{}, 850_000, 3*h
	}})
	if err == nil || !strings.Contains(err.Error(), "vacuous: only") {
		t.Errorf("%d kept, %d abandoned of %d: %v", r.Kept, r.Abandoned, r.Commands, err)
	}
}
