package ridge

import (
	"slices"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// power makes a durable world that takes checkpoints only when a test says so.
func power(t *testing.T, seed uint64, partitions, replicas int, adjust func(*Tuning)) *world {
	w := newWorld(t, seed, partitions, replicas, adjust)
	w.durable()
	w.manual = true
	return w
}

// outage has some processes, or all, lose power, and start again after a while.
func (w *world) outage(off time.Duration, who ...*node) {
	for _, n := range who {
		n.crash()
	}
	w.run(off)
	for _, i := range w.rng.Perm(len(who)) {
		w.after(time.Duration(w.rng.Int64N(int64(10*time.Millisecond))), who[i].restart)
	}
}

// save has processes take two checkpoints, so that the older one is as new.
func (w *world) save(who ...*node) {
	for _, n := range who {
		for range 2 {
			n.saved(checkpoint{n.core.Positions(), n.delivered[:len(n.delivered):len(n.delivered)]})
		}
	}
}

// After a restart of all, with clocks that have gone back, what is ordered comes
// after all that was delivered before, with timestamps above.
func TestRestartWithClocksGoneBack(t *testing.T) {
	for i := range 4 {
		saved, partitions := i%2 == 1, 1+i/2
		w := power(t, 601, partitions, 3, nil)
		w.load(500*time.Millisecond, 5*time.Millisecond)
		w.runUntil(time.Second, w.allDone)
		if saved {
			w.save(w.nodes...)
		}
		last := w.node(2).delivered[len(w.node(2).delivered)-1].Position
		for _, n := range w.nodes {
			n.skew -= time.Hour
		}
		w.outage(100*time.Millisecond, w.nodes...)
		w.run(time.Second)
		present := w.node(2).core.Time(w.node(2).clock()) // as a client is told
		w.clients[0].skew = present.Sub(epoch.Add(w.now))
		p := w.multicast(w.clients[0], []byte{1}, ids.Range(partitions)...)
		w.finish(3 * time.Second)
		w.checkPast()
		d := w.node(2).delivered[len(w.node(2).delivered)-1]
		if idOf(d.Message) != idOf(p.m) || !last.Less(d.Position) {
			t.Errorf("%d partitions, saved %v: %v is delivered at %v, after %v", partitions, saved, d.Message.Command, d.Position, last)
		}
	}
}

// C4, N7: only what the older durable checkpoints of f+1 replicas of every
// partition cover is forgotten, however much has been delivered: a partition that
// is off keeps it all, a replica that is off does not.
func TestC4TrimmingByStableCheckpoints(t *testing.T) {
	w := power(t, 602, 2, 3, nil)
	w.load(500*time.Millisecond, 5*time.Millisecond)
	w.runUntil(time.Second, w.allDone)
	bases := func() (bs []ids.Instance) {
		w.run(300 * time.Millisecond)
		for _, n := range w.nodes[:3] {
			bs = append(bs, n.core.ensembles[1].log.base)
		}
		return bs
	}
	if bs := bases(); slices.Max(bs) > 0 {
		t.Fatalf("trimmed up to %v without a checkpoint", bs)
	}
	w.save(w.nodes[:3]...)
	w.save(w.node(4))
	if bs := bases(); slices.Max(bs) > 0 {
		t.Fatalf("trimmed up to %v, which one replica of partition 1 covers", bs)
	}
	w.node(6).crash()
	w.node(5).saved(checkpoint{w.node(5).core.Positions(), w.node(5).delivered}) // the older is still the first
	w.run(time.Second)
	if bs := bases(); slices.Max(bs) > 0 {
		t.Fatalf("trimmed up to %v, which the newest checkpoint of a replica covers", bs)
	}
	w.save(w.node(5))
	// What a suspected replica lacks is kept while there is room.
	if bs := bases(); slices.Max(bs) > 0 {
		t.Fatalf("trimmed up to %v before there was need", bs)
	}
	w.node(6).restart()
	w.run(time.Second)
	w.save(w.node(6))
	if bs := bases(); slices.Min(bs) == 0 {
		t.Errorf("trimmed up to %v", bs)
	}
	w.finish(5 * time.Second)
}

// C5: what f+1 replicas cover is kept all the same while what their checkpoints
// have unfinished may be forgotten elsewhere on the word of others; what all
// cover is not.
func TestTrimmingByWholeReplicas(t *testing.T) {
	w := power(t, 604, 1, 3, smallLog)
	for _, n := range w.nodes {
		n.disk.unfinished = true
	}
	base := func() ids.Instance { return w.node(1).core.home.log.base }
	rounds := func(n int, who ...*node) {
		for range n {
			w.load(50*time.Millisecond, time.Millisecond)
			w.save(who...)
		}
	}
	w.size = 500
	rounds(2, w.nodes...)
	w.run(300 * time.Millisecond)
	all := base()
	if all == 0 {
		t.Fatal("what all cover is kept")
	}
	w.node(3).crash()
	rounds(30, w.nodes[:2]...)
	if b, stable := base(), w.node(3).disk.older.p.Ensembles[0].Instance; b >= stable {
		t.Fatalf("trimmed up to %d, beyond %d, where one is that is off, though no state is whole", b, stable)
	}
	for _, n := range w.nodes {
		n.disk.unfinished = false
	}
	rounds(5, w.nodes[:2]...)
	if b := base(); b <= all {
		t.Fatalf("trimmed up to %d only", b)
	}
	w.node(3).restart()
	for range 10 {
		w.run(500 * time.Millisecond)
		w.save(w.nodes...)
	}
	w.finish(10 * time.Second)
}

// A replica that was off until the log had to go on without it fetches a state,
// and all is as if it had been there.
func TestC4AbsentReplicaFetchesState(t *testing.T) {
	w := power(t, 603, 1, 3, smallLog)
	w.load(300*time.Millisecond, 5*time.Millisecond)
	w.node(3).crash()
	w.run(time.Second)
	w.size = 500
	for range 30 {
		w.load(50*time.Millisecond, time.Millisecond)
		w.save(w.nodes[:2]...)
	}
	if n := w.advice[Overloaded]; n > 0 {
		t.Errorf("%d proposals refused", n)
	}
	w.node(3).restart()
	w.finish(10 * time.Second)
	if w.transfers != 1 {
		t.Errorf("%d states fetched", w.transfers)
	}
}

// A coordinator that starts again finds what others may still need, below what
// its own checkpoint covers: nobody remembers that it is decided, and the votes
// are of different rounds.
func TestRestartFindsDecisionsBelowTheCheckpoint(t *testing.T) {
	d := newDesk(t, 1, 5)
	v := val(2, 1, msg(1, epoch))
	d.step(2, &accept{Round: round(8, 2), Instance: 1, Chain: []ids.Process{2, 1, 3}, Value: v})
	d.sync()
	d.crash()
	d.core.Jump(Positions{Key: ids.Position{T: epoch}, Ensembles: []At{{Instance: 2, Last: epoch}}})
	d.e.start(d.now)
	d.sync()
	for _, p := range []ids.Process{4, 5} {
		vs := []vote{{Instance: 1, Round: round(7, ids.Process(p)), Value: v}}
		d.step(p, &promise{Round: d.e.lead.round, From: d.e.lead.prep.from, Wall: epoch, Votes: vs})
	}
	if l := &d.e.lead; l.phase != leading || len(l.open) != 1 || l.open[0].instance != 1 || l.open[0].value.ID != v.ID || l.next != 2 {
		t.Errorf("phase %d, open %+v, next %d", l.phase, l.open, l.next)
	}
}

// What nobody can be asked for any more, since those that have it no longer know
// that it is decided, is covered by a checkpoint.
func TestLostToForgottenDecisions(t *testing.T) {
	d := newDesk(t, 2, 3)
	for i := range 80 {
		for _, p := range []ids.Process{1, 3} {
			d.step(p, &heartbeat{Wall: epoch, Hears: true, Items: []heartbeatItem{{Round: round(9, 1), Leading: p == 1, Decided: 40, Stable: 31, Whole: 31}}})
		}
		if i < 40 && len(d.core.Lost()) > 0 {
			t.Fatalf("lost too soon")
		}
		d.pass(100 * time.Millisecond)
	}
	if len(d.core.Lost()) != 1 {
		t.Error("waits for ever")
	}
	d.core.Jump(Positions{Key: ids.Position{T: epoch}, Ensembles: []At{{Instance: 32, Last: epoch}}})
	if len(d.core.Lost()) > 0 {
		t.Error("lost after a jump")
	}
}

// A restart of all with a full log, of which no chain's votes are complete: it is
// proposed anew, many at a time.
func TestRestartWithAFullLog(t *testing.T) {
	w := power(t, 604, 1, 3, func(t *Tuning) { t.MaxBatchCount, t.Pipeline, t.MaxLogCount = 1, 16, 4000 })
	w.syncMin, w.syncMax = time.Millisecond, 2*time.Millisecond
	w.run(300 * time.Millisecond)
	for range 1500 {
		w.multicast(w.clients[0], make([]byte, 100), 0)
		w.run(time.Millisecond)
	}
	w.runUntil(time.Second, w.allDone)
	w.node(2).crash() // and with it half of the votes
	w.outage(100*time.Millisecond, w.node(1), w.node(3))
	w.run(20 * time.Millisecond)
	began := w.now
	all := func() bool { return len(w.node(1).delivered) >= 1500 && len(w.node(3).delivered) >= 1500 }
	if !w.runUntil(10*time.Second, all) {
		t.Fatalf("%d and %d delivered", len(w.node(1).delivered), len(w.node(3).delivered))
	}
	if d := w.now - began; d > 1500*time.Millisecond {
		t.Errorf("%v until all was there again", d)
	}
	w.node(2).restart()
	w.finish(5 * time.Second)
	w.checkPast()
}

// Restarts in every order, of all processes or of some, leave an ensemble that
// orders: whoever is there first, and whatever they remember.
func TestRestartsInAnyOrder(t *testing.T) {
	for i, order := range [][]ids.Process{{1}, {2}, {3}, {1, 2}, {2, 3}, {1, 3}, {1, 2, 3}, {3, 2, 1}, {2, 1, 3}, {2, 3, 1}} {
		for _, early := range []bool{false, true} {
			w := power(t, 610+uint64(i), 1, 3, nil)
			if early {
				w.run(time.Duration(w.rng.Int64N(int64(3 * time.Millisecond)))) // Phase 1 under way, or nothing
			} else {
				w.load(300*time.Millisecond, 5*time.Millisecond)
			}
			for _, p := range order {
				w.node(p).crash()
			}
			w.run(time.Duration(w.rng.Int64N(int64(2 * time.Second))))
			for i, p := range order {
				w.after(time.Duration(i)*700*time.Millisecond, w.node(p).restart)
			}
			w.run(time.Duration(len(order)) * 700 * time.Millisecond)
			w.multicast(w.clients[0], []byte{1}, 0)
			w.finish(3 * time.Second)
			w.checkPast()
		}
	}
}
