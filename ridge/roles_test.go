package ridge

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// rig is one core of a cluster whose other processes are played by the test.
type rig struct {
	t    *testing.T
	core *Core
	e    *ensemble
	now  hlc.Now
	sent []Send
}

// newRig makes process self of partitions of replicas processes each. The
// other processes are heard once and silent afterwards.
func newRig(t *testing.T, self ids.Process, partitions, replicas int) *rig {
	w := newWorld(t, 1, partitions, replicas, nil)
	r := &rig{t: t, core: w.node(self).core, now: hlc.Now{Mono: time.Second, Wall: epoch}}
	r.e = r.core.home
	r.core.Tick(r.now)
	r.drain()
	return r
}

func (r *rig) drain() { r.sent = append([]Send(nil), r.core.Sends()...) }

// step hands the core a message and keeps what it sends.
func (r *rig) step(from ids.Process, m wire.Message) {
	r.core.Step(r.now, ids.To(from), m)
	r.drain()
}

// pass lets time pass.
func (r *rig) pass(d time.Duration) {
	r.now.Mono += d
	r.now.Wall = r.now.Wall.Add(d)
	r.core.Tick(r.now)
	r.drain()
}

// only finds the messages of one type among those last sent.
func only[M wire.Message](r *rig) (ms []M) {
	for _, s := range r.sent {
		if m, ok := s.Msg.(M); ok {
			ms = append(ms, m)
		}
	}
	return ms
}

func (r *rig) deliveries() (ds []Delivery) {
	for {
		d, ok := next(r.core)
		if !ok {
			return ds
		}
		m := *d.Message
		d.Message = &m
		ds = append(ds, d)
	}
}

// msg is a message to partition 0, or to dests.
func msg(seq int, t hlc.Timestamp, dests ...ids.Partition) *Message {
	if len(dests) == 0 {
		dests = []ids.Partition{0}
	}
	return &Message{Command: ids.Command{Client: ids.Client{9}, Sequence: ids.Sequence(seq)}, Attempt: 1, T0: t, Mark: 1, Dests: ids.NewSet(dests...), Body: []byte{byte(seq)}}
}

// val is a value of origin's making, whose entries are timestamped by T0.
func val(origin ids.Process, counter uint64, ms ...*Message) *Value {
	var es []Entry
	for _, m := range ms {
		es = append(es, Entry{T: m.T0, Message: m})
	}
	return newValue(origin, counter, epoch, es, 0)
}

func round(counter uint64, coordinator ids.Process) Round {
	return Round{Counter: counter, Coordinator: coordinator, Life: 1}
}

// Erratum 1: "upon accepting, v-rnd and v-val are set" only; then a later,
// lower Phase 1 would be promised, and a decided value lost.
func TestErratum1AcceptingPromises(t *testing.T) {
	r := newRig(t, 2, 1, 3)
	v := val(1, 1, msg(1, epoch))
	r.step(1, &accept{Round: round(5, 1), Instance: 1, Chain: []ids.Process{1, 2}, Voters: []ids.Process{1}, Value: v})
	if len(only[*decision](r)) == 0 {
		t.Fatal("the last acceptor of the chain did not decide")
	}
	r.step(3, &prepare{Round: round(4, 3), Chain: []ids.Process{3, 2}, From: 1})
	if ps := only[*promise](r); len(ps) > 0 {
		t.Fatalf("a round below an accepted one was promised: %+v", ps[0])
	}
	if fs := only[*refuse](r); len(fs) != 1 || fs[0].Promised != round(5, 1) {
		t.Fatalf("refusals: %+v", fs)
	}
}

// R1, the half that concerns memory: Phase 1 is answered from the state that
// the last vote entered, and a vote of an overtaken round is never cast.
func TestR1PhaseOneSeesEveryVote(t *testing.T) {
	r := newRig(t, 2, 1, 5)
	v := val(1, 1, msg(1, epoch))
	a := &accept{Round: round(5, 1), Instance: 3, Chain: []ids.Process{1, 2, 3}, Voters: []ids.Process{1}, Value: v}
	r.step(1, a)
	if next := only[*accept](r); len(next) != 1 || len(next[0].Voters) != 2 {
		t.Fatalf("passed on: %+v", next)
	}
	r.step(3, &prepare{Round: round(6, 3), Chain: []ids.Process{3, 4, 5}, From: 1})
	ps := only[*promise](r)
	if len(ps) != 1 || len(ps[0].Votes) != 1 || ps[0].Votes[0].Value.ID != v.ID || ps[0].Votes[0].Round != round(5, 1) || ps[0].Votes[0].Decided {
		t.Fatalf("promise: %+v", ps)
	}
	r.step(1, a) // repeated after the promise
	if next := only[*accept](r); len(next) > 0 {
		t.Fatal("voted in an overtaken round")
	}
}

// "A resent 1A of the same round is answered again."
func TestPrepareAnsweredAgain(t *testing.T) {
	r := newRig(t, 2, 1, 3)
	for range 2 {
		r.step(3, &prepare{Round: round(6, 3), Chain: []ids.Process{3, 2}, From: 1})
		if ps := only[*promise](r); len(ps) != 1 {
			t.Fatalf("promises: %+v", ps)
		}
	}
}

// R2: the end of the chain counts votes of different acceptors, equal in
// ensemble, instance, round and value id.
func TestR2VotesAreNamed(t *testing.T) {
	chain := []ids.Process{1, 2, 3}
	v, u := val(1, 1, msg(1, epoch)), val(1, 2, msg(2, epoch))
	vote := func(r Round, k ids.Instance, v *Value, voters ...ids.Process) *accept {
		return &accept{Round: r, Instance: k, Chain: chain, Voters: voters, Value: v}
	}
	a, b := round(5, 1), round(6, 1)
	for _, c := range []struct {
		name    string
		steps   []*accept
		decides bool
	}{
		{"two different voters and its own", []*accept{vote(a, 1, v, 1, 2)}, true},
		{"one voter twice", []*accept{vote(a, 1, v, 2), vote(a, 1, v, 2)}, false},
		{"one voter and itself", []*accept{vote(a, 1, v, 2, 3)}, false},
		{"voters apart", []*accept{vote(a, 1, v, 1), vote(a, 1, v, 2)}, true},
		{"different rounds", []*accept{vote(a, 1, v, 1), vote(b, 1, v, 2)}, false},
		{"different instances", []*accept{vote(a, 1, v, 1), vote(a, 2, v, 2)}, false},
		{"different values", []*accept{vote(a, 1, v, 1), vote(b, 1, u, 2)}, false},
		{"voters outside the ensemble", []*accept{vote(a, 1, v, 77, 78)}, false},
	} {
		r := newRig(t, 3, 1, 5)
		decided := false
		for _, m := range c.steps {
			r.step(2, m)
			decided = decided || len(only[*decision](r)) > 0
		}
		if decided != c.decides {
			t.Errorf("%s: decided is %v", c.name, decided)
		}
	}
}

// R2: a coordinator's lives never share a round.
func TestR2RoundsAreNeverReused(t *testing.T) {
	a := Round{Counter: 3, Coordinator: 1, Life: 10}
	b := Round{Counter: 3, Coordinator: 1, Life: 11}
	if a == b || !a.Less(b) || b.Less(a) {
		t.Error("two lives share a round")
	}
	r := newRig(t, 1, 1, 3)
	last := r.e.lead.round
	if last.IsZero() || last.Life != 1001 {
		t.Fatalf("the first acceptor started %+v", last)
	}
	for range 5 {
		r.e.start(r.now)
		if !last.Less(r.e.lead.round) {
			t.Fatalf("round %+v after %+v", r.e.lead.round, last)
		}
		last = r.e.lead.round
	}
}

// R3: a vote handed out in gap repair is not a decision; f+1 equal ones are.
func TestR3VotesAreNotDecisions(t *testing.T) {
	v, u := val(1, 1, msg(1, epoch)), val(1, 2, msg(2, epoch))
	said := func(rd Round, v *Value) *learn {
		return &learn{Votes: []vote{{Instance: 1, Round: rd, Value: v}}}
	}
	a, b := round(5, 1), round(6, 1)
	type answer struct {
		from ids.Process
		m    *learn
	}
	for _, c := range []struct {
		name    string
		answers []answer
		want    int
	}{
		{"one vote", []answer{{1, said(a, v)}}, 0},
		{"one vote twice", []answer{{1, said(a, v)}, {1, said(a, v)}}, 0},
		{"rounds differ", []answer{{1, said(a, v)}, {2, said(b, v)}}, 0},
		{"values differ", []answer{{1, said(a, v)}, {2, said(a, u)}}, 0},
		{"f+1 equal", []answer{{1, said(a, v)}, {2, said(a, v)}}, 1},
		{"decided", []answer{{1, &learn{Votes: []vote{{Instance: 1, Decided: true, Value: v}}}}}, 1},
	} {
		r := newRig(t, 4, 1, 4) // a learner that does not accept
		for _, x := range c.answers {
			r.step(x.from, x.m)
		}
		if ds := r.deliveries(); len(ds) != c.want {
			t.Errorf("%s: %d deliveries", c.name, len(ds))
		}
	}
}

// R3, the acceptor's side: it says "decided" only of what it knows decided.
func TestR3AcceptorTellsVotesApart(t *testing.T) {
	r := newRig(t, 2, 1, 5)
	r.step(1, &accept{Round: round(5, 1), Instance: 1, Chain: []ids.Process{1, 2, 3}, Voters: []ids.Process{1}, Value: val(1, 1, msg(1, epoch))})
	r.step(5, &fetch{From: 1, To: 9})
	if ls := only[*learn](r); len(ls) != 1 || len(ls[0].Votes) != 1 || ls[0].Votes[0].Decided {
		t.Fatalf("answer: %+v", ls)
	}
	r.step(3, &decision{Instance: 1, ID: val(1, 1, msg(1, epoch)).ID})
	r.step(5, &fetch{From: 1, To: 9})
	if ls := only[*learn](r); len(ls) != 1 || !ls[0].Votes[0].Decided {
		t.Fatalf("answer: %+v", ls)
	}
}

// R4: an acceptor accepts nothing at or below its trim mark.
func TestR4AcceptorRefusesTrimmed(t *testing.T) {
	r := newRig(t, 2, 1, 3)
	r.e.log.trim(100)
	r.step(1, &accept{Round: round(5, 1), Instance: 100, Chain: []ids.Process{1, 2}, Voters: []ids.Process{1}, Value: val(1, 1)})
	if fs := only[*refuse](r); len(only[*decision](r)) > 0 || len(fs) != 1 || fs[0].Reason != refusedTrimmed || fs[0].Trim != 100 {
		t.Fatalf("refusals: %+v", fs)
	}
	r.step(1, &prepare{Round: round(6, 1), Chain: []ids.Process{1, 2}, From: 1})
	if ps := only[*promise](r); len(ps) != 1 || ps[0].Trim != 100 {
		t.Fatalf("promise without the mark: %+v", ps)
	}
}

// R4: a coordinator proposes nothing at or below the highest mark of its
// quorum: what was decided there is forgotten, not undecided.
func TestR4CoordinatorRespectsMarks(t *testing.T) {
	r := newRig(t, 1, 1, 3)
	rd := r.e.lead.round
	v := val(2, 1, msg(1, epoch))
	r.step(2, &promise{Round: rd, Wall: epoch, From: 1, Trim: 100, Votes: []vote{{Instance: 103, Round: round(0, 2), Value: v}}})
	var ks []ids.Instance
	for _, m := range only[*accept](r) {
		ks = append(ks, m.Instance)
		if m.Instance == 103 && m.Value.ID != v.ID {
			t.Error("103 is not repeated with the value voted for")
		}
	}
	if len(ks) != 3 || ks[0] != 101 || ks[2] != 103 {
		t.Fatalf("proposed in %v, want the holes 101 and 102, then 103", ks)
	}
	if r.e.lead.next != 104 {
		t.Fatalf("next is %d", r.e.lead.next)
	}
}

// Scenario 4: of several votes, that of the highest round binds, whatever
// higher rounds were promised without a vote.
func TestPhaseOneTakesTheHighestVote(t *testing.T) {
	r := newRig(t, 1, 1, 5)
	low, high := val(2, 1, msg(1, epoch)), val(3, 1, msg(2, epoch))
	rd := r.e.lead.round
	r.step(2, &promise{Round: rd, Wall: epoch, From: 1, Votes: []vote{{Instance: 1, Round: round(0, 2), Value: high}}})
	r.step(3, &promise{Round: rd, Wall: epoch, From: 1, Votes: []vote{{Instance: 1, Round: Round{}, Value: low}}})
	ms := only[*accept](r)
	if len(ms) != 1 || ms[0].Value.ID != high.ID || !ms[0].Obliged {
		t.Fatalf("proposed: %+v", ms)
	}
}

// Phase 1 answers come in pages, each asked for after the one before.
func TestPhaseOnePages(t *testing.T) {
	w := newWorld(t, 1, 1, 3, nil)
	a := w.node(2).core
	a.Tick(hlc.Now{Wall: epoch})
	big := make([]byte, 700<<10)
	for k := range ids.Instance(4) {
		m := msg(int(k)+1, epoch)
		m.Body = big
		a.Step(hlc.Now{Wall: epoch}, ids.To(1), &accept{Round: round(1, 1), Instance: k + 1, Chain: []ids.Process{1, 2}, Voters: nil, Value: val(1, uint64(k), m)})
	}
	a.Sends()
	votes, next := 0, ids.Instance(1)
	for page := 0; next != 0; page++ {
		a.Step(hlc.Now{Wall: epoch}, ids.To(3), &prepare{Round: round(2, 3), Chain: []ids.Process{3, 2}, From: next})
		var p *promise
		for _, s := range a.Sends() {
			if m, ok := s.Msg.(*promise); ok {
				p = m
			}
		}
		if p == nil || p.From != next || page > 4 {
			t.Fatalf("page from %d: %+v", next, p)
		}
		if n := len(p.Append(nil)); n > pageBytes+len(big) {
			t.Fatalf("a page of %d bytes", n)
		}
		votes += len(p.Votes)
		next = p.Next
	}
	if votes != 4 {
		t.Fatalf("%d votes", votes)
	}
}

// R8: an acceptor does not vote for timestamps more than B ahead of its own
// clock and says so, unless Phase 1 obliges the coordinator.
func TestR8AcceptorRefusesFarAhead(t *testing.T) {
	for _, c := range []struct {
		ahead   time.Duration
		obliged bool
		votes   bool
	}{{time.Second, false, true}, {1300 * time.Millisecond, false, false}, {time.Hour, true, true}} {
		r := newRig(t, 2, 1, 3)
		r.step(1, &accept{Round: round(5, 1), Instance: 1, Chain: []ids.Process{1, 2}, Voters: []ids.Process{1}, Obliged: c.obliged, Value: val(1, 1, msg(1, epoch.Add(c.ahead)))})
		voted := len(only[*decision](r)) > 0
		if fs := only[*refuse](r); voted != c.votes || !voted && (len(fs) != 1 || fs[0].Reason != refusedAhead) {
			t.Errorf("%+v: voted %v, refusals %+v", c, voted, fs)
		}
	}
	r := newRig(t, 2, 1, 3) // a null counts too
	r.step(1, &accept{Round: round(5, 1), Instance: 1, Chain: []ids.Process{1, 2}, Voters: []ids.Process{1}, Value: newValue(1, 1, epoch, nil, epoch.Add(time.Hour))})
	if len(only[*decision](r)) > 0 {
		t.Error("voted for a null far ahead")
	}
}

// R8: Phase 1 prefers answers without undecided timestamps far ahead: they
// bind nobody if f+1 others know nothing of them.
func TestR8PhaseOnePrefersNearAnswers(t *testing.T) {
	r := newRig(t, 1, 1, 3)
	rd := r.e.lead.round
	far := val(2, 1, msg(1, epoch.Add(time.Hour)))
	r.step(2, &promise{Round: rd, Wall: epoch, From: 1, Votes: []vote{{Instance: 1, Round: round(0, 2), Value: far}}})
	if r.e.lead.phase != preparing {
		t.Fatal("it did not wait for a better answer")
	}
	r.step(3, &promise{Round: rd, Wall: epoch, From: 1})
	if r.e.lead.phase != leading || len(only[*accept](r)) > 0 {
		t.Fatalf("phase %v, proposed %+v", r.e.lead.phase, only[*accept](r))
	}
	// With nobody else to ask it is obliged.
	r = newRig(t, 1, 1, 3)
	r.step(2, &promise{Round: r.e.lead.round, Wall: epoch, From: 1, Votes: []vote{{Instance: 1, Round: round(0, 2), Value: far}}})
	for range 5 {
		r.pass(100 * time.Millisecond)
		if ms := only[*accept](r); len(ms) == 1 && ms[0].Obliged {
			return
		}
	}
	t.Fatal("the value was not repeated")
}

// R8: a coordinator whose chain refuses its timestamps takes another, and
// steps down when there is none.
func TestR8RefusedCoordinatorChangesChain(t *testing.T) {
	r := newRig(t, 1, 1, 3)
	r.step(2, &promise{Round: r.e.lead.round, Wall: epoch, From: 1})
	first := r.e.lead.round
	r.step(2, &refuse{Round: first, Instance: 1, Reason: refusedAhead})
	if !first.Less(r.e.lead.round) || r.e.lead.chain[1] != 3 {
		t.Fatalf("round %+v, chain %v", r.e.lead.round, r.e.lead.chain)
	}
	r.step(3, &promise{Round: r.e.lead.round, Wall: epoch, From: 1})
	r.step(3, &refuse{Round: r.e.lead.round, Instance: 1, Reason: refusedAhead})
	for range 20 {
		r.step(2, &heartbeat{Hears: true})
		r.step(3, &heartbeat{Hears: true})
		r.pass(100 * time.Millisecond)
	}
	if r.e.lead.phase != idle || !r.e.complains {
		t.Fatalf("phase %v, complains %v", r.e.lead.phase, r.e.complains)
	}
}
