package ridge

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// mark is a checkpoint's positions, and how much had been delivered.
type mark struct {
	p Positions
	n int
}

// record keeps all that is decided, and marks positions of node n.
func (w *world) record(n *node) (values map[place]*Value, marks *[]mark) {
	values, marks = map[place]*Value{}, &[]mark{}
	w.onDeliver = func(m *node, _ Delivery) {
		if m == n && w.rng.IntN(3) == 0 {
			*marks = append(*marks, mark{m.core.Positions(), len(m.delivered)})
		}
	}
	w.afterFlush = func(m *node) {
		for _, e := range m.core.ensembles {
			for k := e.log.base + 1; k <= e.log.end(); k++ {
				if s := e.log.at(k); s.chosen != nil {
					values[place{e.id, k}] = s.chosen
				}
			}
		}
	}
	return values, marks
}

// again delivers values to a core of node n's that starts at p.
func (w *world) again(n *node, p Positions, values map[place]*Value) []Delivery {
	r := &rig{core: New(Config{Self: n.id, Topology: w.topo, Tuning: w.tuning, Random: w.rng.Uint64})}
	r.core.Jump(p)
	for _, at := range p.Ensembles {
		e := r.core.ensemble(at.Ensemble, true)
		for k := at.Instance; values[place{e.id, k}] != nil; k++ {
			e.learn(k, values[place{e.id, k}].ID, values[place{e.id, k}], 0)
		}
	}
	return r.deliveries()
}

// C1: positions are inside batches, in several ensembles at a time. A replica
// that goes on from them delivers exactly what comes after, at the very places.
func TestC1PositionsInsideBatches(t *testing.T) {
	inside := 0
	for seed := range uint64(6) {
		w := newWorld(t, 500+seed, 2, 3, func(t *Tuning) {
			t.Optimistic = seed%3 == 2
			t.Pipeline = 1
		})
		for _, n := range w.nodes {
			n.skew = time.Duration(w.rng.IntN(40)) * time.Millisecond
		}
		n := w.node(5)
		values, marks := w.record(n)
		for range 60 {
			for range w.rng.IntN(6) {
				w.multicast(w.clients[0], []byte{1}, 1)
				w.multicast(w.clients[1], []byte{1}, 0, 1)
				w.multicast(w.clients[2], []byte{1}, 0)
			}
			w.run(time.Duration(w.rng.IntN(8)) * time.Millisecond)
		}
		w.finish(5 * time.Second)
		for _, m := range *marks {
			for _, at := range m.p.Ensembles {
				if n.delivered[m.n-1].Position.E == at.Ensemble && n.delivered[m.n-1].Instance == at.Instance {
					inside++
				}
			}
			got := w.again(n, m.p, values)
			want := n.delivered[m.n:]
			if len(got) != len(want) {
				t.Fatalf("seed %d: %d deliveries after %+v, want %d", seed, len(got), m.p, len(want))
			}
			for i := range got {
				if got[i].Position != want[i].Position || idOf(got[i].Message) != idOf(want[i].Message) {
					t.Fatalf("seed %d: %v is delivered at %v, want %v at %v", seed, idOf(got[i].Message), got[i].Position, idOf(want[i].Message), want[i].Position)
				}
			}
		}
	}
	if inside < 100 {
		t.Errorf("only %d positions were inside a batch", inside)
	}
}

// A stream that stands further than a checkpoint stays there; what the
// checkpoint covers is not delivered again; and nothing from outside breaks it.
func TestJumpGoesForward(t *testing.T) {
	r := newRig(t, 4, 1, 4)
	for k := ids.Instance(1); k <= 4; k++ {
		v := val(1, uint64(k), msg(int(2*k), epoch+hlc.Timestamp(10*k)), msg(int(2*k+1), epoch+hlc.Timestamp(10*k)))
		r.e.learn(k, v.ID, v, 0)
	}
	r.core.Jump(Positions{Key: ids.Position{T: epoch + 20}, Ensembles: []At{{Instance: 2, Last: epoch + 11}}})
	ds := r.deliveries()
	if len(ds) != 5 || ds[0].Position.T != epoch+21 {
		t.Fatalf("%d deliveries", len(ds))
	}
	r.core.Jump(Positions{Key: ids.Position{T: epoch + 5}, Ensembles: []At{{Instance: 1}}})
	if p := r.core.Positions(); p.Key.T != epoch+41 || p.Ensembles[0] != (At{Instance: 5, Last: epoch + 41}) {
		t.Errorf("went back to %+v", p)
	}
	r.core.Jump(Positions{Key: ids.Position{T: epoch + 100}, Ensembles: []At{{Instance: 9, Last: epoch + 99}, {Ensemble: 7, Instance: 3}}})
	v := val(1, 9, msg(30, epoch))
	r.e.learn(9, v.ID, v, 0)
	if ds = r.deliveries(); len(ds) != 0 {
		t.Errorf("%d deliveries at or below the key", len(ds))
	}
	v = val(1, 10, msg(31, epoch))
	r.e.learn(10, v.ID, v, 0)
	if ds = r.deliveries(); len(ds) != 1 || ds[0].Position.T != epoch+101 {
		t.Errorf("deliveries %+v", ds)
	}
	r.core.Jump(Positions{Ensembles: []At{{Instance: 1 << 63}}})
	if r.core.Err() == nil {
		t.Error("a position out of range was taken")
	}
}

// A replica that jumps far beyond what its log covers finds room for what
// follows: it forgets what other acceptors have.
func TestJumpBeyondTheLog(t *testing.T) {
	r := newRig(t, 2, 1, 3)
	far := ids.Instance(3 * r.core.cfg.Tuning.MaxLogCount)
	r.step(1, &heartbeat{Wall: epoch, Hears: true, Items: []heartbeatItem{{Trim: far - 10, Decided: far + 1}}})
	r.core.Jump(Positions{Key: ids.Position{T: epoch}, Ensembles: []At{{Instance: far, Last: epoch}}})
	r.pass(time.Second)
	v := val(1, 1, msg(1, epoch+1))
	r.step(1, &learn{Votes: []vote{{Instance: far, Decided: true, Value: v}}})
	if len(r.deliveries()) != 1 || r.e.log.base != far-10 {
		t.Errorf("stands at %d, with a log from %d on", r.e.next, r.e.log.base)
	}
}
