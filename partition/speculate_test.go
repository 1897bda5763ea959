package partition

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

type attemptName struct {
	c ids.Command
	a ids.Attempt
}

// reckless is a speculator without sense: it runs what was ordered, what was
// not, and what was changed on the way, at any time and in any order.
type reckless struct {
	n     *node
	rng   *rand.Rand
	wild  float64 // how often it does something silly
	order uint64
	at    int // in the order
	runs  map[attemptName]*Run
	names []attemptName // in order, of runs and some that are no more
	heard []foretoldExchange
	leave []attemptName

	confirmed, ended int
}

func newReckless(n *node, seed uint64, wild float64) *reckless {
	x := &reckless{n: n, rng: rand.New(rand.NewPCG(seed, 1000+uint64(n.id))), wild: wild, runs: make(map[attemptName]*Run)}
	n.r.Speculation(x)
	return x
}

func (x *reckless) Turn(c ids.Command, a ids.Attempt) *Run {
	run := x.runs[attemptName{c, a}]
	delete(x.runs, attemptName{c, a})
	return run
}
func (x *reckless) Dropped(c ids.Command, a ids.Attempt) {
	x.leave = append(x.leave, attemptName{c, a})
}
func (x *reckless) Ended(e *Ending) {
	if e.Confirmed {
		x.confirmed++
	}
	x.ended++
}
func (x *reckless) Wrong(*Run) {}

func (x *reckless) Told(ids.Command, ids.Attempt, *Reply) bool { return false }

func (x *reckless) Heard(q ids.Partition, m *Exchange) {
	x.heard = append(x.heard, foretoldExchange{q, m.Tag, m})
	if run := x.runs[attemptName{m.Command, m.Attempt}]; run != nil {
		x.n.r.Inform(run, q, m)
	}
}

func (x *reckless) silly() bool { return x.rng.Float64() < x.wild }

// next opt-delivers what is ordered for this partition, mostly.
func (x *reckless) next() {
	w := x.n.w
	x.at = max(x.at, x.n.next)
	for x.at < len(w.order) && !w.order[x.at].Dests.Has(x.n.p) {
		x.at++
	}
	i := x.at
	x.at++
	if x.silly() {
		i = x.rng.IntN(len(w.order))
	}
	if i >= len(w.order) {
		return
	}
	d := w.order[i]
	o := OptDelivery{Command: d.Command, Attempt: d.Attempt, T0: d.Position.T, Mark: d.Mark, Dests: d.Dests, Body: d.Body}
	other := w.order[x.rng.IntN(len(w.order))]
	if x.silly() {
		switch x.rng.IntN(6) {
		case 0:
			o.Body = other.Body
		case 1:
			o.Dests = other.Dests
		case 2:
			o.T0 = d.T0
		case 3:
			o.Command = other.Command
		case 4:
			o.Attempt = other.Attempt
		case 5:
			o.Body = slices.Clone(o.Body)
		}
	}
	x.order++
	name := attemptName{o.Command, o.Attempt}
	if x.runs[name] != nil {
		return
	}
	order := x.order
	if x.silly() {
		order = 1 + x.rng.Uint64N(x.order)
	}
	run := x.n.r.Speculate(w.clock(), o, order)
	if run == nil {
		return
	}
	x.runs[name] = run
	x.names = append(x.names, name)
	for _, h := range x.heard {
		if h.m.Command == name.c && h.m.Attempt == name.a {
			x.n.r.Inform(run, h.from, h.m)
		}
	}
	if !x.silly() {
		x.n.r.Execute(run)
	}
}

func (x *reckless) act() {
	r := x.n.r
	for _, name := range x.leave {
		if run := x.runs[name]; run != nil {
			delete(x.runs, name)
			r.GiveUp(run)
		}
	}
	x.leave = x.leave[:0]
	for range x.rng.IntN(4) {
		x.next()
	}
	x.names = slices.DeleteFunc(x.names, func(name attemptName) bool { return x.runs[name] == nil })
	for _, name := range x.names {
		run := x.runs[name]
		if run == nil {
			continue
		}
		if q, waits := run.Wants(); waits && x.rng.IntN(3) == 0 && x.silly() {
			x.contaminate(run, q)
		}
		if !run.Ended() && !x.silly() {
			r.Execute(run)
		}
		if run.Ended() && !r.Holds(run) && !x.silly() {
			r.Again(run)
		}
		if x.rng.IntN(20) == 0 && x.silly() {
			if x.rng.IntN(2) == 0 {
				r.Again(run)
			} else {
				delete(x.runs, name)
				r.GiveUp(run)
			}
		}
	}
}

// contaminate tells a run values that nobody has sent.
func (x *reckless) contaminate(run *Run, q ids.Partition) {
	g := progGen{rng: x.rng, keys: 6}
	var vars []Var
	for range 20 {
		v := Var{Key: g.key(), OK: x.rng.IntN(2) == 0}
		if v.OK {
			v.Value = []byte{byte(x.rng.IntN(256))}
		}
		vars = append(vars, v)
	}
	x.n.r.Inform(run, q, &Exchange{Signal: x.rng.IntN(2) == 0, Vars: vars})
}

// end gives up what is left. Then nothing is in the overlay, and no coroutine
// runs.
func (x *reckless) end() {
	r, w := x.n.r, x.n.w
	if x.n.crashed {
		return
	}
	for _, name := range x.names {
		if run := x.runs[name]; run != nil {
			r.GiveUp(run)
		}
	}
	over := &r.state.over
	if len(over.absent) > 0 || len(over.free) != len(over.stacks)-1 || slices.Max(over.counts) > 0 || slices.Min(over.counts) < 0 {
		w.fatalf("process %d: the overlay is not empty: %+v", x.n.id, over)
	}
	for i := range r.state.collections {
		r.state.collections[i].ordered.Scan(func(name string, v *variable) bool {
			if v.stack != 0 || v.dead {
				w.fatalf("process %d: %q of %d has layers, or is dead", x.n.id, name, i)
			}
			return true
		})
	}
	for _, wk := range r.workers {
		if wk.c != nil {
			w.fatalf("process %d: a coroutine has not ended", x.n.id)
		}
	}
}

// TestRandomRuns is TestRandom with commands that are run before their turn by
// anything but reason. What replicas answer and become is that of the model.
func TestRandomRuns(t *testing.T) {
	var right, wrong uint64
	for seed := *first; seed < *first+uint64(*seeds+2)/3; seed++ {
		w := randomWorld(t, seed)
		rng := rand.New(rand.NewPCG(seed, 3))
		wild := []float64{0, 0.02, 0.2, 0.7}[rng.IntN(4)]
		var all []*reckless
		for _, n := range w.nodes {
			x := newReckless(n, seed, wild)
			all = append(all, x)
			var again func()
			again = func() {
				if n.crashed {
					return
				}
				x.act()
				n.after()
				if n.next < len(w.order) {
					w.at(time.Duration(rng.Int64N(int64(2*w.lag))), again)
				}
			}
			w.at(0, again)
		}
		w.run(10 * time.Minute)
		w.finish()
		for _, x := range all {
			x.end()
			counters := x.n.r.Status().Counters
			right += counters.RunsRight
			wrong += counters.RunsWrong
			x.n.r.Close()
		}
	}
	t.Logf("%d runs right, %d wrong", right, wrong)
	if *seeds >= 100 && (right == 0 || wrong == 0) {
		t.Error("vacuous")
	}
}
