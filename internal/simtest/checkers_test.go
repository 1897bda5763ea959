package simtest

import (
	"strings"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/oracle"
	"github.com/eyrie-dev/eyrie/partition"
)

// Every checker must be able to fail: these histories are made by hand, each
// wrong in one way, beside a sound one.

// story builds a history.
type story struct {
	*History
	n uint64 // sequences used by the one client
}

var teller = ids.Client{1}

func newStory(partitions, replicas int) *story {
	svc := bankService()
	h := newHistory(svc, oracle.New(1, partitions, svc), partitions, spinBudget)
	for p := range partitions {
		for r := range replicas {
			h.newLog(ids.Process(p*replicas+r+1), ids.Partition(p))
		}
	}
	return &story{History: h}
}

// call invokes a command and returns its index.
func (s *story) call(code uint16, a bankArg) int32 {
	s.n++
	return s.invoke(0, ids.Command{Client: teller, Sequence: ids.Sequence(s.n)}, code, a.encode())
}

// place delivers a command to all replicas of its destinations, which execute
// it with the given outcome.
func (s *story) place(t hlc.Timestamp, op int32, outcome partition.Outcome, dests ...ids.Partition) {
	for _, l := range s.Logs {
		if ids.NewSet(dests...).Has(l.Partition) {
			s.deliver(l, t, op, 1, partition.VerdictAccepted, outcome, dests...)
		}
	}
}

func (s *story) deliver(l *Log, t hlc.Timestamp, op int32, attempt ids.Attempt, v partition.Verdict, outcome partition.Outcome, dests ...ids.Partition) {
	e := partition.Event{Kind: partition.EventJudged, Position: ids.Position{T: t}, Command: s.Ops[op].Command,
		Attempt: attempt, Dests: dests, Verdict: v, Outcome: outcome, Reply: 7}
	s.observe(l, e)
	if outcome != 0 {
		e.Kind = partition.EventFinished
		s.observe(l, e)
	}
}

func (s *story) answer(op int32, value []byte) {
	s.complete(time.Second, op, &partition.Reply{Outcome: partition.OutcomeOK, Attempt: 1, Value: value}, nil, ids.Position{})
}

func (s *story) check() error {
	o, err := checkOrder(s.History)
	if err == nil {
		err = checkRefused(s.History, o)
	}
	if err == nil {
		err = checkWitness(s.History, o)
	}
	return err
}

// wants fails the test unless the history is refused with such a text; an
// empty text means that it must be accepted.
func (s *story) wants(t *testing.T, text string) {
	t.Helper()
	err := s.check()
	switch {
	case text == "" && err != nil:
		t.Errorf("a sound history is refused: %v", err)
	case text != "" && err == nil:
		t.Errorf("not noticed; wanted %q", text)
	case text != "" && !strings.Contains(err.Error(), text):
		t.Errorf("wanted %q, got: %v", text, err)
	}
}

func keys(k ...uint16) bankArg { return bankArg{Keys: k, N: 5} }

func TestWitnessFindsWrongAnswers(t *testing.T) {
	tell := func(value []byte, outcome partition.Outcome) *story {
		s := newStory(1, 2)
		w := s.call(cmdWrite, keys(1))
		r := s.call(cmdRead, keys(1))
		s.place(10, w, partition.OutcomeOK, 0)
		s.place(20, r, outcome, 0)
		s.answer(w, nil)
		s.answer(r, value)
		return s
	}
	tell(bytesOf(5), partition.OutcomeOK).wants(t, "")
	tell(bytesOf(6), partition.OutcomeOK).wants(t, "the model gives")
	tell([]byte("-"), partition.OutcomeOK).wants(t, "the model gives")
	tell(bytesOf(5), partition.OutcomeFailed).wants(t, "the model gives")
	s := tell(bytesOf(5), partition.OutcomeOK)
	lost := s.call(cmdWrite, keys(2))
	s.answer(lost, nil)
	s.wants(t, "took effect nowhere")
}

// A read that returned before a write was invoked stands after it in the
// order.
func TestWitnessFindsStaleOrder(t *testing.T) {
	for _, late := range []bool{false, true} {
		s := newStory(1, 2)
		var w, r int32
		if late {
			r = s.call(cmdRead, keys(1))
			s.answer(r, bytesOf(5))
			w = s.call(cmdWrite, keys(1))
			s.answer(w, nil)
		} else {
			w = s.call(cmdWrite, keys(1))
			r = s.call(cmdRead, keys(1))
			s.answer(r, bytesOf(5))
			s.answer(w, nil)
		}
		s.place(10, w, partition.OutcomeOK, 0)
		s.place(20, r, partition.OutcomeOK, 0)
		if late {
			s.wants(t, "by conflicts the latter comes first")
		} else {
			s.wants(t, "")
		}
	}
}

// The dissertation's figure 4.1, in words: m is at both partitions; a, after m
// at partition 0, returns before b, which is before m at partition 1, is
// invoked. Without m the timestamps of a and b may disagree with real time.
func TestWitnessFindsCyclesAcrossPartitions(t *testing.T) {
	for _, withM := range []bool{false, true} {
		s := newStory(2, 2)
		m := s.call(cmdWrite, keys(1, 2)) // blind
		a := s.call(cmdSwap, keys(1))
		old := []byte(nil)
		if withM {
			old = bytesOf(5)
		}
		s.answer(a, old)
		b := s.call(cmdWrite, keys(2))
		s.answer(b, nil)
		s.place(10, b, partition.OutcomeOK, 1)
		if withM {
			s.place(20, m, partition.OutcomeOK, 0, 1)
			s.answer(m, nil)
		}
		s.place(30, a, partition.OutcomeOK, 0)
		if withM {
			s.wants(t, "by conflicts the latter comes first")
		} else {
			s.wants(t, "")
		}
	}
}

// The path of conflicts may lead through a range and an insertion into it, and
// through several commands.
func TestWitnessFollowsRangesAndChains(t *testing.T) {
	s := newStory(2, 2)
	sum := s.call(cmdSum, bankArg{Keys: []uint16{0}, M: 30})
	mid := s.call(cmdWrite, keys(7, 8))
	end := s.call(cmdSwap, keys(8))
	s.answer(end, bytesOf(6))
	first := s.call(cmdWrite, keys(3)) // inserted: the sum sees it
	s.answer(first, nil)
	s.place(10, first, partition.OutcomeOK, 1)
	s.place(20, sum, partition.OutcomeOK, 0, 1)
	s.place(30, mid, partition.OutcomeOK, 0, 1) // writes 7, which the sum read as absent
	s.place(40, end, partition.OutcomeOK, 0)
	s.answer(sum, append(bytesOf(1), bytesOf(5)...))
	s.wants(t, "by conflicts the latter comes first")
}

// A command without an answer may have happened or not, at any time from its
// invocation on.
func TestWitnessUnknownOutcomes(t *testing.T) {
	s := newStory(1, 2)
	maybe := s.call(cmdWrite, keys(1))
	s.giveUp(0, maybe)
	never := s.call(cmdWrite, bankArg{Keys: []uint16{1}, N: 9})
	s.giveUp(0, never)
	r := s.call(cmdRead, keys(1))
	s.answer(r, []byte("-"))
	r2 := s.call(cmdRead, keys(1))
	s.answer(r2, bytesOf(5))
	s.place(10, r, partition.OutcomeOK, 0)
	s.place(20, maybe, partition.OutcomeOK, 0)
	s.place(30, r2, partition.OutcomeOK, 0)
	s.wants(t, "")
	// One that was refused has not.
	s = newStory(1, 2)
	maybe = s.call(cmdWrite, keys(1))
	s.refuse(0, maybe)
	s.wants(t, "")
	s.place(10, maybe, partition.OutcomeOK, 0)
	s.wants(t, "exactly-once")
	// But not before its invocation.
	s = newStory(1, 2)
	r = s.call(cmdRead, keys(1))
	s.answer(r, bytesOf(5))
	maybe = s.call(cmdWrite, keys(1))
	s.giveUp(0, maybe)
	s.place(10, maybe, partition.OutcomeOK, 0)
	s.place(20, r, partition.OutcomeOK, 0)
	s.wants(t, "by conflicts the latter comes first")
}

func TestOrderFindsDisagreement(t *testing.T) {
	ok := partition.OutcomeOK
	acc, dup := partition.VerdictAccepted, partition.VerdictDuplicate
	for _, tt := range []struct {
		name, want string
		tell       func(s *story, a, b int32)
	}{
		{"sound", "", func(s *story, a, b int32) {
			s.place(10, a, ok, 0, 1)
			s.place(20, b, ok, 0)
		}},
		{"sound, one is behind", "", func(s *story, a, b int32) {
			s.deliver(s.Logs[0], 10, a, 1, acc, ok, 0, 1)
			s.deliver(s.Logs[0], 20, b, 1, acc, 0, 0)
		}},
		{"two orders in a partition", "delivered", func(s *story, a, b int32) {
			s.deliver(s.Logs[0], 10, a, 1, acc, ok, 0)
			s.deliver(s.Logs[0], 20, b, 1, acc, ok, 0)
			s.deliver(s.Logs[1], 10, b, 1, acc, ok, 0)
			s.deliver(s.Logs[1], 20, a, 1, acc, ok, 0)
		}},
		{"a hole in a partition", "delivered", func(s *story, a, b int32) {
			s.place(10, a, ok, 0)
			s.deliver(s.Logs[0], 20, b, 1, acc, ok, 0)
			s.deliver(s.Logs[0], 30, b, 1, dup, 0, 0)
			s.deliver(s.Logs[1], 30, b, 1, dup, 0, 0)
		}},
		{"positions fall", "after", func(s *story, a, b int32) {
			s.deliver(s.Logs[0], 20, a, 1, acc, ok, 0)
			s.deliver(s.Logs[0], 10, b, 1, acc, ok, 0)
		}},
		{"a hole across partitions", "did not, but went on", func(s *story, a, b int32) {
			s.deliver(s.Logs[0], 10, a, 1, acc, ok, 0, 1)
			s.deliver(s.Logs[2], 20, b, 1, acc, ok, 1)
		}},
		{"not for this partition", "which is for", func(s *story, a, b int32) {
			s.deliver(s.Logs[2], 10, a, 1, acc, ok, 0)
		}},
		{"accepted twice", "accepted attempt 1", func(s *story, a, b int32) {
			s.place(10, a, ok, 0)
			s.place(20, a, ok, 0)
		}},
		{"accepted twice at once", "twice", func(s *story, a, b int32) {
			s.place(10, a, 0, 0)
			s.place(20, a, 0, 0)
		}},
		{"two attempts took effect", "took effect twice", func(s *story, a, b int32) {
			s.deliver(s.Logs[0], 10, a, 1, acc, ok, 0)
			s.deliver(s.Logs[0], 20, a, 2, acc, ok, 0)
		}},
		{"verdicts differ in a partition", "verdicts differ", func(s *story, a, b int32) {
			s.deliver(s.Logs[0], 10, a, 1, acc, ok, 0)
			s.deliver(s.Logs[1], 10, a, 1, dup, 0, 0)
		}},
		{"verdicts differ between partitions [X1]", "verdicts differ", func(s *story, a, b int32) {
			s.deliver(s.Logs[0], 10, a, 1, dup, 0, 0, 1)
			s.deliver(s.Logs[2], 10, a, 1, acc, 0, 0, 1)
		}},
		{"outcomes differ", "outcomes differ", func(s *story, a, b int32) {
			s.deliver(s.Logs[0], 10, a, 1, acc, ok, 0)
			s.deliver(s.Logs[1], 10, a, 1, acc, partition.OutcomeFailed, 0)
		}},
		{"finished unasked", "twice", func(s *story, a, b int32) {
			s.observe(s.Logs[0], partition.Event{Kind: partition.EventFinished, Command: s.Ops[a].Command, Attempt: 1})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStory(2, 2)
			tt.tell(s, s.call(cmdWrite, keys(1)), s.call(cmdWrite, keys(2)))
			s.wants(t, tt.want)
		})
	}
}

func TestPorcupineFindsWrongAnswers(t *testing.T) {
	tell := func(got []byte, concurrent bool) *story {
		s := newStory(1, 1)
		w := s.call(cmdWrite, keys(firstCell, firstCell+1))
		if !concurrent {
			s.answer(w, nil)
		}
		r := s.call(cmdRead, keys(firstCell+1))
		s.answer(r, got)
		if concurrent {
			s.answer(w, nil)
		}
		return s
	}
	for _, tt := range []struct {
		s  *story
		ok bool
	}{
		{tell(bytesOf(6), false), true},
		{tell(bytesOf(6), true), true},
		{tell([]byte("-"), true), true},
		{tell([]byte("-"), false), false},
		{tell(bytesOf(5), true), false},
	} {
		n, undecided, err := checkPorcupine(tt.s.History, time.Second)
		if (err == nil) != tt.ok || n != 2 || undecided != 0 {
			t.Errorf("checked %d, undecided %d: %v", n, undecided, err)
		}
	}
}

// Porcupine's model and the other one are written apart: they must agree.
func TestModelsAgree(t *testing.T) {
	r := newRand(1, 1)
	shape := Shape{Partitions: 2, Hot: 5, Multi: 50}
	for c := range shape.Mix {
		shape.Mix[c] = 1
	}
	svc := bankService()
	load := newBankLoad(&shape, oracle.New(1, 2, svc))
	m := newModel(svc, spinBudget)
	cells := make([]cellState, cellGroups)
	h := newStory(1, 1).History
	sampled := 0
	for range 20_000 {
		code, arg, _ := load.next(r)
		got, _ := m.apply(code, arg, 1, ids.Command{})
		a, ok := sampleable(h, &Op{Code: code, Arg: arg})
		if !ok {
			continue
		}
		sampled++
		g := int(a.Keys[0]-firstCell) / cellGroup
		var want answer
		if cells[g], want = stepCells(cells[g], cellInput{code, a}); got != want {
			t.Fatalf("%s %+v: %v and %v", bankCommands[code].name, a, got, want)
		}
	}
	if sampled < 1000 {
		t.Errorf("only %d commands on cells", sampled)
	}
}
