package ridge

import (
	"slices"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Erratum 2: two messages of an ensemble must not keep the same timestamp.
// Scenario 19: equal timestamps from several ensembles; a step back inside a
// batch.
func TestErratum2TimestampsRise(t *testing.T) {
	r := newRig(t, 4, 2, 3)
	own, all := r.core.ensembles[0], r.core.ensembles[1]
	a := val(4, 1, msg(1, epoch, 1), msg(2, epoch, 1), msg(3, epoch-50, 1))
	b := val(4, 2, msg(4, epoch+2, 1))
	own.learn(1, a.ID, a, 0)
	own.learn(2, b.ID, b, 0)
	c := val(1, 1, msg(5, epoch, 0, 1), msg(6, epoch+1, 0, 1))
	all.learn(1, c.ID, c, 0)
	null := newValue(1, 2, epoch, nil, epoch+1000)
	all.learn(2, null.ID, null, 0)
	own.learn(3, null.ID, null, 0)
	var got []ids.Position
	for _, d := range r.deliveries() {
		got = append(got, d.Position)
	}
	want := []ids.Position{{T: epoch, E: 1}, {T: epoch, E: ids.All}, {T: epoch + 1, E: 1}, {T: epoch + 1, E: ids.All}, {T: epoch + 2, E: 1}, {T: epoch + 3, E: 1}}
	if !slices.Equal(got, want) {
		t.Errorf("positions %v, want %v", got, want)
	}
}

// Erratum 3: a process of a single group must not skip e_all when there are
// several groups.
func TestErratum3EveryoneSubscribesToAll(t *testing.T) {
	w := newWorld(t, 3, 3, 3, nil)
	for _, n := range w.nodes {
		if len(n.core.ensembles) != 2 || n.core.ensembles[1].id != ids.All {
			t.Fatalf("process %d does not learn from e_all", n.id)
		}
	}
	w.run(100 * time.Millisecond)
	w.multicast(w.clients[0], []byte("x"), 1, 2)
	w.finish(5 * time.Second)
	if n := newWorld(t, 3, 1, 3, nil).nodes[0]; len(n.core.ensembles) != 1 {
		t.Error("a single group has an e_all")
	}
}

// Erratum 5 and R8: timestamps are clamped both ways around the physical
// clock, and nothing received moves that window.
func TestErratum5Clamp(t *testing.T) {
	const w = 100
	for _, c := range []struct{ t, last, physical, want hlc.Timestamp }{
		{1000, 0, 1000, 1000},
		{5000, 0, 1000, 1100},                         // a fast client
		{10, 0, 1000, 900},                            // a slow one
		{1000, 1000, 1000, 1001},                      // not above last
		{hlc.Max, 1100, 1000, 1100},                   // learners raise it
		{-hlc.Max, 5000, 1000, 1100},                  // far ahead already: no further
		{-hlc.Max, 0, 1000, 900}, {0, 950, 1000, 951}, // max integer, negative, zero
	} {
		if got := clamp(c.t, c.last, c.physical, w); got != c.want {
			t.Errorf("clamp(%d, last %d, physical %d) = %d, want %d", c.t, c.last, c.physical, got, c.want)
		}
	}
}

// Erratum 5: a busy client with a slow clock must not hold back the merge.
// The source's timer restarts with each proposal, so no null would come.
func TestErratum5SlowClientHoldsNothingBack(t *testing.T) {
	w := newWorld(t, 5, 2, 3, nil)
	w.run(200 * time.Millisecond)
	slow, good := w.clients[0], w.clients[1]
	slow.skew = -time.Minute / 2
	for i := range 100 {
		w.multicast(slow, []byte{1}, 0, 1)
		if i%10 == 5 {
			w.multicast(good, []byte{2}, 0)
		}
		w.run(2 * time.Millisecond)
	}
	w.run(20 * time.Millisecond)
	for _, p := range w.proposals[:len(w.proposals)-5] {
		if !w.everywhere(p) {
			t.Fatalf("%v is still held back", p.m.Command)
		}
	}
	w.finish(time.Second)
}

// R7: timestamp and destinations come from the decided record: learners merge
// at the clamped timestamp, whatever copy of the message they hold.
func TestR7DecidedTimestampCounts(t *testing.T) {
	w := newWorld(t, 7, 1, 3, nil)
	w.run(200 * time.Millisecond)
	w.clients[0].skew = -10 * time.Second
	p := w.multicast(w.clients[0], []byte("late"), 0)
	w.finish(time.Second)
	for _, n := range w.nodes {
		d := n.delivered[0]
		if lag := epoch.Add(w.now).Sub(d.Position.T); d.Position.T == p.m.T0 || lag > 2*time.Second {
			t.Errorf("process %d delivers at %v, %v ago; T0 is %v", n.id, d.Position.T, lag, p.m.T0)
		}
	}
}

// R7: a value id names one content; a message's digest covers all its bytes.
func TestR7NamesIncludeDigests(t *testing.T) {
	a, b := val(1, 1, msg(1, epoch)), val(1, 1, msg(2, epoch))
	if a.ID == b.ID {
		t.Error("two contents have one id")
	}
	m := &valueMessage{Chain: []ids.Process{1, 2}, Instance: 1, Value: &Value{ID: a.ID, raw: b.raw}}
	if _, err := Decode(m.Kind(), m.Append(nil)); err == nil {
		t.Error("a value under another's id was decoded")
	}
	base := msg(1, epoch)
	for i, change := range []func(*Message){
		func(m *Message) { m.T0++ }, func(m *Message) { m.Mark++ }, func(m *Message) { m.Guard++ },
		func(m *Message) { m.Attempt++ }, func(m *Message) { m.Dests = ids.NewSet(3) }, func(m *Message) { m.Body = []byte("y") },
	} {
		c := *base
		if change(&c); c.Digest() == base.Digest() {
			t.Errorf("change %d leaves the digest", i)
		}
	}
}

// R8: the physical clock is the lower median of the acceptors' clocks.
func TestR8LowerMedian(t *testing.T) {
	for _, c := range []struct {
		own, b, c, want time.Duration
	}{
		{0, 1, 2, 1}, {time.Hour, 0, 1, 1}, {-time.Hour, 0, 1, 0}, {0, time.Hour, 1, 1}, {0, 1, -time.Hour, 0},
	} {
		r := newRig(t, 1, 1, 3)
		r.now.Wall = epoch.Add(c.own * time.Microsecond)
		for i, wall := range []time.Duration{c.b, c.c} {
			us := wall * time.Microsecond
			if wall == time.Hour || wall == -time.Hour {
				us = wall
			}
			r.step(ids.Process(i+2), &heartbeat{Wall: epoch.Add(us), Hears: true})
		}
		if c.own == time.Hour || c.own == -time.Hour {
			r.now.Wall = epoch.Add(c.own)
		}
		if got := r.e.physical(r.now).Sub(epoch); got != c.want*time.Microsecond {
			t.Errorf("%+v: %v", c, got)
		}
	}
	// With one acceptor silent, the lower of two.
	r := newRig(t, 1, 1, 3)
	r.step(2, &heartbeat{Wall: epoch.Add(time.Hour), Hears: true})
	if got := r.e.physical(r.now); got != epoch {
		t.Errorf("lower of two is %v", got.Sub(epoch))
	}
}

// R8 and scenario 18: no client, however wrong its clock, carries an ensemble
// ahead of physical time, or the others after it.
func TestR8FastClientsCarryNothingAway(t *testing.T) {
	w := newWorld(t, 8, 2, 3, nil)
	w.run(200 * time.Millisecond)
	for i := range 700 {
		// Just within what the coordinator admits, for ever.
		c := w.clients[i%4]
		c.skew = w.node(1).core.Time(w.node(1).core.now).Sub(epoch) - w.now + w.tuning.Window
		if i%2 == 0 {
			w.multicast(c, []byte{1}, 0)
		} else {
			w.multicast(c, []byte{1}, 0, 1)
		}
		w.run(time.Millisecond)
		for _, n := range w.nodes {
			for _, e := range n.core.ensembles {
				if lead := e.stream.last.Sub(epoch) - w.now; lead > w.tuning.Lead {
					t.Fatalf("ensemble %d is %v ahead after %d messages", e.id, lead, i)
				}
			}
		}
	}
	w.finish(5 * time.Second)
}

// Scenario 18 and X5: what is outside [now-H, now+W] is refused with the
// ensemble's time before it is ordered.
func TestX5RefusesOutsideTheHorizon(t *testing.T) {
	w := newWorld(t, 9, 1, 3, nil)
	w.run(200 * time.Millisecond)
	for _, c := range []struct {
		t0   hlc.Timestamp
		want Reason
	}{
		{hlc.Max, Early}, {epoch.Add(time.Hour), Early}, {0, Late}, {-hlc.Max, Late}, {epoch.Add(-time.Hour), Late},
		{epoch.Add(-59 * time.Second), 0}, {epoch.Add(w.now + 90*time.Millisecond), 0},
	} {
		w.advice = map[Reason]int{}
		var told *Advice
		n := w.node(1)
		m := msg(w.serial, c.t0)
		w.byName[idOf(m)] = &proposal{m: m, client: w.clients[0]}
		n.core.Step(n.clock(), ids.ToClient(m.Command.Client), &Propose{Message: m})
		for _, s := range n.core.Sends() {
			if a, ok := s.Msg.(*Advice); ok {
				told = a
			} else {
				w.post(w.node(1), s)
			}
		}
		w.run(10 * time.Millisecond)
		switch ordered := w.everywhere(&proposal{m: m}); {
		case c.want == 0 && (told != nil || !ordered):
			t.Errorf("T0 %v: advice %+v, ordered %v", c.t0, told, ordered)
		case c.want != 0 && (told == nil || told.Reason != c.want || ordered || told.Time < epoch):
			t.Errorf("T0 %v: advice %+v, ordered %v; want %v", c.t0, told, ordered, c.want)
		}
	}
}

// R9: a request says "reach a key above (T, e')": a null of T itself is above
// it only from a higher ensemble.
func TestR9NullsPassTheKey(t *testing.T) {
	for _, c := range []struct {
		asker ids.Ensemble
		want  hlc.Timestamp
	}{{ids.All, epoch + 501}, {5, epoch + 501}} {
		r := newRig(t, 1, 2, 3)
		r.e.id = 3 // as if this were ensemble 3
		r.step(2, &promise{Ensemble: 3, Round: r.e.lead.round, Wall: epoch, From: 1})
		r.step(2, &advance{Ensemble: 3, Key: ids.Position{T: epoch + 500, E: c.asker}})
		if r.e.lead.last != c.want {
			t.Errorf("asked by ensemble %d: reached %d, want %d", c.asker, r.e.lead.last-epoch, c.want-epoch)
		}
	}
	r := newRig(t, 1, 2, 3)
	all := r.core.ensembles[1]
	r.step(2, &promise{Ensemble: ids.All, Round: all.lead.round, Wall: epoch, From: 1})
	r.step(4, &advance{Ensemble: ids.All, Key: ids.Position{T: epoch + 500, E: 1}})
	if all.lead.last != epoch+500 {
		t.Errorf("e_all reached %d, want 500", all.lead.last-epoch)
	}
	// Never more than A ahead, whatever is asked (R8).
	r.step(4, &advance{Ensemble: ids.All, Key: ids.Position{T: hlc.Max, E: 1}})
	if got := all.lead.last.Sub(epoch); got > r.core.cfg.Tuning.Lead {
		t.Errorf("a request carried the ensemble %v ahead", got)
	}
}

// R9 and scenario 15: an idle ensemble does not stall the others; nulls cause
// no requests, so a system without traffic falls silent but for heartbeats.
func TestR9IdleSystemIsSilent(t *testing.T) {
	w := newWorld(t, 10, 3, 3, nil)
	w.run(200 * time.Millisecond)
	for range 50 {
		w.multicast(w.clients[0], []byte{1}, 1)
		w.multicast(w.clients[1], []byte{1}, 0, 2)
		w.run(3 * time.Millisecond)
	}
	w.finish(time.Second)
	w.run(3 * time.Second)
	others := 0
	w.filter = func(_, _ ids.Process, m wire.Message) bool {
		if _, ok := m.(*heartbeat); !ok {
			others++
		}
		return true
	}
	w.messages = 0
	w.run(10 * time.Second)
	// 9 processes with 8 peers each; ten heartbeats a second.
	if most := 10 * 11 * 9 * 8; others > 0 || w.messages > most {
		t.Errorf("%d messages in 10 idle seconds, of which %d are not heartbeats; at most %d", w.messages, others, most)
	}
}

// Scenario 15: one partition busy, the rest idle: the merge keeps up, and its
// nulls stay few.
func TestIdleEnsembleDelaysNothing(t *testing.T) {
	w := newWorld(t, 11, 3, 3, nil)
	w.run(200 * time.Millisecond)
	for range 1000 {
		w.multicast(w.clients[0], []byte{1}, 1)
		w.run(time.Millisecond)
	}
	w.run(15 * time.Millisecond)
	if n := w.node(4); len(n.delivered) < 990 {
		t.Errorf("only %d of 1000 delivered in time", len(n.delivered))
	}
	nulls := w.node(1).core.counters.Nulls
	if nulls > 600 {
		t.Errorf("%d nulls for a second of traffic", nulls)
	}
	w.finish(time.Second)
}

// Scenario 16: a coordinator whose clock is an hour or ten years ahead moves
// nothing, nor does its death. Scenario 17: one whose clock jumps back under
// load.
func TestR8WrongCoordinatorClock(t *testing.T) {
	for _, jump := range []time.Duration{time.Hour, 10 * 365 * 24 * time.Hour, -time.Hour} {
		w := newWorld(t, 16, 2, 3, nil)
		w.run(200 * time.Millisecond)
		load := func(d time.Duration) {
			for end := w.now + d; w.now < end; {
				w.multicast(w.clients[0], []byte{1}, 0)
				w.multicast(w.clients[1], []byte{1}, 0, 1)
				w.run(5 * time.Millisecond)
			}
		}
		load(200 * time.Millisecond)
		w.node(1).skew = jump
		load(2 * time.Second)
		w.node(1).dead = true
		load(500 * time.Millisecond)
		w.finish(10 * time.Second)
		for _, d := range w.node(5).delivered {
			if lead := d.Position.T.Sub(epoch) - w.now; lead > w.tuning.MaxAhead {
				t.Fatalf("jump %v: delivered %v ahead", jump, lead)
			}
		}
	}
}

// Scenario 20: e_all's link to its acceptors is slow; the merge of the others
// waits, within bounds, and goes on.
func TestSlowEnsembleBoundsTheMerge(t *testing.T) {
	w := newWorld(t, 20, 2, 3, func(t *Tuning) {
		t.MaxWaiting, t.MaxBatchCount = 64, 16
		t.MaxMessage, t.MaxBatchBytes, t.MaxLogBytes = 1<<10, 4<<10, 64<<10
	})
	w.run(300 * time.Millisecond)
	held := 0
	w.filter = func(_, _ ids.Process, m wire.Message) bool {
		a, ok := m.(*accept)
		if ok && a.Ensemble == ids.All {
			held++
			return false // nothing is decided in e_all
		}
		return true
	}
	for range 1000 {
		w.multicast(w.clients[0], make([]byte, 200), 1)
		w.run(time.Millisecond)
		for _, n := range w.nodes {
			for _, e := range n.core.ensembles {
				if waiting := e.stream.count; waiting > 64+16 {
					t.Fatalf("%d items wait for the merge", waiting)
				}
			}
		}
	}
	if held == 0 || w.advice[Overloaded] == 0 {
		t.Fatalf("held %d, advice %v", held, w.advice)
	}
	w.filter = nil
	w.finish(20 * time.Second)
}
