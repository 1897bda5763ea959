package client

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
)

// Whoever is known to be down is not waited for, and not asked while others
// can be.
func TestDownIsNotWaitedFor(t *testing.T) {
	w := newWorld(t, 1)
	w.welcome(7)
	w.submit("a")
	w.submit("b")
	_, to := w.proposals()
	dead := to[0]
	w.Down(w.now, dead)
	w.Down(w.now, dead)
	p, to := w.proposals()
	if len(p) != 2 || to[0] == dead || to[1] == dead {
		t.Fatalf("%d copies to %v, after %d went down", len(p), to, dead)
	}
	second := to[0]
	w.submit("c")
	if _, to = w.proposals(); len(to) != 1 || to[0] == dead {
		t.Fatalf("a new command went to %v", to)
	}
	w.Down(w.now, second)
	if p, to = w.proposals(); len(p) != 3 || to[0] == dead || to[0] == second {
		t.Fatalf("%d copies to %v", len(p), to)
	}
	w.Down(w.now, to[0]) // all are: go on around, by the timer
	if p, _ = w.proposals(); len(p) != 3 {
		t.Fatalf("%d copies", len(p))
	}
	w.after(time.Second)
	if p, _ = w.proposals(); len(p) != 3 {
		t.Fatalf("%d copies after a pause", len(p))
	}
	for _, p := range p {
		w.reply(p, partition.OutcomeOK)
	}
	for p := ids.Process(1); p <= 3; p++ {
		w.Up(w.now, p)
	}
	w.submit("d")
	if p, _ = w.proposals(); len(p) != 1 {
		t.Fatalf("%d copies", len(p))
	}
}

// However many commands wait, each is looked at a few times a pause.
func TestTicksAreFewWhenManyWait(t *testing.T) {
	w := newWorld(t, 1)
	w.cfg.Tuning.Window, w.cfg.Tuning.Span = 1000, 1000
	w.welcome(7)
	for range 1000 {
		w.submit("a")
	}
	p, _ := w.proposals()
	ticks := 0
	for w.Wake() < 4*w.cfg.Tuning.Resend {
		w.now.Wall = w.now.Wall.Add(w.Wake() - w.now.Mono)
		w.now.Mono = w.Wake()
		w.Tick(w.now)
		ticks++
	}
	if again, _ := w.proposals(); len(again) < 1000 || ticks > 4*lookShare {
		t.Errorf("%d ticks, %d resends", ticks, len(again))
	}
	// Answers in any order: the ring keeps what waits.
	for i := range p {
		w.reply(p[(i*7+3)%len(p)], partition.OutcomeOK)
	}
	if w.Outstanding() != 0 || w.calls.mark != w.calls.next || len(w.Results()) != 1000 {
		t.Errorf("%d outstanding, mark %d of %d", w.Outstanding(), w.calls.mark, w.calls.next)
	}
}
