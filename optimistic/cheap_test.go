package optimistic

import (
	"slices"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// What a run says goes to the replica that speaks for the other partition, once
// that has spoken; after so many messages without a word from it, to all again.
func TestExchangesGoToHeralds(t *testing.T) {
	s := newScript(t, 2, Full)
	s.world = newWorld(t, 1, 2, 3, nil, Full, Tuning{})
	s.spoil = 0
	receivers := func() (got []ids.Process) {
		s.soon(0, s.command(both, opGet, keyA, 0))
		for _, n := range s.nodes {
			if slices.ContainsFunc(n.mail, func(l letter) bool { _, ok := l.m.(*Exchange); return ok }) {
				got = append(got, n.id)
			}
			n.mail = nil
		}
		return got
	}
	m := s.nodes[0].m
	all, one := []ids.Process{4, 5, 6}, []ids.Process{5}
	if got := receivers(); !slices.Equal(got, all) {
		t.Fatalf("before anybody has spoken %v are told", got)
	}
	for range 2 {
		m.Step(s.clock(), 5, &Exchange{})
		m.heralds[1].left = 2
		for range 2 {
			if got := receivers(); !slices.Equal(got, one) {
				t.Fatalf("process 5 has spoken, and %v are told", got)
			}
		}
		if got := receivers(); !slices.Equal(got, all) {
			t.Fatalf("after so many messages without a word from it %v are told", got)
		}
	}
	m.Step(s.clock(), 4, &Exchange{})
	if h := m.heralds[1]; h.process != 4 || h.left != heraldHolds {
		t.Errorf("process 4 has spoken: %+v", h)
	}
}

// Where no command comes before its turn nothing is kept of what is said of
// those to come.
func TestNothingKeptWithoutRuns(t *testing.T) {
	for _, forced := range []bool{false, true} {
		s := newScript(t, 2, Full)
		c1, c2 := s.command(both, opGet, keyA, 0), s.command(both, opGet, keyA, 0)
		if m := s.nodes[1].m; forced {
			m.DeliverOptimistic(s.clock(), optOf(c1), true)
			s.deliver(1, c1)
		} else {
			s.soon(1, c1)
		}
		s.soon(0, c2)
		s.pass(1, nil)
		if got := s.nodes[1].m.early.count > 0; got == forced {
			t.Errorf("forced: %v; kept: %v", forced, got)
		}
	}
}

// A layer of an operation is made for who reads it: if nobody does, the command
// applies it once, at its turn, in whichever order commands end.
func TestUnreadUpdatesAreAppliedOnce(t *testing.T) {
	for _, read := range []bool{false, true} {
		s := newScript(t, 1, Baseline)
		first := s.command(here, opBlind, keyB, 0)
		second := s.command(here, opBlind, keyB, 0)
		third := s.command(here, opGet, keyB, 0)
		before := tallied
		s.soon(0, first)
		s.soon(0, second)
		if tallied != before {
			t.Fatalf("applied %d times before anybody reads", tallied-before)
		}
		order := []func(){func() { s.deliver(0, first) }, func() { s.deliver(0, second) }}
		if read {
			s.soon(0, third)
		}
		for _, f := range order {
			f()
		}
		if !read {
			s.soon(0, third)
		}
		if tallied != before+2 {
			t.Errorf("read early: %v: applied %d times, want 2", read, tallied-before)
		}
		s.deliver(0, third)
		s.check(first, second, third)
		s.expect(0, 3, 0)
	}
}
