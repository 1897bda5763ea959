package client

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

func (w *world) confirm(p *ridge.Propose, value string) {
	c := p.Message.Command
	w.Step(w.now, 2, &partition.Confirmation{
		Command: c, Attempt: p.Message.Attempt, MapVersion: 1,
		Digest: partition.Content(c, partition.OutcomeOK, []byte(value), "", ""),
	})
}

// A digest of what came as the optimistic reply is the conservative one.
func TestConfirmationEndsCommand(t *testing.T) {
	w := newWorld(t, 1)
	w.welcome(7)
	seq := w.asked("a")
	ps, _ := w.proposals()
	w.early(ps[0], "1")
	es := w.Early()
	w.after(2 * time.Millisecond)
	w.confirm(ps[0], "1")
	rs := w.Results()
	if len(es) != 1 || len(rs) != 1 || rs[0].Sequence != seq || rs[0].Err != nil || string(rs[0].Reply.Value) != "1" ||
		rs[0].Reply.Outcome != partition.OutcomeOK || rs[0].Reply.Attempt != 1 || !rs[0].Agreed || rs[0].Early != es[0].Early || rs[0].Took != 2*time.Millisecond {
		t.Fatalf("%+v, %+v", es, rs)
	}
	if w.Outstanding() != 0 || w.Stats.Joined != 1 || w.Stats.ReplyMistakes != 0 {
		t.Errorf("%+v", w.Stats)
	}
	w.answer(ps[0], "2") // whatever still comes
	w.confirm(ps[0], "1")
	if len(w.Results()) != 0 {
		t.Error("it ended twice")
	}
}

// A digest of something else ends nothing: the whole reply does.
func TestConfirmationOfSomethingElse(t *testing.T) {
	w := newWorld(t, 1)
	w.welcome(7)
	w.asked("a")
	ps, _ := w.proposals()
	w.early(ps[0], "1")
	w.confirm(ps[0], "2")
	if len(w.Results()) != 0 {
		t.Fatal("a wrong optimistic reply is taken for the conservative one")
	}
	w.answer(ps[0], "2")
	rs := w.Results()
	if len(rs) != 1 || string(rs[0].Reply.Value) != "2" || rs[0].Early == nil || rs[0].Agreed || w.Stats.ReplyMistakes != 1 {
		t.Fatalf("%+v", rs)
	}
}

// What a confirmation is about may come after it; it is not early then. And it
// may not come: then the next copy is answered.
func TestConfirmationBeforeReply(t *testing.T) {
	w := newWorld(t, 1)
	w.welcome(7)
	w.asked("a")
	w.asked("b")
	ps, _ := w.proposals()
	w.confirm(ps[0], "1")
	w.confirm(ps[1], "1")
	if len(w.Results()) != 0 {
		t.Fatal("nothing to confirm")
	}
	w.early(ps[0], "1")
	w.early(ps[1], "2")
	rs := w.Results()
	if len(w.Early()) != 0 || len(rs) != 1 || string(rs[0].Reply.Value) != "1" || rs[0].Early != nil {
		t.Fatalf("%+v", rs)
	}
	w.after(time.Second)
	again, _ := w.proposals()
	if len(again) != 1 || again[0].Message.Command != ps[1].Message.Command {
		t.Fatalf("%+v", again)
	}
	w.answer(again[0], "1")
	if rs := w.Results(); len(rs) != 1 || string(rs[0].Reply.Value) != "1" || rs[0].Early != nil || w.Stats.ReplyMistakes != 0 {
		t.Fatalf("%+v", rs)
	}
}

// The first optimistic reply may be wrong and a second one right, on either side
// of the confirmation: then that is the reply, at once, and the first was a mistake.
func TestConfirmationOfSecondReply(t *testing.T) {
	for _, last := range []string{"reply", "confirmation"} {
		w := newWorld(t, 1)
		w.welcome(7)
		w.asked("a")
		ps, _ := w.proposals()
		w.early(ps[0], "1")
		if last == "confirmation" {
			w.early(ps[0], "2")
		}
		w.confirm(ps[0], "2")
		if last == "reply" {
			w.early(ps[0], "3")
			w.early(ps[0], "2")
		}
		rs := w.Results()
		if len(rs) != 1 || string(rs[0].Reply.Value) != "2" || rs[0].Early == nil || string(rs[0].Early.Reply.Value) != "1" || rs[0].Agreed || w.Stats.ReplyMistakes != 1 {
			t.Errorf("%s last: %+v, %+v", last, rs, w.Stats)
		}
		if es := w.Early(); len(es) != 1 {
			t.Errorf("%s last: %d optimistic replies are handed out", last, len(es))
		}
	}
}

// What is another's, of another attempt or of nothing that was sent confirms
// nothing.
func TestStrangeConfirmations(t *testing.T) {
	w := newWorld(t, 2)
	w.asked("a") // not sent yet
	w.confirm(&ridge.Propose{Message: &ridge.Message{Command: ids.Command{Client: w.cfg.ID, Sequence: 1}, Attempt: 1}}, "1")
	w.welcome(7)
	ps, _ := w.proposals()
	w.early(ps[0], "1")
	for _, change := range []func(m *ridge.Message){
		func(m *ridge.Message) { m.Command.Client[0]++ },
		func(m *ridge.Message) { m.Command.Sequence++ },
		func(m *ridge.Message) { m.Command.Sequence = 0 },
		func(m *ridge.Message) { m.Attempt++ },
		func(m *ridge.Message) { m.Attempt = 0 },
	} {
		m := *ps[0].Message
		change(&m)
		w.confirm(&ridge.Propose{Message: &m}, "1")
	}
	if rs := w.Results(); len(rs) != 0 {
		t.Fatalf("%+v", rs)
	}
	w.confirm(ps[0], "1")
	if rs := w.Results(); len(rs) != 1 {
		t.Fatalf("%+v", rs)
	}
}
