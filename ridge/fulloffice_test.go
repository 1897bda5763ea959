package ridge

import (
	"testing"
	"time"
)

// The coordinator dies; of the other two one has no room, and the other cannot hold the
// office, or never takes it. Then the first has it most of the time: it refuses what
// comes, but sees to what has been proposed.
func TestFullTakesOverFromWhoCannot(t *testing.T) {
	for _, never1 := range []bool{false, true} {
		w := newWorld(t, 403, 1, 3, nil)
		w.durable()
		w.run(300 * time.Millisecond)
		dead := w.node(w.nodes[0].core.ensembles[0].coordinator())
		var others []*node
		for _, n := range w.nodes {
			if n != dead {
				others = append(others, n)
			}
		}
		full, room := others[0], others[1]
		full.core.Full(true)
		w.run(5 * time.Second)
		dead.dead = true
		w.afterFlush = func(n *node) {
			e := room.core.ensembles[0]
			switch {
			case n != room:
			case never1:
				e.takeoverAt = never
			case e.lead.phase != idle:
				e.stepDown()
			}
		}
		timeout := full.core.timeout
		led, first := time.Duration(0), time.Duration(0)
		const step = 10 * time.Millisecond
		for at := step; at < 100*timeout; at += step {
			w.run(step)
			if full.core.ensembles[0].lead.phase == leading {
				if led += step; first == 0 {
					first = at
				}
			}
		}
		if first == 0 || first > 6*timeout || led < 70*timeout {
			t.Errorf("never takes it %v: the full one has the office after %v, for %v of %v", never1, first, led, 100*timeout)
		}
	}
}

// A coordinator with room that was cut off for a moment takes its office again at once,
// though the only other acceptor alive has none.
func TestCutOffFromFull(t *testing.T) {
	w := newWorld(t, 403, 1, 3, nil)
	w.durable()
	w.run(300 * time.Millisecond)
	first := w.node(w.nodes[0].core.ensembles[0].coordinator())
	var others []*node
	for _, n := range w.nodes {
		if n != first {
			others = append(others, n)
		}
	}
	others[0].core.Full(true)
	w.run(2 * time.Second)
	others[1].dead = true
	w.run(5 * time.Second)
	w.sever(first.id, others[0].id, true)
	w.run(700 * time.Millisecond)
	w.heal()
	w.run(4 * first.core.timeout)
	if first.core.ensembles[0].lead.phase != leading {
		t.Error("two seconds after the links are back it has not its office")
	}
}
