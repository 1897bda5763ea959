package ridge

import (
	"slices"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// R2: the end of a chain of three counts votes by different acceptors, its own
// durable one included, equal in instance, round and value; they may come before
// the value, and twice.
func TestR2DurableVotesAreNamed(t *testing.T) {
	a, b := round(5, 1), round(6, 1)
	v, u := val(1, 1, msg(1, epoch)), val(1, 2, msg(2, epoch))
	chain := []ids.Process{1, 2, 3}
	type step struct {
		from ids.Process
		m    wire.Message // nil: a sync
	}
	value := step{2, &accept{Round: a, Instance: 1, Chain: chain, Value: v}}
	say := func(p ids.Process, r Round, k ids.Instance, v *Value) step {
		return step{p, &voted{Round: r, Votes: []ballot{{k, v.ID}}}}
	}
	for _, c := range []struct {
		name    string
		steps   []step
		decides bool
	}{
		{"two votes and its own", []step{value, {}, say(1, a, 1, v), say(2, a, 1, v)}, true},
		{"its own comes last", []step{value, say(1, a, 1, v), say(2, a, 1, v), {}}, true},
		{"its own is not durable", []step{value, say(1, a, 1, v), say(2, a, 1, v)}, false},
		{"before the value", []step{say(1, a, 1, v), say(2, a, 1, v), value, {}}, true},
		{"one before the value, one with it", []step{say(1, a, 1, v), {2, &accept{Round: a, Instance: 1, Chain: chain, Voters: []ids.Process{2}, Value: v}}, {}}, true},
		{"one vote twice", []step{value, {}, say(1, a, 1, v), say(1, a, 1, v)}, false},
		{"one vote twice, before the value", []step{say(1, a, 1, v), say(1, a, 1, v), value, {}}, false},
		{"a vote of another round", []step{value, {}, say(1, a, 1, v), say(2, b, 1, v)}, false},
		{"a vote of another round, before the value", []step{say(1, a, 1, v), say(2, b, 1, v), value, {}}, false},
		{"a vote for another value", []step{value, {}, say(1, a, 1, v), say(2, a, 1, u)}, false},
		{"a vote for another instance", []step{value, {}, say(1, a, 1, v), say(2, a, 2, v)}, false},
		{"a range that leaves it out", []step{value, {}, say(1, a, 1, v), {2, &voted{Round: a, Votes: []ballot{{2, v.ID}, {3, v.ID}}}}}, false},
		{"a vote of none of the acceptors", []step{value, {}, say(1, a, 1, v), say(6, a, 1, v)}, false},
	} {
		d := newDesk(t, 3, 5)
		decided := false
		for _, s := range c.steps {
			if s.m == nil {
				d.sync()
			} else {
				d.step(s.from, s.m)
			}
			decided = decided || len(only[*decision](&d.rig)) > 0
		}
		if decided != c.decides || d.core.Err() != nil {
			t.Errorf("%s: decided is %v", c.name, decided)
		}
	}
}

// The chain's beginning counts votes too, and learns what they decide without being
// told; it announces nothing. The end tells it its vote, and no DECISION, unless
// Phase 2 is repeated, since its vote may have been lost.
func TestR2BothEndsOfTheChainCount(t *testing.T) {
	v := val(1, 1, msg(1, epoch))
	a := &accept{Round: round(5, 3), Instance: 1, Chain: []ids.Process{1, 2}, Value: v}
	say := &voted{Round: a.Round, Votes: []ballot{{1, v.ID}}}
	first := newDesk(t, 1, 3)
	first.step(3, a)
	first.step(2, say)
	if len(first.deliveries()) > 0 {
		t.Fatal("its own vote is not durable, and it has decided")
	}
	first.sync()
	if len(first.deliveries()) != 1 {
		t.Error("two durable votes do not decide at the chain's beginning")
	}
	if len(only[*decision](&first.rig)) > 0 || len(only[*valueMessage](&first.rig)) > 0 {
		t.Error("it announces what the end announces")
	}
	last := newDesk(t, 2, 3)
	last.step(1, a)
	last.step(1, say)
	last.sent = nil
	last.sync()
	told, decided := 0, 0
	for _, s := range last.sent {
		if s.To.Process != 1 {
			continue
		}
		switch s.Msg.(type) {
		case *voted:
			told++
		case *decision:
			decided++
		}
	}
	if told != 1 || decided != 0 {
		t.Errorf("the end sent the beginning %d votes and %d decisions", told, decided)
	}
	last.sent = nil
	last.step(1, a)
	if len(only[*decision](&last.rig)) == 0 {
		t.Error("Phase 2 is repeated, and no decision told")
	}
}

// What was durable, and said in vain, is said again when Phase 2 is repeated: by
// one that voted in a former life, in the middle of the chain; and the chain's
// end, which has forgotten the votes that it had heard, hears them anew.
func TestRepeatedPhaseTwoBringsVotesAgain(t *testing.T) {
	chain := []ids.Process{1, 2, 3}
	v := val(1, 1, msg(1, epoch))
	a := &accept{Round: round(5, 1), Instance: 1, Chain: chain, Voters: []ids.Process{1}, Value: v}
	d := newDesk(t, 2, 5)
	d.step(1, a)
	d.sync() // and what it said is lost
	d.crash()
	d.step(1, a)
	next := only[*accept](&d.rig)
	if len(next) != 1 || !slices.Equal(next[0].Voters, []ids.Process{1, 2}) {
		t.Fatalf("passed on %+v", next)
	}
	last := newDesk(t, 3, 5)
	last.step(2, &accept{Round: a.Round, Instance: 1, Chain: chain, Value: v})
	last.step(1, &voted{Round: a.Round, Votes: []ballot{{1, v.ID}}})
	last.step(2, &voted{Round: a.Round, Votes: []ballot{{1, v.ID}}})
	last.synced = len(last.records) // durable, and it never hears of it
	last.crash()
	if last.e.log.at(1).decided {
		t.Fatal("decided")
	}
	last.step(2, next[0])
	if len(only[*decision](&last.rig)) == 0 {
		t.Error("the end of the chain does not decide")
	}
}

// R3: an acceptor does not count its own vote for a decision, in gap repair,
// before that is durable.
func TestR3OwnVoteIsHeld(t *testing.T) {
	d := newDesk(t, 2, 3)
	v := val(1, 1, msg(1, epoch))
	d.step(1, &accept{Round: round(5, 1), Instance: 1, Chain: []ids.Process{1, 2}, Value: v})
	told := &learn{Votes: []vote{{Instance: 1, Round: round(5, 1), Value: v}}}
	d.step(1, told)
	if len(d.deliveries()) > 0 {
		t.Fatal("a vote that may be lost decided")
	}
	d.sync()
	d.step(1, told)
	if len(d.deliveries()) != 1 {
		t.Error("two equal votes do not decide")
	}
}
