package node

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// Scenario 46: a directory that is consistent in itself, but older than its
// process was, has forgotten votes. Its peers know.
func TestOlderDirectory(t *testing.T) {
	l := newLab(t, 1, true, 1, 3)
	l.user(4000, 1, 4)
	l.run(200 * time.Millisecond)
	m := l.procs[1] // of the chain
	old := *m.disk
	old.log, old.checkpoints = slices.Clone(m.disk.log[:m.disk.durable]), nil
	old.syncing = false
	l.run(3 * time.Second)
	if m.disk.durable <= old.durable {
		t.Fatal("nothing was journalled meanwhile")
	}
	m.crash()
	now := m.disk
	m.disk = &old
	m.start()
	l.run(time.Second)
	if !errors.Is(m.err, ErrOlder) {
		t.Fatalf("an old directory: %v", m.err)
	}
	m.crash()
	m.disk = now // the right one
	m.start()
	l.finish(20 * time.Second)
}

// allCrashed is a partition that was under load until all its processes crashed.
func allCrashed(t *testing.T, seed uint64) *lab {
	l := newLab(t, seed, true, 1, 3)
	l.user(500, 1, 8)
	l.run(time.Second)
	for _, m := range l.procs {
		m.crash()
	}
	return l
}

// A process waits for f others' word, no more: with it they are a quorum.
func TestWitnessesSuffice(t *testing.T) {
	l := allCrashed(t, 2)
	l.procs[0].start()
	l.run(time.Second)
	if l.procs[0].node.Ready() {
		t.Fatal("it started without a witness")
	}
	l.procs[1].start()
	l.run(time.Second)
	if !l.procs[0].node.Ready() || !l.procs[1].node.Ready() {
		t.Fatal("two of three do not start")
	}
	l.procs[2].start()
	l.finish(20 * time.Second)
}

// What a journal writes as it tidies up, before the process takes part, is not
// told: it would come back as what somebody has heard, and pass for what the
// directory has lost.
func TestTidyingIsNotHeard(t *testing.T) {
	l := allCrashed(t, 3)
	m := l.procs[0]
	m.start()
	n := m.node
	w := &n.witness
	n.Synced(w.base + 5)
	for _, ask := range []bool{true, false} {
		w.send(&w.peers[0], ask, !ask)
		last := n.founding.sends[len(n.founding.sends)-1].Msg.(*Journal)
		if !w.asking || last.Durable != w.base {
			t.Fatalf("it tells %d; the journal ended with %d when it started", last.Durable, w.base)
		}
	}
	l.procs[1].start()
	l.procs[2].start()
	l.run(time.Second)
	if w.asking || m.err != nil {
		t.Fatalf("it does not start: %v", m.err)
	}
	w.send(&w.peers[0], false, true)
	if last := n.founding.sends[len(n.founding.sends)-1].Msg.(*Journal); last.Durable < w.base+5 {
		t.Fatalf("it tells %d, and %d are durable", last.Durable, w.base+5)
	}
	l.finish(20 * time.Second)
}
