package ridge

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// samples are messages of every kind.
func samples() []wire.Message {
	m := msg(7, epoch, 0, 2, 5)
	v, null := val(1, 9, m, msg(8, epoch+3)), newValue(2, 3, epoch, nil, epoch+9)
	lean := v.without(func(i int) bool { return i == 1 })
	r, s := round(5, 1), Round{Counter: 1 << 60, Coordinator: 65535, Life: 1<<64 - 1}
	chain := []ids.Process{1, 2}
	ms := Members{Ensemble: 1, Version: 3, List: []Member{{Process: 2, Incarnation: 1 << 63, Generation: 2, Voting: true, Floor: 300, Addr: "host:1"}, {Process: 9, Incarnation: 1, Generation: 1}}}
	step := newBuilder(0, 0).change(&Change{Version: 300, Process: 9, New: 77, Addr: "[::1]:80", Floor: 1 << 40, Admit: true}).done(3, 4, epoch, 0)
	return []wire.Message{
		&Propose{Ensemble: ids.All, Hops: 1, Message: m},
		&Advice{Command: m.Command, Attempt: 3, Ensemble: 4, Reason: Late, Coordinator: 9, Time: epoch},
		&Advice{Command: m.Command, Attempt: 3, Ensemble: 4, Reason: NoRoom, Kept: true, Time: epoch},
		&prepare{Ensemble: 1, Round: r, Chain: chain, From: 77},
		&promise{Ensemble: 1, Round: r, From: 5, Next: 12, Trim: 3, Wall: epoch, Votes: []vote{{Instance: 5, Round: s, Value: v}, {Instance: 11, Decided: true, Value: null}}},
		&accept{Ensemble: 1, Round: r, Instance: 6, Chain: chain, Voters: []ids.Process{1}, Obliged: true, Prompt: true, Value: v},
		&voted{Ensemble: 1, Round: r, Votes: []ballot{{3, v.ID}, {1 << 40, null.ID}}},
		&refuse{Ensemble: 1, Round: r, Instance: 6, Reason: refusedAhead, Promised: s, Trim: 4},
		&decision{Ensemble: 1, Round: r, Instance: 6, ID: v.ID},
		&valueMessage{Ensemble: 1, Round: r, Instance: 6, Chain: chain, Distribute: true, Value: null},
		&valueMessage{Ensemble: 1, Round: r, Instance: 6, Chain: chain, Value: lean},
		&fetch{Ensemble: 1, From: 3, To: 9},
		&tardy{Ensemble: 1, Process: 3},
		&learn{Ensemble: 1, Trim: 2, Votes: []vote{{Instance: 5, Round: s, Value: v}}},
		&heartbeat{Wall: epoch, Hears: true, Full: true, Items: []heartbeatItem{{Ensemble: 1, Round: r, Leading: true, Decided: 9, Delivered: 8, Trim: 7, Stable: 6, Whole: 5, Needs: 8, Version: 200, Held: 6}, {Ensemble: ids.All, Complains: true}}},
		&roll{ms},
		&roll{Members{Ensemble: ids.All}},
		&valueMessage{Ensemble: 1, Round: r, Instance: 6, Chain: chain, Value: step},
		&advance{Ensemble: 1, Hops: 1, Key: ids.Position{T: hlc.Max, E: 3}, After: 7},
		&question{Ensemble: 1, Number: 300},
		&position{Ensemble: 1, Number: 300, Round: s, Instance: 1 << 40, Confirmed: true},
		&confirm{Ensemble: ids.All, Round: r, Number: 7},
		&confirmed{Ensemble: ids.All, Round: r, Number: 7},
	}
}

func TestCodec(t *testing.T) {
	for _, m := range samples() {
		body := m.Append(nil)
		got, err := Decode(m.Kind(), body)
		if err != nil {
			t.Errorf("%T: %v", m, err)
			continue
		}
		if p, ok := got.(*Propose); ok {
			p.raw = nil
		}
		if v, ok := got.(*valueMessage); ok {
			v.Value.weight = m.(*valueMessage).Value.weight // counts differently without its encoding
		}
		if !reflect.DeepEqual(got, m) || !bytes.Equal(got.Append(nil), body) {
			t.Errorf("%T: got %+v, want %+v", m, got, m)
		}
		for n := range body { // scenario 62: every truncation
			if _, err := Decode(m.Kind(), body[:n]); !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("%T cut to %d of %d bytes: %v", m, n, len(body), err)
			}
		}
		if _, err := Decode(m.Kind(), append(body, 0)); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%T with a byte too many: %v", m, err)
		}
	}
	if _, err := Decode(0xff, nil); !errors.Is(err, wire.ErrMalformed) {
		t.Error("an unknown kind decodes")
	}
}

// A lying count costs an error, not memory.
func TestDecodeRefusesLyingCounts(t *testing.T) {
	huge := wire.AppendUvarint(nil, 1<<40)
	for _, m := range samples() {
		body := m.Append(nil)
		for i := range body {
			bad := append(append(append([]byte(nil), body[:i]...), huge...), body[i:]...)
			if n := testing.AllocsPerRun(1, func() { _, _ = Decode(m.Kind(), bad) }); n > 200 {
				t.Fatalf("%T with a count at %d: %v allocations", m, i, n)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, m := range samples() {
		f.Add(byte(m.Kind()), m.Append(nil))
	}
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		m, err := Decode(wire.Kind(kind), body)
		if err != nil {
			return
		}
		if got := m.Append(nil); !bytes.Equal(got, body) {
			t.Errorf("%T: %x encodes as %x", m, body, got)
		}
	})
}

// Nothing that decodes may harm a core, whoever sends it: no panic, no growth.
func FuzzStep(f *testing.F) {
	for _, m := range samples() {
		f.Add(byte(m.Kind()), m.Append(nil), uint64(1))
	}
	f.Fuzz(func(t *testing.T, kind byte, body []byte, seed uint64) {
		m, err := Decode(wire.Kind(kind), body)
		if err != nil {
			return
		}
		w := newWorld(t, 1, 2, 3, nil)
		w.mayLose = true
		w.run(time.Duration(seed%4) * 100 * time.Millisecond)
		n := w.node(ids.Process(1 + seed%6))
		n.core.Step(n.clock(), ids.To(ids.Process(seed/6%8)), m)
		n.core.Step(n.clock(), ids.ToClient(ids.Client{1}), m)
		n.core.Tick(n.clock())
	})
}

// TestStepHostile hands cores mutated messages in quantity.
func TestStepHostile(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	w := newWorld(t, 1, 2, 3, nil)
	w.load(300*time.Millisecond, 10*time.Millisecond)
	all, decoded := samples(), 0
	for range 20000 {
		m := all[rng.IntN(len(all))]
		body := m.Append(nil)
		for range 1 + rng.IntN(3) {
			body[rng.IntN(len(body))] = byte(rng.Uint32())
		}
		got, err := Decode(m.Kind(), body)
		if err != nil {
			continue
		}
		decoded++
		n := w.nodes[rng.IntN(len(w.nodes))]
		n.core.Step(n.clock(), ids.To(ids.Process(rng.IntN(9))), got)
		n.core.Sends()
		for _, e := range n.core.ensembles {
			if e.log.count > e.log.limit || len(e.lead.queue.ring) > 2*w.tuning.MaxWaiting {
				t.Fatalf("%T made process %d grow", got, n.id)
			}
		}
	}
	if decoded < 1000 {
		t.Errorf("only %d messages decoded", decoded)
	}
}

func TestTuningComplains(t *testing.T) {
	if err := DefaultTuning().Validate(); err != nil {
		t.Error(err)
	}
	err := Tuning{Window: time.Second, Lead: time.Millisecond, MaxMessage: 1}.Validate()
	for _, field := range []string{"FailureTimeout", "Heartbeat", "Lead", "Horizon", "MaxBatchBytes", "MaxBatchCount", "Pipeline", "MaxWaiting", "MaxLogBytes", "MaxWaitingSize"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("no complaint about %s in %v", field, err)
		}
	}
}

func TestTopology(t *testing.T) {
	top := NewTopology([][]ids.Process{{1, 2, 3, 4}, {5, 6}, {7}})
	if err := top.Validate(); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		dests ids.Set
		want  ids.Ensemble
	}{{ids.NewSet(1), 1}, {ids.NewSet(0, 1), ids.All}, {ids.NewSet(0, 1, 2), ids.All}} {
		if got := top.EnsembleFor(c.dests); got != c.want {
			t.Errorf("ensemble for %v is %d", c.dests, got)
		}
	}
	if n := len(top.spec(0).Acceptors); n != 3 {
		t.Errorf("four replicas make %d acceptors", n)
	}
	if n := len(top.spec(1).Acceptors); n != 1 {
		t.Errorf("two replicas make %d acceptors", n)
	}
	for want, bad := range map[string]*Topology{
		"no partition":             NewTopology(nil),
		"no replica":               NewTopology([][]ids.Process{{1}, {}}),
		"process 0":                NewTopology([][]ids.Process{{0}}),
		"partitions 0 and 1":       NewTopology([][]ids.Process{{1}, {1}}),
		"no ensemble of its own":   {Replicas: [][]ids.Process{{1}}},
		"all partitions":           {Replicas: [][]ids.Process{{1}, {2}}, Ensembles: NewTopology([][]ids.Process{{1}}).Ensembles},
		"replicates none":          {Replicas: [][]ids.Process{{1}}, Ensembles: []EnsembleSpec{{Acceptors: []ids.Process{9}, Partitions: ids.NewSet(0)}}},
		"not an odd number":        {Replicas: [][]ids.Process{{1, 2}}, Ensembles: []EnsembleSpec{{Acceptors: []ids.Process{1, 2}, Partitions: ids.NewSet(0)}}},
		"stands twice":             {Replicas: [][]ids.Process{{1, 2}}, Ensembles: []EnsembleSpec{{Acceptors: []ids.Process{1, 2, 1}, Partitions: ids.NewSet(0)}}},
		"no sorted set":            {Replicas: [][]ids.Process{{1}}, Ensembles: []EnsembleSpec{{Acceptors: []ids.Process{1}}}},
		"out of order":             {Replicas: [][]ids.Process{{1}}, Ensembles: []EnsembleSpec{{ID: 1}, {ID: 0}}},
		"different partitions":     {Replicas: [][]ids.Process{{1}, {2}, {3}}, Ensembles: []EnsembleSpec{{Acceptors: []ids.Process{1, 2, 3}, Partitions: ids.Range(3)}}},
		"65535 partitions are too": {Replicas: make([][]ids.Process, 65535)},
	} {
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no complaint about %q in %v", want, err)
		}
	}
}

// The same seed is the same run.
func TestDeterministic(t *testing.T) {
	trace := func(seed uint64) (out []byte) {
		w := swarmWorld(t, seed)
		w.filter = func(from, to ids.Process, m wire.Message) bool {
			out = append(out, byte(from), byte(to), byte(m.Kind()))
			out = m.Append(out)
			return true
		}
		w.run(2 * time.Second)
		return out
	}
	for seed := range uint64(5) {
		if a, b := trace(seed+1), trace(seed+1); !bytes.Equal(a, b) || len(a) == 0 {
			t.Errorf("seed %d: two runs of %d and %d bytes differ", seed+1, len(a), len(b))
		}
	}
}
