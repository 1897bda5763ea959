package ridge

import (
	"testing"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// lazily says to whom the value just decided goes, and how, and to whom the
// decision.
func lazily(r *rig) (lazy, prompt, decisions []ids.Process) {
	for _, s := range r.sent {
		switch s.Msg.(type) {
		case *valueMessage:
			if s.Lazy {
				lazy = append(lazy, s.To.Process)
			} else {
				prompt = append(prompt, s.To.Process)
			}
		case *decision:
			decisions = append(decisions, s.To.Process)
			if s.Lazy != (s.To.Process == 2 && r.core.cfg.Self == 3) {
				r.t.Errorf("the decision to %d is lazy: %v", s.To.Process, s.Lazy)
			}
		}
	}
	return lazy, prompt, decisions
}

// The chain's end sends the decision promptly, and the value lazily to whom
// nobody waits for.
func TestValuesAreLazyWhereNobodyWaits(t *testing.T) {
	vote := func(e ids.Ensemble, k ids.Instance, v *Value) *accept {
		return &accept{Ensemble: e, Round: round(5, 1), Instance: k, Chain: []ids.Process{1, 2}, Voters: []ids.Process{1}, Value: v}
	}
	r := newRig(t, 2, 2, 3)
	r.e.concludedAt = r.now.Mono - company
	r.step(1, vote(0, 1, val(1, 1, msg(1, epoch))))
	if lazy, prompt, ds := lazily(r); len(lazy) != 1 || lazy[0] != 3 || len(prompt) != 0 || len(ds) != 1 || ds[0] != 1 {
		t.Errorf("lazily to %v, promptly to %v, decision to %v", lazy, prompt, ds)
	}
	a := vote(0, 2, val(1, 2, msg(2, epoch+1)))
	a.Prompt = true
	r.step(1, a)
	if lazy, prompt, _ := lazily(r); len(lazy) != 0 || len(prompt) != 1 {
		t.Errorf("prompt: lazily to %v, promptly to %v", lazy, prompt)
	}
	r.core.togetherUntil = r.now.Mono + 1
	r.step(1, vote(0, 3, val(1, 3, msg(3, epoch+2))))
	if lazy, prompt, _ := lazily(r); len(lazy) != 0 || len(prompt) != 1 {
		t.Errorf("with several partitions: lazily to %v, promptly to %v", lazy, prompt)
	}
	r.core.togetherUntil = 0
	r.now.Mono += company + 1
	r.step(1, vote(0, 4, val(1, 5, msg(4, epoch+3))))
	if lazy, prompt, _ := lazily(r); len(lazy) != 0 || len(prompt) != 1 {
		t.Errorf("alone: lazily to %v, promptly to %v", lazy, prompt)
	}
	for _, e := range r.core.ensembles {
		if len(e.spec.Partitions) > 1 {
			r.step(1, vote(e.id, 1, val(1, 4, msg(5, epoch, 0, 1))))
			if lazy, prompt, _ := lazily(r); len(lazy) != 0 || len(prompt) != len(e.members)-2 {
				t.Errorf("of all: lazily to %v, promptly to %v", lazy, prompt)
			}
		}
	}
}

// Amid a longer chain nobody is waited for either.
func TestDecisionsAreLazyAmidTheChain(t *testing.T) {
	r := newRig(t, 3, 1, 5)
	r.e.concludedAt = r.now.Mono
	r.step(2, &accept{Round: round(5, 1), Instance: 1, Chain: []ids.Process{1, 2, 3}, Voters: []ids.Process{1, 2}, Value: val(1, 1, msg(1, epoch))})
	if lazy, prompt, ds := lazily(r); len(lazy) != 2 || len(prompt) != 0 || len(ds) != 2 {
		t.Errorf("lazily to %v, promptly to %v, decision to %v", lazy, prompt, ds)
	}
}

// A coordinator that is asked by a learner outside the chain, or is proposed
// something by it, has values sent promptly for a while.
func TestCoordinatorKnowsWhoWaits(t *testing.T) {
	r := newRig(t, 1, 1, 3)
	r.step(2, &promise{Round: r.e.lead.round, Wall: epoch, From: 1})
	n := 0
	prompt := func(from ids.Process) bool {
		n++
		r.step(from, &Propose{Message: msg(n, epoch)})
		ms := only[*accept](r)
		if len(ms) != 1 {
			t.Fatalf("%d instances", len(ms))
		}
		r.step(2, &decision{Round: r.e.lead.round, Instance: ms[0].Instance, ID: ms[0].Value.ID})
		return ms[0].Prompt
	}
	if prompt(0) || prompt(2) {
		t.Error("prompt for somebody in the chain, or nobody")
	}
	if !prompt(3) {
		t.Error("not prompt for a proposer outside the chain")
	}
	r.now.Mono += calm
	if prompt(0) {
		t.Error("prompt for ever")
	}
	r.step(3, &question{Number: 1})
	if !prompt(0) {
		t.Error("not prompt for a reader outside the chain")
	}
}
