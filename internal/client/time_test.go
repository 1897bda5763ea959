package client

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// proposed replies as if the command had been proposed at t.
func (w *world) proposed(p *ridge.Propose, at hlc.Timestamp) {
	w.Step(w.now, 1, &partition.Reply{
		Command: p.Message.Command, Attempt: p.Message.Attempt, Outcome: partition.OutcomeOK,
		Stages: partition.Stages{Proposed: at},
	})
}

// X5: a reply that comes long after its command was proposed, since that
// waited for a partition that was away, says nothing about the time now: with
// T0 that far back the next commands would be late, and block the window.
func TestLateReplyLeavesTheClock(t *testing.T) {
	for what, wait := range map[string]time.Duration{
		"answered":         horizon - time.Second,
		"given up already": 3 * horizon,
	} {
		w := newWorld(t, 1)
		w.welcome(7)
		w.submit("a")
		p, _ := w.proposals()
		w.after(wait)
		w.proposals()
		w.proposed(p[0], start)
		w.submit("b")
		p, _ = w.proposals()
		if behind := start.Add(wait).Sub(p[0].Message.T0); behind > ridge.DefaultTuning().Window {
			t.Errorf("%s: T0 is %v behind the service's time", what, behind)
		}
	}
}

// N6: every reply corrects the service's time, downwards too, as far as it can
// tell: it lies between what was proposed and that plus the round trip.
func TestN6RepliesCorrectTheClock(t *testing.T) {
	const trip = 3 * time.Millisecond
	for _, off := range []time.Duration{-10 * time.Minute, -5 * time.Millisecond, 0, trip, 5 * time.Millisecond, time.Hour} {
		w := newWorld(t, 1)
		w.now.Wall = -hlc.Max // its own clock does not count
		w.welcome(7)
		w.submit("a")
		p, _ := w.proposals()
		w.now.Mono += trip
		w.proposed(p[0], start.Add(off))
		want := min(max(start.Add(trip), start.Add(off)), start.Add(off+trip))
		if got := w.time.time(w.now); got != want {
			t.Errorf("proposed %v from what the client believed: %d, want %d", off, got-start, want-start)
		}
	}
}

// What is stamped at one moment has rising timestamps, until the clock is
// corrected downwards by much, or they are as far ahead as they may be.
func TestStampsRise(t *testing.T) {
	var c clock
	now := hlc.Now{Wall: 1_000_000}
	c.anchor(now, now.Wall)
	ahead := time.Second
	last := c.stamp(now, ahead)
	for range 100 {
		if next := c.stamp(now, ahead); next != last+1 {
			t.Fatalf("%d after %d", next, last)
		} else {
			last = next
		}
	}
	now.Mono += 50 * time.Microsecond
	now.Wall = now.Wall.Add(50 * time.Microsecond)
	if next := c.stamp(now, ahead); next != last+1 {
		t.Errorf("%d after %d: the clock has not caught up", next, last)
	}
	now.Mono += time.Millisecond
	now.Wall = now.Wall.Add(time.Millisecond)
	if next := c.stamp(now, ahead); next != now.Wall {
		t.Errorf("%d at %d: the clock has", next, now.Wall)
	}
	now.Wall = now.Wall.Add(-time.Second)
	c.anchor(now, now.Wall)
	if next := c.stamp(now, ahead); next != now.Wall {
		t.Errorf("%d at %d, after a correction", next, now.Wall)
	}
	for range 50 {
		if next := c.stamp(now, 10*time.Microsecond); next > now.Wall.Add(10*time.Microsecond) {
			t.Fatalf("%d at %d: too far ahead", next, now.Wall)
		}
	}
}
