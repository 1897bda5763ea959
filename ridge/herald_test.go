package ridge

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// A message whose one direct copy is its proposal is opt-delivered at its
// coordinator, which knows that it is the one to tell; others get it with its
// value, in full, and ask nobody.
func TestHeraldOfItsProposal(t *testing.T) {
	w := newWorld(t, 41, 1, 3, optimistic)
	w.run(500 * time.Millisecond)
	for i := range 20 {
		w.node(1).put(i+1, 0, Propose{Herald: true})
		w.run(time.Millisecond)
	}
	w.finish(2 * time.Second)
	for _, n := range w.nodes {
		c := n.core.counters
		if c.Optimistic != 20 || c.PayloadsAsked+c.PayloadsSpared > 0 || (c.Forced == 0) != (n.id == 1) {
			t.Errorf("process %d: %+v", n.id, c)
		}
	}
}

// A direct copy says whether its replica leads its partition's own ensemble. One
// that does not tells the proposer who does.
func TestHeralds(t *testing.T) {
	w := newWorld(t, 42, 2, 3, optimistic)
	w.run(500 * time.Millisecond)
	m := msg(1, epoch.Add(w.now), 0, 1)
	for _, id := range []ids.Process{4, 5} {
		r := &rig{t: t, core: w.node(id).core, now: hlc.Now{Mono: w.now, Wall: epoch.Add(w.now)}}
		r.step(0, &Cast{Message: m, Alone: true})
		r.core.Tick(hlc.Now{Mono: r.now.Mono + time.Second, Wall: r.now.Wall.Add(time.Second)})
		d, ok := r.core.NextOptimistic()
		if !ok || d.Forced || d.Leads != (id == 4) {
			t.Errorf("process %d: %+v, %v", id, d, ok)
		}
		if a := only[*Advice](r); (len(a) == 1 && a[0].Coordinator == 4 && a[0].Ensemble == 1) != (id == 5) {
			t.Errorf("process %d: %+v", id, a)
		}
	}
}

// Nobody waits for copies that never come late; who once came after a later one
// has them waited for again, for a while.
func TestNoWaitInOrder(t *testing.T) {
	r := optRig(t, 2, 1)
	o := &r.core.opt
	copies := func(n int, step hlc.Timestamp) {
		for range n {
			o.observe(r.now, msg(1, o.newest+step), false)
			r.now = hlc.Now{Mono: r.now.Mono + time.Millisecond, Wall: r.now.Wall.Add(time.Millisecond)}
		}
	}
	o.newest = r.now.Wall - 1000
	copies(10, 1000)
	if o.calm() {
		t.Error("calm before much is known")
	}
	copies(3000, 1000)
	if !o.calm() {
		t.Errorf("not calm: %v", o.astray)
	}
	o.wait.value = 10_000
	o.observe(r.now, msg(1, o.newest-1), false)
	if o.calm() {
		t.Error("calm although order is not kept")
	}
	copies(1000, 1000)
	if !o.calm() {
		t.Error("never calm again")
	}
	o.observe(r.now, msg(1, o.newest-1_000_000), false) // waiting would not have helped
	if !o.calm() {
		t.Error("one that is late for other reasons counts")
	}
	before := o.newest
	o.observe(r.now, msg(1, before+2), true)
	o.observe(r.now, msg(1, before+1), true)
	if !o.calm() {
		t.Error("own ones are to come in order")
	}
	o.observe(r.now, msg(1, before+1), false)
	if o.calm() {
		t.Error("one from elsewhere may come after an own one that is later")
	}
	copies(1000, 1000)
	o.observe(r.now, msg(1, o.newest-1), true)
	if o.calm() {
		t.Error("an own one may come after one from elsewhere that is later")
	}
}

// A proposal from the far future that only passes here, as e_all's do, says
// nothing of how copies come.
func TestNoWaitBecauseOfTheFuture(t *testing.T) {
	r := optRig(t, 1, 3)
	o := &r.core.opt
	calm := func() {
		for range 3000 {
			o.observe(r.now, msg(1, r.now.Wall-1000), false)
			r.now = hlc.Now{Mono: r.now.Mono + time.Millisecond, Wall: r.now.Wall.Add(time.Millisecond)}
		}
	}
	calm()
	if !o.calm() {
		t.Fatal("not calm")
	}
	wait := o.wait
	for _, t0 := range []hlc.Timestamp{r.now.Wall.Add(time.Hour), r.now.Wall.Add(-time.Hour), 1 << 62} {
		m := msg(1, t0, 1, 2)
		for _, p := range []*Propose{{Ensemble: ids.All, Message: m, Herald: true}, {Ensemble: ids.All, Message: m, Cast: true}} {
			r.step(0, p)
		}
	}
	if o.wait != wait {
		t.Errorf("%+v, was %+v", o.wait, wait)
	}
	if calm(); !o.calm() {
		t.Error("never calm again")
	}
}

// With optimistic delivery nulls lead where an ensemble's messages are rare among
// others, by less than without, and follow where they are not.
func TestNullsLeadWhereMessagesAreRare(t *testing.T) {
	w := newWorld(t, 43, 2, 3, optimistic)
	w.run(time.Second)
	c := w.node(1).core
	all, now := c.ensemble(ids.All, true), hlc.Now{Mono: w.now, Wall: epoch.Add(w.now)}
	lead := c.cfg.Tuning.Lead / 8
	if got := all.nullLead(now); all.follows() || got != lead {
		t.Fatalf("nobody uses it: leads by %v, want %v", got, lead)
	}
	c.counted(all)
	if got := all.nullLead(now); !all.follows() || got != 0 {
		t.Fatalf("after a message: leads by %v", got)
	}
	for range rarely {
		c.counted(c.home)
	}
	if got := all.nullLead(now); all.follows() || got != lead {
		t.Errorf("long after it: leads by %v, want %v", got, lead)
	}
	if !c.home.follows() {
		t.Error("a busy ensemble leads")
	}
}

// A direct copy that others may have none of is no reason to leave its payload out,
// also where it comes to the coordinator before its proposal.
func TestHeraldAtTheCoordinator(t *testing.T) {
	w := newWorld(t, 43, 2, 3, optimistic)
	w.run(500 * time.Millisecond)
	for i := range 20 {
		m := msg(i+1, epoch.Add(w.now), 0, 1)
		w.byName[idOf(m)] = &proposal{m: m}
		w.node(1).step(ids.ToClient(m.Command.Client), &Cast{Message: m, Alone: true})
		w.node(1).step(ids.ToClient(m.Command.Client), &Propose{Ensemble: ids.All, Message: m, Herald: true})
		w.run(time.Millisecond)
	}
	w.finish(2 * time.Second)
	for _, n := range w.nodes {
		if c := n.core.counters; c.Optimistic != 20 || c.PayloadsAsked+c.PayloadsSpared > 0 {
			t.Errorf("process %d: %+v", n.id, c)
		}
	}
}

// Who passes a proposal on says what it was told of copies.
func TestHeraldIsPassedOn(t *testing.T) {
	for _, p := range []Propose{{Herald: true}, {Cast: true}, {}} {
		r := optRig(t, 2, 1)
		p.Message = msg(1, r.now.Wall)
		r.step(0, &p)
		if ps := only[*Propose](r); len(ps) != 1 || ps[0].Herald != p.Herald || ps[0].Cast != p.Cast || ps[0].Hops != 1 {
			t.Errorf("%+v: %+v", p, ps)
		}
	}
}

// A further copy, which comes late, says nothing of how long copies take, nor of
// their order.
func TestFurtherCopiesCountNot(t *testing.T) {
	r := optRig(t, 2, 1)
	o := &r.core.opt
	var first []*Message
	for i := range 40 {
		m := msg(i+1, r.now.Wall)
		first = append(first, m)
		r.cast(m)
		r.now = hlc.Now{Mono: r.now.Mono + time.Millisecond, Wall: r.now.Wall.Add(time.Millisecond)}
	}
	r.pull()
	wait, astray := o.wait, o.astray
	wait.value, o.wait.value = 1e9, 1e9 // whatever comes comes in time
	for _, m := range first {
		r.cast(m)
	}
	if o.wait != wait || o.astray != astray {
		t.Errorf("counted: %+v and %v, were %+v and %v", o.wait, o.astray, wait, astray)
	}
	r.cast(msg(99, r.now.Wall-5000))
	if o.astray <= astray {
		t.Error("a first copy out of order does not count")
	}
}
