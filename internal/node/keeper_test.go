package node

import (
	"testing"
	"time"
)

// spoil flips a bit in an item of a checkpoint.
func (s *stored) spoil() {
	for k, v := range s.items {
		if k[0] == 'v' {
			s.items[k] = append([]byte{v[0] ^ 1}, v[1:]...)
			return
		}
	}
}

// C5: if the newest checkpoint does not verify the older one serves, and all
// that follows it is still there. If both do not, another's state does.
func TestDamagedCheckpoints(t *testing.T) {
	for damaged := 1; damaged <= 2; damaged++ {
		for seed := range uint64(3) {
			l := newLab(t, seed, true, 2, 3)
			l.user(1000, 1, 8)
			l.user(1000, 3, 8)
			for range 4 {
				l.run(300 * time.Millisecond)
				for _, m := range l.procs {
					m.node.keeper.wanted = true
				}
			}
			l.run(300 * time.Millisecond)
			m := l.procs[seed]
			m.crash()
			for i := range damaged {
				m.disk.checkpoints[1-i].spoil()
			}
			l.run(time.Second)
			m.start()
			s := m.node.Status().Durable
			if len(s.Damaged) != damaged || s.Checkpoint == 0 != (damaged == 2) {
				t.Errorf("%d damaged: %+v", damaged, s)
			}
			l.finish(30 * time.Second)
			if got := m.node.Status().Transfer.Completed; got != uint64(damaged-1) {
				t.Errorf("%d damaged, %d states fetched", damaged, got)
			}
		}
	}
}

// Two of three replicas have lost all checkpoints: both get the third's.
func TestTwoLostAtOnce(t *testing.T) {
	for seed := range uint64(3) {
		l := newLab(t, seed, true, 2, 3, frequent)
		l.user(1000, 1, 8)
		l.user(1000, 3, 8)
		l.until(10*time.Second, func() bool { c := l.procs[0].disk.checkpoints; return len(c) == 2 && c[0].number > 3 })
		for _, m := range l.procs[:2] {
			m.crash()
			for _, s := range m.disk.checkpoints {
				s.spoil()
			}
		}
		for _, m := range l.procs[:2] {
			m.start()
		}
		l.finish(30 * time.Second)
		for _, m := range l.procs[:2] {
			if m.node.Status().Transfer.Completed == 0 {
				t.Errorf("seed %d: %+v", seed, m.node.Status().Transfer)
			}
		}
	}
}

// An idle cluster settles: both checkpoints have everything, logs are trimmed,
// and nothing more is written.
func TestIdleClusterSettles(t *testing.T) {
	l := newLab(t, 7, true, 2, 3)
	l.user(200, 3, 8)
	l.finish(10 * time.Second)
	l.run(3 * checkpointEvery)
	written := 0
	for _, m := range l.procs {
		s := m.node.Status()
		for _, e := range s.Ridge.Ensembles {
			if e.LogCount != 0 {
				t.Errorf("process %d keeps %d instances of ensemble %d", m.id, e.LogCount, e.Ensemble)
			}
		}
		if s.Replica.Outbox != 0 || s.Durable.Checkpoint != s.Durable.Older+1 {
			t.Errorf("process %d: outbox %d, %+v", m.id, s.Replica.Outbox, s.Durable)
		}
		written += int(s.Durable.Checkpoint + s.Durable.Written)
	}
	l.run(3 * checkpointEvery)
	for _, m := range l.procs {
		s := m.node.Status()
		written -= int(s.Durable.Checkpoint + s.Durable.Written)
	}
	if written != 0 {
		t.Errorf("%d checkpoints and records were written without need", -written)
	}
}

// Scenarios 35 and 37: a crash at each moment of making a checkpoint.
func TestCrashesWhileCheckpointing(t *testing.T) {
	l := newLab(t, 8, true, 2, 3, frequent)
	l.user(3000, 3, 16)
	for range 60 {
		m := l.procs[l.rng.IntN(len(l.procs))]
		l.until(time.Second, func() bool { return m.node.keeper.making != nil })
		l.run(time.Duration(l.rng.IntN(12)) * time.Millisecond)
		l.restart(m, time.Duration(l.rng.IntN(30))*time.Millisecond)
	}
	l.finish(60 * time.Second)
}

// Without room on the disk checkpoints are given up and made later; nothing dies.
func TestNoRoomForCheckpoints(t *testing.T) {
	l := newLab(t, 9, true, 1, 3, frequent)
	l.user(1500, 1, 8)
	for _, m := range l.procs {
		m.disk.full = 2
	}
	l.finish(90 * time.Second)
	for _, m := range l.procs {
		if s := m.node.Status().Durable; s.Full != 2 || s.Checkpoint == 0 {
			t.Errorf("process %d: %+v", m.id, s)
		}
	}
}

// Stop makes a last checkpoint, after which nothing is executed again.
func TestStopSavesAll(t *testing.T) {
	l := newLab(t, 10, true, 1, 3)
	l.user(300, 1, 8)
	l.finish(10 * time.Second)
	m := l.procs[1]
	m.node.Stop(l.clock())
	if m.node.Stopped() || !l.until(time.Second, m.node.Stopped) {
		t.Fatalf("%+v", m.node.Status().Durable)
	}
	m.crash()
	before := len(m.finished)
	m.start()
	l.run(time.Second)
	if len(m.finished) != before || m.node.Status().Durable.Checkpoint == 0 {
		t.Errorf("%d commands were executed again; %+v", len(m.finished)-before, m.node.Status().Durable)
	}
	m.node.Stop(l.clock())
	if !m.node.Stopped() {
		t.Error("a process with everything saved waits")
	}
	l.finish(time.Second)
}

// A process whose older checkpoint is far behind its newest takes another, though
// nothing more is ordered: perhaps only since the others' logs are full of what
// the older one lacks. When both have everything it is silent.
func TestLateCheckpointIsMadeUpFor(t *testing.T) {
	l := newLab(t, 15, true, 2, 3)
	l.user(300, 3, 8)
	l.finish(10 * time.Second)
	l.run(5 * time.Second) // nulls, too
	var before [7]uint64
	for _, m := range l.procs {
		n := m.node
		took, _ := n.ridge.Taken()
		before[m.id] = n.keeper.numbers
		n.cfg.Ridge.MaxLogCount = int(took) * checkpointShare / lateShares // it was taken in one go
		n.keeper.wanted = true
	}
	l.run(2 * time.Second)
	for _, m := range l.procs {
		n := m.node
		k := &n.keeper
		if took, _ := n.ridge.Taken(); k.numbers != before[m.id]+2 || k.older.instances != took || k.late(n) {
			t.Errorf("process %d: %d checkpoints; the older one has %d instances of %d", m.id, k.numbers-before[m.id], k.older.instances, took)
		}
	}
}

// A process that has started again does not know how much others keep for it:
// perhaps so much that nothing more is ordered. As soon as its replica has
// finished what its checkpoints had not, it says so, long before a checkpoint is
// due by time or by what comes.
func TestWholeSoonAfterAStart(t *testing.T) {
	l := newLab(t, 16, true, 2, 3)
	u := l.user(100, 3, 8)
	l.until(10*time.Second, l.settled)
	for _, m := range l.procs[3:] {
		l.cut[m.id] = true
	}
	u.left = 8
	l.run(4 * time.Second)
	u.left = 0
	for _, m := range l.procs[:3] {
		m.node.keeper.wanted = true
		l.run(100 * time.Millisecond)
		m.node.keeper.wanted = true
		l.run(100 * time.Millisecond)
		l.restart(m, 20*time.Millisecond)
	}
	l.run(2 * time.Second)
	before := l.procs[0].node.Status()
	if before.Replica.Unfinished == 0 || before.Ridge.Ensembles[0].Whole != 0 {
		t.Fatalf("%d unfinished, %+v", before.Replica.Unfinished, before.Ridge.Ensembles[0])
	}
	for _, m := range l.procs[3:] {
		l.cut[m.id] = false
	}
	l.finish(10 * time.Second)
	l.run(4 * time.Second)
	for _, m := range l.procs[:3] {
		if e := m.node.Status().Ridge.Ensembles[0]; e.Whole < before.Ridge.Ensembles[0].Decided {
			t.Errorf("process %d: %+v; %d checkpoints", m.id, e, m.node.keeper.numbers)
		}
	}
}

// The same if it has found two checkpoints of which the older one lacks what the
// newer one has.
func TestOlderSoonAfterAStart(t *testing.T) {
	l := newLab(t, 17, true, 1, 3)
	l.user(100, 1, 8)
	l.finish(10 * time.Second)
	m := l.procs[1]
	for i := range 2 {
		if i > 0 {
			l.user(100, 1, 8)
			l.finish(10 * time.Second)
		}
		m.node.keeper.wanted = true
		l.run(100 * time.Millisecond)
	}
	m.crash()
	m.start()
	before := m.node.keeper.numbers
	l.run(3 * time.Second)
	if k := &m.node.keeper; k.numbers != before+1 || k.older.number() != before {
		t.Errorf("checkpoints %d and %d after %d", k.older.number(), k.newest.number(), before)
	}
}

// What lies before a state that was received is not counted: what was told before
// it says nothing about how much others keep.
func TestBehindAfterAState(t *testing.T) {
	l := newLab(t, 18, true, 1, 3)
	n := l.procs[1].node
	k := &n.keeper
	for range 2 {
		l.user(100, 1, 8)
		l.finish(10 * time.Second)
		k.wanted = true
		l.run(100 * time.Millisecond)
	}
	if k.tellWhole(n); k.behind || k.past[0].Key != k.older.Positions.Key {
		t.Fatalf("behind: %v, %d places", k.behind, len(k.past))
	}
	k.adopted(n, k.newest.Manifest)
	if k.tellWhole(n); !k.behind {
		t.Error("counted from before the state")
	}
	k.wanted = true
	l.run(100 * time.Millisecond)
	if k.behind {
		t.Error("told, and still behind")
	}
}

// Replicas of a partition take their checkpoints one after another, though all
// of them take one whenever so much has been ordered.
func TestCheckpointsAreSpread(t *testing.T) {
	l := newLab(t, 17, true, 1, 3, func(c *Config) {
		c.Ridge.MaxLogCount, c.Ridge.Pipeline, c.Ridge.MaxBatchCount = 1<<12, 8, 1
		c.Ridge.MaxLogBytes, c.Partition.MaxOutbox = 1<<30, 1<<20
	})
	l.user(1e6, 3, 8)
	const share = 1 << 12 / checkpointShare
	var at [3]uint64
	l.until(10*time.Second, func() bool {
		all := true
		for i, m := range l.procs {
			k := &m.node.keeper
			at[i] = k.instances
			all = all && k.instances > 4*share && k.regular
		}
		return all
	})
	for i, a := range at {
		for _, b := range at[i+1:] {
			if d := (a - b + 16*share) % share; d < share/6 || d > share-share/6 {
				t.Errorf("checkpoints were taken at instances %d of shares of %d", at, share)
			}
		}
	}
}
