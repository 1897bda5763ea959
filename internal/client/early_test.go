package client

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// asked submits a command that wants an optimistic reply.
func (w *world) asked(key string) ids.Sequence {
	w.t.Helper()
	seq, err := w.SubmitOptimistic(w.now, 0, []byte(key), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return seq
}

func (w *world) early(p *ridge.Propose, value string) {
	w.Step(w.now, 1, &optimistic.Reply{
		Command: p.Message.Command, Attempt: p.Message.Attempt, Outcome: partition.OutcomeOK, Value: []byte(value),
	})
}

func (w *world) answer(p *ridge.Propose, value string) {
	w.Step(w.now, 1, &partition.Reply{
		Command: p.Message.Command, Attempt: p.Message.Attempt, Outcome: partition.OutcomeOK, Value: []byte(value), MapVersion: 1,
	})
}

func TestFirstOptimisticReplyCounts(t *testing.T) {
	w := newWorld(t, 2)
	w.welcome(7)
	seq := w.asked("a")
	ps, _ := w.proposals()
	if q, err := partition.DecodeRequest(ps[0].Message.Body); err != nil || !q.Optimistic || string(q.Arg) != "a" {
		t.Fatalf("%+v, %v", q, err)
	}
	w.after(3 * time.Millisecond)
	w.early(ps[0], "1")
	w.early(ps[0], "2")
	es := w.Early()
	if len(es) != 1 || es[0].Sequence != seq || string(es[0].Reply.Value) != "1" || es[0].Took != 3*time.Millisecond {
		t.Fatalf("%+v", es)
	}
	if len(w.Results()) != 0 {
		t.Fatal("an optimistic reply ends a command")
	}
	w.after(2 * time.Millisecond)
	w.answer(ps[0], "2")
	w.early(ps[0], "3")
	rs := w.Results()
	if len(rs) != 1 || rs[0].Early != es[0].Early || rs[0].Agreed || rs[0].Took != 5*time.Millisecond || string(rs[0].Reply.Value) != "2" {
		t.Fatalf("%+v", rs)
	}
	if s := w.Stats; s.OptimisticReplies != 1 || s.ReplyMistakes != 1 || s.OptimisticLate != 2 || s.Unsolicited != 0 || len(w.Early()) != 0 {
		t.Errorf("%+v", s)
	}
	w.asked("b")
	ps, _ = w.proposals()
	w.early(ps[0], "x")
	w.answer(ps[0], "x")
	if rs := w.Results(); !rs[0].Agreed || w.Stats.ReplyMistakes != 1 {
		t.Errorf("%+v, %+v", rs, w.Stats)
	}
}

// Replies to earlier attempts count: they are of the same command.
func TestOptimisticReplyOfAnEarlierAttempt(t *testing.T) {
	w := newWorld(t, 3)
	w.welcome(7)
	w.asked("a")
	first, _ := w.proposals()
	w.reply(first[0], partition.OutcomeRetry, 1)
	second, _ := w.proposals()
	if m := second[0].Message; m.Attempt != 2 || !bytes.Equal(m.Body, first[0].Message.Body) {
		t.Fatalf("second attempt %+v", m)
	}
	w.Step(w.now, 1, &optimistic.Reply{Command: first[0].Message.Command, Attempt: 3, Outcome: partition.OutcomeOK})
	w.Step(w.now, 1, &optimistic.Reply{Command: first[0].Message.Command, Outcome: partition.OutcomeOK})
	if w.Stats.Unsolicited != 2 || len(w.Early()) != 0 {
		t.Fatalf("of attempts that were not made: %+v", w.Stats)
	}
	w.early(first[0], "1")
	w.early(second[0], "2")
	if es := w.Early(); len(es) != 1 || string(es[0].Reply.Value) != "1" {
		t.Fatalf("%+v", es)
	}
}

func TestUnsolicitedOptimisticRepliesAreDropped(t *testing.T) {
	w := newWorld(t, 2)
	seq := w.asked("a") // not sent yet
	m := optimistic.Reply{Command: ids.Command{Client: w.cfg.ID, Sequence: seq}, Attempt: 1, Outcome: partition.OutcomeOK}
	w.Step(w.now, 1, &m)
	w.welcome(7)
	w.submit("b") // did not ask
	ps, _ := w.proposals()
	w.early(ps[1], "1")
	for _, c := range []ids.Command{{Client: ids.Client{9}, Sequence: seq}, {Client: w.cfg.ID, Sequence: 99}, {Client: w.cfg.ID}} {
		m := m
		m.Command = c
		w.Step(w.now, 1, &m)
	}
	w.answer(ps[1], "1")
	if rs := w.Results(); len(rs) != 1 || rs[0].Early != nil || rs[0].Agreed {
		t.Errorf("%+v", rs)
	}
	if s := w.Stats; s.Unsolicited != 5 || s.OptimisticReplies != 0 || len(w.Early()) != 0 {
		t.Errorf("%+v", s)
	}
	if q, _ := partition.DecodeRequest(ps[1].Message.Body); q.Optimistic {
		t.Error("who did not ask asked")
	}
}

// An outcome that is unknown was not agreed with, and is no mistake.
func TestUnknownOutcomeAgreesWithNothing(t *testing.T) {
	w := newWorld(t, 2)
	w.welcome(7)
	w.asked("a")
	ps, _ := w.proposals()
	w.early(ps[0], "1")
	w.after(horizon)
	rs := w.Results()
	if len(rs) != 1 || !errors.Is(rs[0].Err, ErrOutcomeUnknown) || rs[0].Early == nil || rs[0].Agreed || rs[0].Took != horizon {
		t.Fatalf("%+v", rs)
	}
	if w.Stats.ReplyMistakes != 0 {
		t.Errorf("%+v", w.Stats)
	}
}

// A read has no optimistic reply, unless it is ordered after all.
func TestReadsAskWhenTheyAreOrdered(t *testing.T) {
	w := newWorld(t, 2)
	only := *service
	only.Commands = slices.Clone(service.Commands)
	only.Commands[0].ReadOnly = true
	w.cfg.Service = &only
	w.welcome(7)
	h := w.asked("a")
	if _, read := IsRead(h); !read {
		t.Fatal("not a read")
	}
	var q *partition.ReadRequest
	for _, s := range w.Sends() {
		if m, ok := s.Msg.(*partition.ReadRequest); ok {
			q = m
		}
	}
	w.Step(w.now, 1, &partition.ReadReply{Number: q.Number, Reply: partition.Reply{Outcome: partition.OutcomeRetry, Needed: ids.Set{0, 1}, MapVersion: 1}})
	ps, _ := w.proposals()
	w.early(ps[0], "1")
	if es := w.Early(); len(es) != 1 || es[0].Sequence != h {
		t.Fatalf("%+v", es)
	}
	w.answer(ps[0], "1")
	if rs := w.Results(); len(rs) != 1 || rs[0].Sequence != h || !rs[0].Agreed {
		t.Fatalf("%+v", rs)
	}
}

// With optimistic delivery a command goes to the coordinator, and besides to one
// replica of each destination: the coordinator of the partition's own ensemble.
func TestHeralds(t *testing.T) {
	w := newWorld(t, 3)
	w.cfg.Tuning.Cast = true
	w.welcome(7)
	w.Step(w.now, 4, &ridge.Advice{Ensemble: 1, Coordinator: 5, Reason: ridge.Redirect})
	sent := func(key string, guess ...ids.Partition) map[ids.Process]bool {
		if _, err := w.Submit(w.now, 0, []byte(key), guess); err != nil {
			t.Fatal(err)
		}
		to := map[ids.Process]bool{} // whether it is the proposal
		for _, s := range w.Sends() {
			switch m := s.Msg.(type) {
			case *ridge.Propose:
				to[s.To.Process] = true
				if !m.Herald || m.Cast {
					t.Errorf("%+v", m)
				}
			case *ridge.Cast:
				to[s.To.Process] = false
				if !m.Alone {
					t.Errorf("%+v", m)
				}
			}
		}
		return to
	}
	home := w.cfg.Map.Owners(partition.Key{Name: "a"})[0]
	if to := sent("a"); len(to) != 1 {
		t.Errorf("a command of partition %d went to %v", home, to)
	}
	to := sent("a", 0, 1, 2)
	for _, p := range []ids.Process{1, 5, 7} {
		if _, ok := to[p]; !ok || len(to) != 3 {
			t.Errorf("a command of three partitions went to %v", to)
		}
	}
	w.Down(w.now, 7)
	to = sent("a", 0, 1, 2)
	if _, ok := to[8]; !ok || len(to) != 3 {
		t.Errorf("with process 7 down it went to %v", to)
	}
	w.cfg.Tuning.CastAll = true
	c, err := w.Submit(w.now, 0, []byte("a"), []ids.Partition{0, 1, 2})
	if n := len(w.Sends()); err != nil || n < 8 {
		t.Errorf("%v: %d copies, %v", c, n, err)
	}
}
