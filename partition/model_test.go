package partition

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sort"

	"encoding/binary"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// model is one plain machine without partitions: it runs the commands of the
// merged order one after the other. Only where the rules themselves speak of
// destinations (verdicts, retry) it looks at the placement.
type model struct {
	service *Service
	place   Placement
	tuning  Tuning
	state   map[Key][]byte
	// The exactly-once table of each partition, nothing ever forgotten.
	marks    map[partClient]ids.Sequence
	accepted map[partCommand]ids.Attempt
	ends     map[Tag]*ending
}

type partClient struct {
	p ids.Partition
	c ids.Client
}

type partCommand struct {
	p ids.Partition
	c ids.Command
}

// ending is what an accepted attempt must end with.
type ending struct {
	reply  Reply
	reads  []Key
	ranges []Range
	writes []Key
	blind  map[Key]uint16 // of writes: nothing but that operation, which commutes
	ran    bool
}

func newModel(s *Service, place Placement, t Tuning) *model {
	return &model{
		service: s, place: place, tuning: t, state: make(map[Key][]byte),
		marks: make(map[partClient]ids.Sequence), accepted: make(map[partCommand]ids.Attempt),
		ends: make(map[Tag]*ending),
	}
}

// judge is page 3's list, in its words, at one destination.
func (m *model) judge(d *Delivery, p ids.Partition) Verdict {
	F := d.Position.T
	if F > d.T0.Add(m.tuning.Horizon) {
		return VerdictLate
	}
	if d.T0 > F.Add(m.tuning.Window) || d.Command.Sequence > d.Mark+ids.Sequence(m.tuning.ClientWindow) {
		return VerdictRefused
	}
	if d.Command.Sequence < m.marks[partClient{p, d.Command.Client}] {
		return VerdictDuplicate
	}
	if d.Attempt <= m.accepted[partCommand{p, d.Command}] {
		return VerdictDuplicate
	}
	m.accepted[partCommand{p, d.Command}] = d.Attempt
	if k := (partClient{p, d.Command.Client}); F > d.Guard {
		m.marks[k] = max(m.marks[k], d.Mark)
	}
	if q, err := DecodeRequest(d.Body); err == nil && q.MapVersion != m.place.Version() {
		return VerdictStale
	}
	return VerdictAccepted
}

// deliver judges at all destinations, which must agree, and executes.
func (m *model) deliver(d *Delivery) (v Verdict, agree bool) {
	for i, p := range d.Dests {
		w := m.judge(d, p)
		if i > 0 && w != v {
			return v, false
		}
		v = w
	}
	if v == VerdictAccepted || v == VerdictStale {
		m.execute(d, v)
	}
	return v, true
}

func (m *model) execute(d *Delivery, v Verdict) {
	e := &ending{reply: Reply{
		Command: d.Command, Attempt: d.Attempt, MapVersion: m.place.Version(), Time: d.Proposed,
	}}
	m.ends[Tag{d.Position, d.Command, d.Attempt}] = e
	t := &modelTx{m: m, d: d, e: e, pending: make(map[Key]*modelWrite), accesses: m.tuning.MaxAccesses, bytes: m.tuning.MaxBytes}
	q, qerr := DecodeRequest(d.Body)
	a, aerr := Access{Exact: true}, error(ErrArgument)
	panicked := false
	if qerr == nil && int(q.Command) < len(m.service.Commands) {
		func() {
			defer func() { panicked = recover() != nil }()
			a, aerr = m.service.Commands[q.Command].Access(q.Arg)
		}()
	}
	if aerr == nil {
		for _, it := range a.Items {
			if it.Blind && int(it.Op) >= len(m.service.Operations) {
				aerr = ErrArgument
			}
		}
	}
	if panicked || aerr != nil {
		a = Access{Exact: true}
	}
	t.access = a
	needed, bad := d.Dests, v == VerdictStale
	for i := range a.Items {
		if more := m.lacking(&a.Items[i], d.Dests); more != nil {
			needed, bad = needed.Union(more), true
		}
	}
	switch {
	case bad:
		e.reply.Outcome, e.reply.Needed = OutcomeRetry, needed
		return
	case panicked:
		e.reply.Outcome, e.reply.ErrorName = OutcomeFailed, namePanicked
		return
	case aerr != nil:
		e.reply.Outcome, e.reply.ErrorName = OutcomeFailed, nameArgument
		return
	}
	t.run(&m.service.Commands[q.Command], q.Arg)
	e.ran = e.reply.Outcome.Final()
	if e.reply.Outcome != OutcomeOK {
		e.writes = nil
		return
	}
	for k, w := range t.pending {
		v, ok := w.resolve(m, k, m.state[k], m.has(k))
		e.writes = append(e.writes, k)
		if op, same := w.only(); same && m.service.Operations[op].Commutes && !slices.Contains(e.reads, k) {
			if e.blind == nil {
				e.blind = make(map[Key]uint16)
			}
			e.blind[k] = op
		}
		if ok {
			m.state[k] = v
		} else {
			delete(m.state, k)
		}
	}
}

func (m *model) has(k Key) bool { _, ok := m.state[k]; return ok }

// lacking is E5 in its words.
func (m *model) lacking(it *Item, dests ids.Set) ids.Set {
	owners, one := ids.Set(nil), true
	if it.Range != nil {
		owners, one = m.place.RangeOwners(*it.Range)
	} else {
		owners = m.place.Owners(it.Key)
	}
	if it.Write || !one {
		if !dests.Covers(owners) {
			return owners
		}
		return nil
	}
	if !dests.Meets(owners) {
		return owners[:1]
	}
	return nil
}

type modelTx struct {
	m               *model
	d               *Delivery
	e               *ending
	access          Access
	pending         map[Key]*modelWrite
	accesses, bytes int
	rng             *rand.PCG
	over            bool
	last            applied
}

type modelWrite struct {
	known, ok bool
	value     []byte
	ops       []applied
}

func (w *modelWrite) resolve(m *model, k Key, old []byte, ok bool) ([]byte, bool) {
	if w.known {
		old, ok = w.value, w.ok
	}
	for _, a := range w.ops {
		func() {
			defer func() { recover() }()
			if v := m.service.Operations[a.op].Apply(slices.Clone(old), ok, a.arg); len(v) <= m.tuning.MaxBytes {
				old, ok = v, true
			}
		}()
	}
	return old, ok
}

// only says whether all that is done is updates by one operation.
func (w *modelWrite) only() (op uint16, ok bool) {
	for _, a := range w.ops {
		if a.op != w.ops[0].op {
			return 0, false
		}
		op = a.op
	}
	return op, !w.known && len(w.ops) > 0
}

type modelEnd struct{}

func (t *modelTx) run(c *CommandSpec, arg []byte) {
	r := &t.e.reply
	defer func() {
		if p := recover(); p != nil && !t.over {
			r.Outcome, r.ErrorName, r.ErrorText = OutcomeFailed, namePanicked, ErrPanicked.Error()
		}
	}()
	v, err := c.Run(t, arg)
	if t.over {
		return
	}
	if err != nil {
		r.Outcome, r.ErrorText = OutcomeFailed, err.Error()
		var f *Failure
		if errors.Is(err, errFunds) {
			r.ErrorName = "test.funds"
		} else if errors.As(err, &f) {
			r.ErrorName = f.Name
		}
		return
	}
	r.Outcome, r.Value = OutcomeOK, v
}

func (t *modelTx) leave(err error, name string) {
	if !t.over {
		t.over = true
		t.e.reply.Outcome, t.e.reply.ErrorName, t.e.reply.ErrorText = OutcomeFailed, name, err.Error()
	}
	panic(modelEnd{})
}

func (t *modelTx) charge(a, b int) {
	t.accesses -= a
	t.bytes -= b
	if t.accesses < 0 || t.bytes < 0 {
		t.leave(ErrBudget, nameBudget)
	}
}

func (t *modelTx) touch(k Key, write bool, bytes int) { t.use(k, write, false, 0, bytes) }

// use is touch that tells an Update by that operation from another write.
func (t *modelTx) use(k Key, write, update bool, op uint16, bytes int) {
	if t.over {
		panic(modelEnd{})
	}
	t.charge(1, bytes)
	if t.access.Exact {
		for i := range t.access.Items {
			it := &t.access.Items[i]
			if it.Blind && !(update && it.Op == op) {
				continue
			}
			if (it.Write || !write) && (it.Range == nil && it.Key == k || it.Range != nil && t.inRange(k, *it.Range)) {
				return
			}
		}
		u := use{ModeRead, op}
		switch {
		case update:
			u.mode = ModeUpdate
		case write:
			u.mode = ModeWrite
		}
		t.leave(t.m.service.undeclared(k, u), nameAccess)
	}
	t.cover(&Item{Key: k, Write: write})
}

func (t *modelTx) inRange(k Key, g Range) bool {
	return k.Collection == g.Collection && k.Name >= g.Lo && (g.Hi == "" || k.Name < g.Hi) &&
		(g.At == nil || t.m.service.Collections[k.Collection].place(k.Name) == *g.At)
}

func (t *modelTx) cover(it *Item) {
	if more := t.m.lacking(it, t.d.Dests); more != nil {
		t.over = true
		t.e.reply.Outcome, t.e.reply.Needed = OutcomeRetry, t.d.Dests.Union(more)
		panic(modelEnd{})
	}
}

func (t *modelTx) Get(k Key) ([]byte, bool) {
	t.touch(k, false, 0)
	w := t.pending[k]
	if w == nil || !w.known {
		t.e.reads = append(t.e.reads, k)
	}
	v, ok := t.m.state[k], t.m.has(k)
	if w != nil {
		v, ok = w.resolve(t.m, k, v, ok)
	}
	t.charge(0, len(v))
	return slices.Clone(v), ok
}

func (t *modelTx) write(k Key) *modelWrite {
	if t.pending[k] == nil {
		t.pending[k] = &modelWrite{}
	}
	return t.pending[k]
}

func (t *modelTx) Put(k Key, v []byte) {
	t.touch(k, true, len(v))
	*t.write(k) = modelWrite{known: true, ok: true, value: slices.Clone(v)}
}

func (t *modelTx) Delete(k Key) {
	t.touch(k, true, 0)
	*t.write(k) = modelWrite{known: true}
}

func (t *modelTx) Pass(bytes int) { panic("nothing is left out") }

func (t *modelTx) Update(k Key, op uint16, arg []byte) {
	t.use(k, true, true, op, len(arg))
	if int(op) >= len(t.m.service.Operations) {
		t.leave(ErrArgument, nameArgument)
	}
	w := t.write(k)
	t.last = applied{op: op, arg: slices.Clone(arg)}
	w.ops = append(w.ops, t.last)
}

func (t *modelTx) Again(k Key) {
	t.Update(k, t.last.op, t.last.arg)
}

func (t *modelTx) Range(g Range, yield func(string, []byte) bool) {
	if t.over {
		panic(modelEnd{})
	}
	t.charge(1, 0)
	if t.access.Exact {
		if !slices.ContainsFunc(t.access.Items, func(it Item) bool {
			h := it.Range
			return h != nil && h.Collection == g.Collection && h.Lo <= g.Lo &&
				(h.Hi == "" || g.Hi != "" && g.Hi <= h.Hi) &&
				(h.At == nil || g.At != nil && *g.At == *h.At)
		}) {
			t.leave(t.m.service.undeclaredRange(g), nameAccess)
		}
	} else {
		t.cover(&Item{Range: &g})
	}
	t.e.ranges = append(t.e.ranges, g)
	pending := make(map[Key]modelWrite)
	names := make(map[string]bool)
	for k, w := range t.pending {
		if t.inRange(k, g) {
			pending[k] = modelWrite{w.known, w.ok, w.value, slices.Clone(w.ops)}
			names[k.Name] = true
		}
	}
	for k := range t.m.state {
		if t.inRange(k, g) {
			names[k.Name] = true
		}
	}
	sorted := slices.Collect(maps.Keys(names))
	sort.Strings(sorted)
	for _, name := range sorted {
		k := Key{g.Collection, name}
		v, ok := t.m.state[k]
		if ok {
			t.charge(1, len(name)+len(v))
		}
		base := ok
		if w, there := pending[k]; there {
			v, ok = w.resolve(t.m, k, v, ok)
			if !base {
				t.charge(1, len(name)+len(v))
			}
		}
		if ok && !yield(name, slices.Clone(v)) {
			return
		}
		if t.over {
			panic(modelEnd{})
		}
	}
}

func (t *modelTx) Now() hlc.Timestamp { return t.d.Position.T }

func (t *modelTx) Rand() uint64 {
	if t.rng == nil {
		id := t.d.Command
		t.rng = rand.NewPCG(binary.LittleEndian.Uint64(id.Client[:8])^uint64(id.Sequence),
			binary.LittleEndian.Uint64(id.Client[8:])+uint64(id.Sequence))
	}
	return t.rng.Uint64()
}
