package node

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// small makes logs so small that who is away for a moment is lost, and chunks
// so small that a state has many.
func small(c *Config) {
	c.Ridge.MaxLogCount, c.Ridge.Pipeline, c.Ridge.MaxBatchCount = 64, 4, 4
	c.Partition.MaxOutbox = 256
	c.Transfer.ChunkBytes, c.Transfer.BytesPerSecond = 1<<10, 1<<20
}

// away cuts a process off until the others have forgotten what it lacks.
func (l *lab) away(id ids.Process) {
	l.t.Helper()
	l.cut[id] = true
	l.run(3 * time.Second)
	l.cut[id] = false
}

// A replica that was away for longer than logs reach fetches a state instead of
// stopping, under load, and then holds what the others do. It closes the hole
// that trimming by deliveries leaves without disks.
func TestLostReplicaFetchesAState(t *testing.T) {
	for seed := range uint64(4) {
		l := newLab(t, seed, seed%2 == 1, 2, 3, small)
		l.loss = 0.02 * float64(seed/2)
		l.user(1500, 1, 8)
		l.user(1500, 3, 8)
		l.run(time.Second)
		l.away(2)
		l.finish(20 * time.Second)
		if s := l.procs[1].node.Status().Transfer; s.Completed == 0 {
			t.Errorf("seed %d: %+v", seed, s)
		}
	}
}

// onChunk calls do, once, when the k-th chunk is sent.
func (l *lab) onChunk(k int, do func(from, to ids.Process)) {
	n := 0
	l.filter = func(from, to ids.Process, m wire.Message) wire.Message {
		if _, ok := m.(*Chunk); ok {
			if n++; n == k {
				do(from, to)
			}
		}
		return m
	}
}

// Scenario 36: the donor dies, or the receiver restarts, or the donor forgets
// what it was at, after each chunk of a transfer.
func TestInterruptedTransfers(t *testing.T) {
	for _, durable := range []bool{false, true} {
		for _, what := range []string{"donor dies", "donor restarts", "receiver restarts", "donor stands still"} {
			if !durable && what != "donor dies" && what != "donor stands still" {
				continue // who restarts is refused
			}
			step := 1
			if testing.Short() {
				step = 4
			}
			for k := 1; ; k += step + k/4 {
				l := newLab(t, uint64(k), durable, 2, 3, small)
				l.user(300, 2, 8)
				l.until(10*time.Second, l.settled)
				l.away(2)
				l.user(200, 2, 8)
				l.lose(2)
				var hit ids.Process
				l.onChunk(k, func(from, to ids.Process) {
					if hit = from; what == "receiver restarts" {
						hit = to
					}
				})
				done := l.until(5*time.Second, func() bool { return hit != 0 || l.procs[1].node.Status().Transfer.Completed > 0 })
				if hit == 0 {
					if !done || k < 4 {
						t.Fatalf("durable %v, %s: fewer than %d chunks", durable, what, k)
					}
					break
				}
				switch m := l.procs[hit-1]; what {
				case "donor dies":
					l.dead[hit] = true
					m.crash()
				case "donor stands still":
					l.cut[hit] = true
					l.run(5 * time.Second)
					l.cut[hit] = false
				default:
					l.restart(m, 20*time.Millisecond)
				}
				l.finish(30 * time.Second)
				if t.Failed() {
					t.Fatalf("durable %v, %s, chunk %d", durable, what, k)
				}
			}
		}
	}
}

// lose makes a process lack what all others have forgotten, if it does not yet.
func (l *lab) lose(id ids.Process) {
	l.t.Helper()
	m := l.procs[id-1]
	for i := range 100 {
		if m.node.receiver.active() || m.node.receiver.counts.completed > 0 {
			return
		}
		l.cut[id] = true
		u := l.user(100+1000*i, 1, 8)
		l.run(time.Duration(1+i) * time.Second) // sooner or later it is more than logs have room for
		l.cut[id], u.left = false, 0
		l.until(200*time.Millisecond, m.node.receiver.active)
	}
	l.t.Fatalf("process %d does not lose anything: %+v", id, m.node.Status())
}

// A state that takes longer to fetch than logs reach: what follows it is kept
// meanwhile, so that the replica need not start over.
func TestWhatFollowsAStateIsKept(t *testing.T) {
	for _, durable := range []bool{false, true} {
		l := newLab(t, 11, durable, 2, 3, small, func(c *Config) {
			c.Transfer.BytesPerSecond = 20 << 10
			c.Ridge.MaxLogCount, c.Partition.MaxOutbox = 1024, 1<<16
		})
		l.user(300, 2, 8)
		l.until(10*time.Second, l.settled)
		l.lose(2)
		u := l.user(1<<30, 3, 4)
		l.run(8 * time.Second)
		u.left = 0
		l.finish(20 * time.Second)
		if s := l.procs[1].node.Status().Transfer; s.Completed != 1 {
			t.Errorf("durable %v: %+v", durable, s)
		}
	}
}

// A state that takes longer to fetch than what follows it can be kept: what a
// newer one has otherwise is fetched, and that again, until it is soon enough. The
// replica need not start over, and holds in the end what the others do.
func TestAnOvertakenStateIsBroughtUpToDate(t *testing.T) {
	for seed := range uint64(4) {
		l := newLab(t, seed, true, 2, 3, small, func(c *Config) {
			c.Transfer.BytesPerSecond = 48 << 10
			c.Ridge.MaxLogCount, c.Partition.MaxOutbox = 256, 1<<16
		})
		l.loss = 0.01 * float64(seed%2)
		u := l.user(300, 2, 8)
		u.bulk = 200
		l.until(10*time.Second, l.settled)
		l.lose(2)
		u.left = 1 << 30
		receiver := &l.procs[1].node.receiver
		l.until(60*time.Second, func() bool { return receiver.counts.completed > 0 })
		u.left = 0
		l.finish(20 * time.Second)
		if s := l.procs[1].node.Status().Transfer; s.Completed != 1 || s.Started != 1 || s.Overtaken == 0 {
			t.Errorf("seed %d: %+v", seed, s)
		}
	}
}

// What another partition sent is gone, since f+1 replicas have finished with it
// and this one was suspected there; Ridge lacks nothing. Such a replica fetches a
// state, too.
func TestGoneFromTheOutbox(t *testing.T) {
	for _, durable := range []bool{false, true} {
		l := newLab(t, 12, durable, 2, 3, func(c *Config) { c.Partition.MaxOutbox = 64 })
		apart := func(p, q ids.Process) bool { return p == 2 && q > 3 || q == 2 && p > 3 }
		l.filter = func(from, to ids.Process, m wire.Message) wire.Message {
			if apart(from, to) && l.now > time.Second && l.now < 6*time.Second {
				return nil
			}
			return m
		}
		u := l.user(1<<30, 3, 8)
		l.run(6 * time.Second)
		u.left = 0
		l.finish(20 * time.Second)
		if s := l.procs[1].node.Status().Transfer; s.Completed == 0 {
			t.Errorf("durable %v: %+v", durable, s)
		}
	}
}

// Two replicas that are lost ask each other first: neither waits for the other.
func TestTheLostAskTheLost(t *testing.T) {
	l := newLab(t, 13, false, 1, 5, small)
	l.user(300, 1, 8)
	l.until(10*time.Second, l.settled)
	l.cut[2], l.cut[3] = true, true
	l.user(1000, 1, 8)
	l.until(20*time.Second, l.settled)
	l.procs[1].node.receiver.turn, l.procs[2].node.receiver.turn = 2, 1
	declined := 0
	l.filter = func(_, _ ids.Process, m wire.Message) wire.Message {
		if d, ok := m.(*Decline); ok && d.Why == Lost {
			declined++
		}
		return m
	}
	l.cut[2], l.cut[3] = false, false
	l.user(100, 1, 8)
	l.finish(20 * time.Second)
	for _, m := range l.procs[1:3] {
		if s := m.node.Status().Transfer; s.Completed != 1 || declined == 0 {
			t.Errorf("%+v, %d questions to the lost", s, declined)
		}
	}
}

// Transfers that come to nothing are not begun again and again.
func TestStartsAreSpaced(t *testing.T) {
	l := lost(t, 14, false, 3)
	l.lose(2)
	l.filter = func(_, _ ids.Process, m wire.Message) wire.Message {
		if c, ok := m.(*Chunk); ok {
			bad := *c
			bad.CRC++
			return &bad
		}
		return m
	}
	l.run(3 * time.Minute)
	if s := l.procs[1].node.Status().Transfer; s.Started < 5 || s.Started > 12 {
		t.Errorf("in three minutes: %+v", s)
	}
}

// An item may be larger than any message: it goes in pieces.
func TestLargeItems(t *testing.T) {
	for _, durable := range []bool{false, true} {
		l := newLab(t, 15, durable, 1, 3, small, func(c *Config) { c.Transfer.ChunkBytes = 50 })
		l.user(300, 1, 8)
		l.until(10*time.Second, l.settled)
		l.filter = func(_, _ ids.Process, m wire.Message) wire.Message {
			if c, ok := m.(*Chunk); ok && len(c.Data) > 100 {
				t.Errorf("a chunk of %d bytes", len(c.Data))
			}
			return m
		}
		l.lose(2)
		l.finish(20 * time.Second)
	}
}
