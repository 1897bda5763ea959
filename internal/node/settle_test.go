package node

import (
	"slices"
	"testing"
	"time"
)

// A command that was unfinished in both checkpoints, since a partition was
// away, and is finished at last: an idle process makes that durable too, or the
// others would keep for ever what they said about it.
func TestFinishedLateSettles(t *testing.T) {
	l := newLab(t, 23, true, 2, 3)
	l.user(100, 3, 8)
	l.until(10*time.Second, l.settled)
	for _, m := range l.procs[3:] {
		l.cut[m.id] = true
	}
	u := l.user(8, 8, 8)
	l.run(5*checkpointEvery + time.Second)
	u.left = 0
	// One for the absent partition alone was never ordered, and is late now.
	u.open = slices.DeleteFunc(u.open, func(c *call) bool { return len(c.m.Dests) == 1 && c.m.Dests.Has(1) })
	unfinished := l.procs[0].node.Status().Replica.Unfinished
	if unfinished == 0 {
		t.Fatalf("%d unfinished; %+v", unfinished, l.procs[0].node.Status().Durable)
	}
	for _, m := range l.procs[3:] {
		l.cut[m.id] = false
	}
	l.finish(20 * time.Second)
	l.run(4 * checkpointEvery)
	for _, m := range l.procs {
		if n := m.node.Status().Replica.Outbox; n != 0 {
			t.Errorf("process %d keeps %d entries", m.id, n)
		}
	}
}
