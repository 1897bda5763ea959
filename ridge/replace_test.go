package ridge

import (
	"errors"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// The marks V1 to V7 are those of docs/architecture.md, "Replacing a process".

const newer ids.Incarnation = 777

// change is a value that changes the members.
func change(ch Change) *Value {
	return newBuilder(0, 0).change(&ch).done(1, 50+ch.Version, epoch, 0)
}

// names is the first step of process 3's replacement, admits the second.
var (
	names  = Change{Process: 3, New: newer}
	admits = Change{Version: 1, Process: 3, New: newer, Admit: true, Floor: 2}
)

// in is a round of a version.
func in(version, counter uint64, coordinator ids.Process) Round {
	return round(version<<versionBits|counter, coordinator)
}

// decide has the rig learn a decision.
func (r *rig) decide(k ids.Instance, v *Value) {
	from := ids.Process(1)
	if r.core.cfg.Self == from {
		from = 2
	}
	r.step(from, &valueMessage{Ensemble: r.e.id, Round: round(1, 1), Instance: k, Chain: []ids.Process{1, 2}, Value: v})
}

// incarnated makes process self of three as an incarnation of a founded cluster.
func incarnated(t *testing.T, self ids.Process, inc ids.Incarnation) *rig {
	w := newWorld(t, 1, 1, 3, nil)
	r := &rig{t: t, now: hlc.Now{Mono: time.Second, Wall: epoch}}
	r.core = New(Config{Self: self, Incarnation: inc, Founded: w.originally, Life: 3, Topology: w.topo, Tuning: w.tuning, Random: w.rng.Uint64})
	r.e = r.core.home
	r.core.Tick(r.now)
	r.drain()
	return r
}

// V1: an acceptor acts in no round of members that have changed since, however
// high, and tells who the members are; nor in one of members that it does not know.
func TestV1OldVersionsEnd(t *testing.T) {
	r := newRig(t, 2, 1, 3)
	r.step(1, &prepare{Round: in(1, 1, 1), Chain: []ids.Process{1, 2}, From: 1})
	if len(r.sent) > 0 || r.e.promised.Version() > 0 {
		t.Fatalf("answers in a round of unknown members: %+v", r.sent)
	}
	r.decide(1, change(names))
	high := round(1<<30, 1)
	r.step(1, &prepare{Round: high, Chain: []ids.Process{1, 2}, From: 1})
	if len(only[*promise](r)) > 0 || len(only[*refuse](r)) != 1 || len(only[*roll](r)) != 1 {
		t.Fatalf("a round of former members is promised: %+v", r.sent)
	}
	r.step(1, &accept{Round: high, Instance: 2, Chain: []ids.Process{1, 2}, Voters: []ids.Process{1}, Value: val(1, 1, msg(1, epoch))})
	if len(only[*decision](r)) > 0 || r.e.log.at(2) != nil && r.e.log.at(2).value != nil {
		t.Fatal("a vote in a round of former members")
	}
	r.step(1, &confirm{Round: high, Number: 1})
	if len(only[*confirmed](r)) > 0 || len(only[*refuse](r)) != 1 {
		t.Fatalf("a round of former members is confirmed: %+v", r.sent)
	}
	r.step(1, &prepare{Round: in(1, 1, 1), Chain: []ids.Process{1, 2}, From: 1})
	if len(only[*promise](r)) != 1 {
		t.Fatalf("no promise: %+v", r.sent)
	}
}

// leads has process 1 lead, with 3's Phase 1.
func leads(t *testing.T) *rig {
	r := newRig(t, 1, 1, 3)
	p := r.e.lead.round
	r.step(3, &promise{Round: p, From: r.e.lead.prep.from})
	if r.e.lead.phase != leading {
		t.Fatal("does not lead")
	}
	return r
}

// V1, V2: a coordinator whose members change starts a round of theirs, with a
// Phase 1 and a chain in which the one without a vote has no part; nor has it in
// the confirmation of reads.
func TestV2NoVote(t *testing.T) {
	r := leads(t)
	before := r.e.lead.round
	second := names
	second.Process = 2 // who is in the chain otherwise
	r.decide(1, change(second))
	now := r.e.lead.round
	if now.Version() != 1 || !before.Less(now) || r.e.lead.phase != preparing {
		t.Fatalf("it goes on in %v, phase %d", now, r.e.lead.phase)
	}
	for _, s := range r.sent {
		if p, ok := s.Msg.(*prepare); ok && (s.To.Process == 2 || len(p.Chain) != 2 || p.Chain[1] == 2) {
			t.Fatalf("%v is asked, with the chain %v", s.To, p.Chain)
		}
	}
	r.step(2, &promise{Round: now, From: r.e.lead.prep.from})
	if r.e.lead.phase == leading {
		t.Fatal("its promise counts")
	}
	r.step(3, &promise{Round: now, From: r.e.lead.prep.from})
	if r.e.lead.phase != leading {
		t.Fatal("does not lead")
	}
	r.step(2, &question{Number: 7})
	if len(only[*position](r)) > 0 {
		t.Fatal("a read of the one without a vote is answered on its own word")
	}
	r.step(2, &confirmed{Round: now, Number: r.e.lead.confirming.number})
	if len(only[*position](r)) > 0 {
		t.Fatal("its confirmation counts")
	}
	r.step(3, &confirmed{Round: now, Number: r.e.lead.confirming.number})
	if len(only[*position](r)) != 1 {
		t.Fatalf("no answer: %+v", r.sent)
	}
}

// beat is a heartbeat about the one ensemble.
func (r *rig) beat(from ids.Process, it heartbeatItem) {
	it.Round, it.Version = r.e.known, r.e.version()
	r.step(from, &heartbeat{Wall: r.now.Wall, Hears: true, Items: []heartbeatItem{it}})
}

// V3: a member gets its vote when f+1 others hold all that its predecessor may have
// voted for, and it has what it needs to go on beyond that; not before.
func TestV3AdmittedWhenSafe(t *testing.T) {
	proposed := func(held, delivered ids.Instance, tell bool) *Change {
		r := leads(t)
		r.decide(1, val(1, 1, msg(1, epoch)))
		r.decide(2, change(names))
		r.step(2, &promise{Round: r.e.lead.round, From: r.e.lead.prep.from})
		r.pass(r.core.cfg.Tuning.Heartbeat) // notes what it holds itself
		r.beat(2, heartbeatItem{Held: held, Delivered: 2, Decided: 2})
		if tell {
			r.beat(3, heartbeatItem{Delivered: delivered, Decided: 2})
		}
		for i := range r.e.lead.open {
			if ch := r.e.lead.open[i].value.change; ch != nil {
				return ch
			}
		}
		return nil
	}
	if ch := proposed(2, 2, true); ch == nil || !ch.Admit || ch.New != newer || ch.Floor != 2 || ch.Version != 1 {
		t.Fatalf("proposes %+v", ch)
	}
	if ch := proposed(1, 2, true); ch != nil {
		t.Errorf("admitted while one other alone holds instance 2: %+v", ch)
	}
	if ch := proposed(2, 1, true); ch != nil {
		t.Errorf("admitted before it has caught up: %+v", ch)
	}
	if ch := proposed(2, 2, false); ch != nil {
		t.Errorf("admitted unheard: %+v", ch)
	}
}

// V4: a new incarnation acts as acceptor from its admission on, says that all up to
// the floor is trimmed, and votes for nothing there. It tells nobody that others
// need it no more.
func TestV4BlindUpToTheFloor(t *testing.T) {
	r := incarnated(t, 3, newer)
	ask := func(version uint64) {
		r.step(1, &prepare{Round: in(version, 9, 1), Chain: []ids.Process{1, 3}, From: 1})
	}
	vote := func(k ids.Instance) {
		r.step(1, &accept{Round: in(2, 9, 1), Instance: k, Chain: []ids.Process{1, 3}, Voters: []ids.Process{1}, Value: val(1, uint64(k), msg(int(k), epoch))})
	}
	if ask(0); len(r.sent) > 0 {
		t.Fatalf("it answers although it is named nowhere: %+v", r.sent)
	}
	r.decide(1, change(names))
	if ask(1); len(only[*promise](r)) > 0 {
		t.Fatal("it promises before it has a vote")
	}
	r.decide(2, val(1, 9, msg(9, epoch)))
	r.decide(3, change(admits))
	if ask(1); len(only[*promise](r)) > 0 {
		t.Fatal("it promises in a round in which its predecessor might have")
	}
	ask(2)
	if ps := only[*promise](r); len(ps) != 1 || ps[0].Trim != 2 {
		t.Fatalf("promises %+v", ps)
	}
	if vote(2); len(only[*decision](r)) > 0 || len(only[*refuse](r)) != 1 || only[*refuse](r)[0].Reason != refusedTrimmed {
		t.Fatalf("asked for a vote below the floor it says %+v", r.sent)
	}
	if vote(4); len(only[*decision](r)) == 0 {
		t.Fatal("no vote above the floor")
	}
	if it := r.e.report(); it.Trim != 0 {
		t.Fatalf("it tells that all up to %d is needed no more", it.Trim)
	}
}

// V5: of a process the incarnation counts that the members name; the one before it
// stops when it learns of that.
func TestV5OneIncarnationCounts(t *testing.T) {
	r := incarnated(t, 2, 5002)
	m := r.e.member(3)
	say := func(inc ids.Incarnation, delivered ids.Instance) {
		r.core.StepFrom(r.now, ids.To(3), inc, &heartbeat{Items: []heartbeatItem{{Version: r.e.version(), Delivered: delivered}}})
		r.drain()
	}
	if say(newer, 7); m.item.Delivered != 0 {
		t.Fatal("it hears one that is not named yet")
	}
	say(5003, 5)
	r.decide(1, change(names))
	if m.item.Delivered != 0 {
		t.Fatal("what the predecessor said is held to be its successor's")
	}
	if say(5003, 6); m.item.Delivered != 0 {
		t.Fatal("it hears the predecessor")
	}
	if say(newer, 7); m.item.Delivered != 7 {
		t.Fatal("it does not hear the successor")
	}
	old := incarnated(t, 3, 5003)
	old.decide(1, change(names))
	if err := old.core.Err(); !errors.Is(err, ErrReplaced) {
		t.Fatalf("the predecessor goes on: %v", err)
	}
}

// V6: a change has effect if the members are those that it was meant for, once.
func TestV6CompareAndSet(t *testing.T) {
	base, _ := Members{}.with(&names, true)
	other := names
	other.New, other.Version = 888, 1
	for _, c := range []struct {
		ch Change
		ok bool
	}{
		{names, false}, // again
		{Change{Version: 1, Process: 3, New: newer}, false}, // named already
		{Change{Version: 0, Process: 2, New: 888}, false},   // of a former version
		{Change{Version: 2, Process: 2, New: 888}, false},   // of a later one
		{Change{Version: 1, Process: 3, New: 888, Admit: true}, false},
		{Change{Version: 1, Process: 2, New: newer, Admit: true}, false},
		{admits, true},
		{other, true}, // the replacement is replaced
	} {
		got, ok := base.with(&c.ch, true)
		if ok != c.ok || ok && got.Version != 2 || !ok && got.Version != 1 {
			t.Errorf("%+v: %v, %+v", c.ch, ok, got)
		}
	}
	r := newRig(t, 1, 1, 3)
	r.decide(1, change(names))
	if _, err := r.core.Replace(r.now, r.e.id, Change{Process: 3, New: 888}); !errors.Is(err, ErrConflict) {
		t.Errorf("the second operator is told %v", err)
	}
	if done, err := r.core.Replace(r.now, r.e.id, names); !done || err != nil {
		t.Errorf("the first is told %v, %v", done, err)
	}
}

// V7: an acceptor that starts again knows the members whose rounds it promised, and
// the promise of a vote whose record another has taken the place of.
func TestV7MembersSurvive(t *testing.T) {
	d := newDesk(t, 2, 3)
	d.step(1, &accept{Round: round(7, 1), Instance: 1, Chain: []ids.Process{1, 2}, Value: val(1, 1, msg(1, epoch))})
	d.sync()
	decided := val(3, 1, msg(2, epoch)) // in a later round, without this acceptor
	d.decide(1, decided)
	d.decide(2, change(names))
	d.pass(d.core.cfg.Tuning.Heartbeat)
	d.take()
	d.sync()
	d.pass(d.core.cfg.Tuning.Heartbeat)
	d.take()
	d.sync()
	if held := d.e.report().Held; held != 2 {
		t.Fatalf("holds everything up to %d", held)
	}
	d.crash()
	switch s := d.e.log.at(1); {
	case d.e.version() != 1:
		t.Fatalf("it knows version %d", d.e.version())
	case d.e.promised.Less(round(7, 1)):
		t.Fatalf("it has promised %v", d.e.promised)
	case s == nil || s.chosen == nil || s.chosen.ID != decided.ID:
		t.Fatal("it does not know what is decided")
	}
	d.step(1, &prepare{Round: round(1<<30, 1), Chain: []ids.Process{1, 2}, From: 1})
	if len(only[*promise](&d.rig)) > 0 {
		t.Fatal("it has forgotten that the members have changed")
	}
	// A vote promises its round, also where what is decided takes its place.
	d.step(1, &accept{Round: in(1, 9, 1), Instance: 3, Chain: []ids.Process{1, 2}, Value: val(1, 3, msg(3, epoch))})
	d.sync()
	d.decide(3, val(3, 3, msg(4, epoch)))
	d.pass(d.core.cfg.Tuning.Heartbeat)
	d.take()
	d.sync()
	d.records = (&disk{records: d.records[:d.synced]}).live() // as a journal hands them back
	d.synced = len(d.records)
	if d.crash(); d.e.promised.Less(in(1, 9, 1)) {
		t.Fatalf("it has promised %v", d.e.promised)
	}
	// What it was told it knows as well.
	d = newDesk(t, 2, 3)
	ms, _ := Members{}.with(&names, true)
	d.step(1, &roll{ms})
	d.sync()
	if d.crash(); d.e.version() != 1 || d.e.hasVote(2) {
		t.Fatalf("told of version 1 it comes back with %d", d.e.version())
	}
}
