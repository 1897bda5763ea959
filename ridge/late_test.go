package ridge

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// When values take their distributors longer than a learner's first patience, it
// is told so by the first, and asks for no other. One that is lost is asked for,
// and when values come at once again, soon.
func TestLateValuesAreNotAskedFor(t *testing.T) {
	r := newRig(t, 4, 1, 4) // process 4 only learns
	chain := []ids.Process{1, 2}
	const late = 120 * time.Millisecond
	if late < 2*r.core.patience() || late > r.core.cfg.Tuning.FailureTimeout/2 {
		t.Fatal("the test's lateness tests nothing")
	}
	decide := func(k ids.Instance) *Value {
		v := val(1, uint64(k), msg(int(k), epoch))
		r.step(2, &decision{Instance: k, ID: v.ID})
		return v
	}
	k := ids.Instance(0)
	for range 20 {
		k++
		v := decide(k)
		for range 12 {
			if r.pass(late / 12); len(only[*fetch](r)) > 0 && k > 1 {
				t.Fatalf("asked for instance %d, which is on its way", k)
			}
		}
		r.step(3, &valueMessage{Instance: k, Chain: chain, Value: v})
	}
	k++
	lost := decide(k)
	asked := r.now.Mono
	for range 100 {
		if r.pass(10 * time.Millisecond); len(only[*fetch](r)) > 0 {
			break
		}
	}
	if d := r.now.Mono - asked; d > r.core.cfg.Tuning.FailureTimeout {
		t.Fatalf("asked for a lost value after %v", d)
	}
	r.step(1, &learn{Votes: []vote{{Instance: k, Decided: true, Value: lost}}})
	for range 60 { // at once, for long enough
		k++
		r.pass(r.core.cfg.Tuning.FailureTimeout / 2)
		r.step(3, &valueMessage{Instance: k, Chain: chain, Value: decide(k)})
	}
	k++
	decide(k)
	soon := false
	for range 8 {
		r.pass(r.core.patience() / 4)
		soon = soon || len(only[*fetch](r)) > 0
	}
	if !soon {
		t.Error("values come at once, and a lost one is waited for")
	}
	if n := len(r.deliveries()); n != int(k)-1 {
		t.Errorf("%d of %d delivered", n, k-1)
	}
}

// Many learners are patient from the beginning.
func TestManyLearnersBeginPatient(t *testing.T) {
	r := newRig(t, 4, 21, 3)
	few, many := r.core.ensembles[0], r.core.ensembles[1]
	if few.wait() > r.core.patience() || many.wait() < 3*r.core.patience() {
		t.Errorf("of 3 learners each waits %v, of 63 %v", few.wait(), many.wait())
	}
}

// Asking for one value does not ask for those decided since: they are on their
// way. What was decided before is asked for all at once.
func TestFetchAsksForWhatIsMissing(t *testing.T) {
	r := newRig(t, 4, 1, 4)
	values := map[ids.Instance]*Value{}
	decide := func(from, to ids.Instance) {
		for k := from; k <= to; k++ {
			values[k] = val(1, uint64(k), msg(int(k), epoch))
			r.step(2, &decision{Instance: k, ID: values[k].ID})
		}
	}
	asks := func() *fetch {
		for range 200 {
			r.pass(10 * time.Millisecond)
			if fs := only[*fetch](r); len(fs) > 0 {
				return fs[0]
			}
		}
		t.Fatal("nothing is asked for")
		return nil
	}
	decide(1, 1)
	r.pass(r.core.patience() / 4)
	decide(2, 9)
	if f := asks(); f.From != 1 || f.To != 1 {
		t.Fatalf("asked for %d..%d", f.From, f.To)
	}
	r.step(1, &learn{Votes: []vote{{Instance: 1, Decided: true, Value: values[1]}}})
	if f := asks(); f.From != 2 || f.To != 9 {
		t.Fatalf("then asked for %d..%d", f.From, f.To)
	}
}
