package ridge

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

func smallLog(t *Tuning) {
	t.MaxMessage, t.MaxBatchBytes, t.MaxLogBytes = 1<<10, 4<<10, 256<<10
}

// fills loads partition 0 until the log of process 1 is as full as that.
func (w *world) fills(fill float64) {
	for e, end := w.node(1).core.home, w.now+10*time.Second; e.fill() < fill && w.now < end && !w.failed; {
		w.multicast(w.clients[0], make([]byte, 900), 0).done = true
		w.run(2 * time.Millisecond)
	}
}

// N7: half of the log is kept for each replica that is suspected, whoever else
// has been given up already; and nothing is kept for that one.
func TestN7HalfOfTheLogForTheSuspected(t *testing.T) {
	w := newWorld(t, 171, 1, 5, smallLog)
	w.run(300 * time.Millisecond)
	w.node(5).dead = true
	w.run(time.Second)
	w.fills(0.3)
	for p := ids.Process(1); p <= 3; p++ {
		w.sever(4, p, true)
	}
	w.run(time.Second)
	w.fills(0.48) // what 5 lacks goes now
	for range 40 {
		w.multicast(w.clients[0], make([]byte, 900), 0).done = true
		w.run(2 * time.Millisecond)
		if fill := w.node(1).core.home.fill(); fill > 0.6 {
			t.Fatalf("a log is %.0f %% full for the sake of suspected replicas", 100*fill)
		}
	}
	w.heal()
	w.run(time.Second) // 4 is not lost, or the harness complains
	if fill := w.node(1).core.home.fill(); fill > 0.05 {
		t.Errorf("a log stays %.0f %% full for one that is given up", 100*fill)
	}
	w.finish(5 * time.Second)
}

// N7: a replica that stands still without being suspected has others refused
// for at most patientTimeouts from when the log was pressed, and once.
func TestN7StandstillIsShort(t *testing.T) {
	w := newWorld(t, 172, 1, 3, func(t *Tuning) {
		smallLog(t)
		t.MaxWaiting = 16
	})
	w.mayLose = true
	w.run(300 * time.Millisecond)
	w.node(3).stalled = true
	w.fills(0.75)
	pressed, refused := w.now, w.now
	for range 3000 {
		before := w.advice[Overloaded]
		w.multicast(w.clients[0], make([]byte, 900), 0).done = true
		w.run(2 * time.Millisecond)
		if w.advice[Overloaded] > before {
			refused = w.now
		}
	}
	most := patientTimeouts*w.tuning.FailureTimeout + 2*w.tuning.Heartbeat
	if d := refused - pressed; d == 0 || d > most {
		t.Errorf("proposals were refused until %v after the log was pressed, want at most %v", d, most)
	}
	w.heal()
	w.node(3).tick()
	w.finish(5 * time.Second)
}

// N7: a slow replica that is behind by less than the log holds catches up when
// its slowness ends, however long it lasted.
func TestN7SlowReplicaCatchesUp(t *testing.T) {
	w := newWorld(t, 173, 1, 3, func(t *Tuning) {
		smallLog(t)
		t.MaxWaiting = 16
	})
	w.run(300 * time.Millisecond)
	w.node(3).stalled = true
	w.fills(0.74)
	w.run(4 * patientTimeouts * w.tuning.FailureTimeout)
	w.heal()
	w.node(3).tick()
	w.finish(5 * time.Second)
	if fill := w.node(1).core.home.fill(); fill > 0.05 {
		t.Errorf("a log stays %.0f %% full", 100*fill)
	}
}

// A replica that is late with what is ordered is known to be so everywhere, but
// not suspected; and when it has caught up no longer.
func TestBehind(t *testing.T) {
	w := newWorld(t, 175, 2, 3, nil)
	w.load(600*time.Millisecond, 5*time.Millisecond)
	check := func(want bool) {
		t.Helper()
		for _, n := range w.nodes {
			for p := ids.Process(1); p <= 6; p++ {
				if got := n.core.Behind(p); got != (want && p == 3 && n.id != 3) || n.core.Suspected(p) {
					t.Errorf("process %d: %d is behind: %v, suspected: %v", n.id, p, got, n.core.Suspected(p))
				}
			}
		}
	}
	check(false)
	w.node(3).stalled = true
	w.load(800*time.Millisecond, 5*time.Millisecond)
	check(true)
	all := w.node(2).core.ensembles[1]
	for range 8 {
		d := all.distributor([]ids.Process{1, 2})
		if d.process == 3 {
			t.Error("one that is behind distributes")
		}
		d.distribution.bytes += 1 << 20
	}
	w.heal()
	w.node(3).tick()
	w.load(200*time.Millisecond, 5*time.Millisecond)
	check(false)
	w.finish(time.Second)
}
