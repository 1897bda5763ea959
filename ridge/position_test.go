package ridge

import (
	"slices"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// A coordinator is set aside while another takes over and orders, and then
// goes on as if nothing had happened, and so does a process of another
// partition, which hears of nobody else: it must not read by the old one's
// word, which f+1 acceptors will not confirm.
func TestDeposedCoordinatorIsNotBelieved(t *testing.T) {
	w := newWorld(t, 301, 2, 3, nil)
	a := w.asking(0)
	w.run(time.Second)
	all := w.node(1).core.ensemble(ids.All, true)
	if all.lead.phase != leading {
		t.Fatal("process 1 does not lead")
	}
	awake := false
	aside := []ids.Process{1, 4}
	w.filter = func(from, to ids.Process, m wire.Message) bool {
		if slices.Contains(aside, from) == slices.Contains(aside, to) {
			return true
		}
		e, about := addressee(m)
		return awake && about && e == 1 // the other partition's own ensemble
	}
	w.node(1).until, w.node(4).until = w.now+3*time.Second, w.now+3*time.Second
	w.run(time.Second)
	w.multicast(w.clients[0], []byte{1}, 1, 0)
	if !w.runUntil(1900*time.Millisecond, func() bool { return len(w.node(5).delivered) > 0 }) {
		t.Fatal("nobody took over")
	}
	w.run(w.node(1).until + time.Millisecond - w.now)
	awake = true
	a.ask(w.node(4))
	w.run(w.tuning.FailureTimeout / 2)
	if a.done > 0 || all.lead.phase != leading || len(all.lead.confirming.asked) == 0 {
		t.Errorf("%d reads, by a coordinator in phase %d with %d questions open", a.done, all.lead.phase, len(all.lead.confirming.asked))
	}
	w.heal()
	w.finish(5 * time.Second)
	if !w.runUntil(2*time.Second, a.idle) {
		t.Error("the read waits for ever")
	}
}

// handled is a core that a test steps by hand, in an ensemble of five and with a
// learner besides.
type handled struct {
	t *testing.T
	*Core
	now hlc.Now
	out []Send
}

func newHandled(t *testing.T) *handled {
	h := &handled{t: t, now: hlc.Now{Mono: time.Hour, Wall: epoch}}
	h.Core = New(Config{
		Self: 1, Life: 1, Topology: NewTopology([][]ids.Process{{1, 2, 3, 4, 5, 6}}), Tuning: DefaultTuning(),
		Random: func() uint64 { return 1 },
	})
	h.Tick(h.now)
	h.flush()
	return h
}

func (h *handled) step(from ids.Process, m wire.Message) {
	h.now.Mono += time.Microsecond
	h.now.Wall++
	h.Step(h.now, ids.To(from), m)
	h.flush()
}

func (h *handled) flush() { h.out = append([]Send(nil), h.Sends()...) }

func (h *handled) lead(k ids.Instance) {
	h.t.Helper()
	var vs []vote
	if k > 0 {
		vs = []vote{{Instance: k, Round: Round{Counter: 1, Coordinator: 5}, Value: h.home.makeValue(h.now, newBuilder(0, 0), 1)}}
	}
	for _, p := range []ids.Process{2, 3} {
		h.step(p, &promise{Round: h.home.lead.round, From: h.home.lead.prep.from, Wall: h.now.Wall, Votes: vs})
	}
	if h.home.lead.phase != leading {
		h.t.Fatalf("phase %d", h.home.lead.phase)
	}
}

// confirms are the numbers of the confirms sent, positions the answers.
func (h *handled) said() (confirms, positions []uint64, at ids.Instance) {
	for _, s := range h.out {
		switch m := s.Msg.(type) {
		case *confirm:
			confirms = append(confirms, m.Number)
		case *position:
			if m.Confirmed {
				positions, at = append(positions, m.Number), m.Instance
			}
		}
	}
	return confirms, positions, at
}

// A confirmation counts for the questions that were there when its confirm was
// sent, and for no later ones.
func TestConfirmationsAreOfTheirRound(t *testing.T) {
	h := newHandled(t)
	h.lead(0)
	h.step(6, &question{Number: 1})
	confirms, positions, _ := h.said()
	if len(confirms) != 2 || len(positions) != 0 {
		t.Fatalf("confirms %v, positions %v", confirms, positions)
	}
	first := &confirmed{Round: h.home.lead.round, Number: confirms[0]}
	h.step(6, &question{Number: 2}) // too late for it
	h.step(2, first)
	h.step(3, first)
	confirms, positions, _ = h.said()
	if !slices.Equal(positions, []uint64{1}) || len(confirms) != 2 {
		t.Fatalf("confirms %v, positions %v", confirms, positions)
	}
	for _, p := range []ids.Process{2, 3, 4, 5} {
		h.step(p, first)
		if _, positions, _ = h.said(); len(positions) > 0 {
			t.Fatal("a confirmation of the round before counts")
		}
	}
	second := &confirmed{Round: h.home.lead.round, Number: confirms[0]}
	h.step(2, second)
	h.step(2, second)
	if _, positions, _ = h.said(); len(positions) > 0 {
		t.Fatal("one acceptor counts twice")
	}
	h.step(3, second)
	if _, positions, _ = h.said(); !slices.Equal(positions, []uint64{2}) {
		t.Fatalf("positions %v", positions)
	}
}

// A coordinator in Phase 1 has no position, and one that starts a new round
// none but that round's: what Phase 1 finds is at or below it [R4].
func TestPositionsAreAfterPhaseOne(t *testing.T) {
	h := newHandled(t)
	h.step(6, &question{Number: 1})
	if confirms, positions, _ := h.said(); len(confirms)+len(positions) > 0 {
		t.Fatal("a position before Phase 1")
	}
	h.lead(7)
	confirms, _, _ := h.said()
	if len(confirms) == 0 {
		t.Fatal("the question is forgotten")
	}
	old := &confirmed{Round: h.home.lead.round, Number: confirms[0]}
	h.home.start(h.now)
	h.step(2, old)
	h.step(3, old)
	h.step(6, &question{Number: 1}) // repeated, since the round is another
	if confirms, positions, _ := h.said(); len(confirms)+len(positions) > 0 {
		t.Fatal("a position before Phase 1 of the second round")
	}
	h.lead(9)
	confirms, positions, _ := h.said()
	if len(confirms) != 2 || len(positions) > 0 {
		t.Fatalf("confirms %v, positions %v", confirms, positions)
	}
	for _, p := range []ids.Process{2, 3} {
		h.step(p, &confirmed{Round: h.home.lead.round, Number: confirms[0]})
	}
	if _, positions, at := h.said(); len(positions) != 1 || at != 9 {
		t.Fatalf("positions %v at %d, want 9", positions, at)
	}
}

// An acceptor confirms no round below what it has promised.
func TestPromisedAcceptorsDoNotConfirm(t *testing.T) {
	h := newHandled(t)
	high := Round{Counter: 9, Coordinator: 3, Life: 7}
	h.step(3, &prepare{Round: high, Chain: []ids.Process{3, 4, 5}})
	h.step(2, &confirm{Round: Round{Counter: 8, Coordinator: 2}, Number: 1})
	for _, s := range h.out {
		if _, ok := s.Msg.(*confirmed); ok {
			t.Fatal("confirmed a round below its promise")
		}
	}
	h.step(3, &confirm{Round: high, Number: 1})
	if len(h.out) != 1 || h.out[0].Msg.Kind() != kindConfirmed {
		t.Fatalf("%d messages", len(h.out))
	}
}
