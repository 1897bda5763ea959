package simtest

import (
	"errors"
	"fmt"
	"slices"
	"sort"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
)

// model executes a service on one machine, in the plainest way. It is written
// apart from partition and ssmr on purpose: it is what they are compared with.
type model struct {
	service *partition.Service
	budget  int // accesses per command
	values  map[partition.Key][]byte
	sorted  [][]string // names by collection, ascending
}

// touched is what one command read and wrote, each variable once per kind.
// A range counts as a read of whatever is or will ever be in it.
type touched struct {
	reads, writes []partition.Key
	ranges        []partition.Range
	// updates are those of writes that are nothing but one operation that commutes.
	updates map[partition.Key]uint16
}

// answer is how a command ends, as far as its caller can see.
type answer struct {
	value           string
	errName, errTxt string
}

func newModel(s *partition.Service, budget int) *model {
	return &model{service: s, budget: budget, values: map[partition.Key][]byte{}, sorted: make([][]string, len(s.Collections))}
}

type modelTx struct {
	m        *model
	access   partition.Access
	now      hlc.Timestamp
	left     int
	readOnly bool
	buffer   map[partition.Key]*[]byte // nil: deleted
	order    []partition.Key           // of buffer
	t        touched
}

// apply executes one command at its place.
func (m *model) apply(code uint16, arg []byte, at hlc.Timestamp, _ ids.Command) (answer, touched) {
	spec := &m.service.Commands[code]
	tx := &modelTx{m: m, now: at, left: m.budget, buffer: map[partition.Key]*[]byte{}}
	value, err := tx.run(spec, arg)
	if err != nil {
		tx.t.writes = nil
		name, text := m.describe(err)
		return answer{errName: name, errTxt: text}, tx.t
	}
	for _, k := range tx.order {
		m.set(k, tx.buffer[k])
	}
	tx.t.writes = tx.order
	for k := range tx.t.updates {
		if slices.Contains(tx.t.reads, k) {
			delete(tx.t.updates, k)
		}
	}
	return answer{value: string(value)}, tx.t
}

func (tx *modelTx) run(spec *partition.CommandSpec, arg []byte) (value []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			if e, ok := p.(*ended); ok {
				err = e.why
				return
			}
			err = fmt.Errorf("%w: %v", partition.ErrPanicked, p)
		}
	}()
	tx.access, err = spec.Access(arg)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", partition.ErrArgument, err)
	}
	if tx.readOnly = spec.ReadOnly; tx.readOnly && tx.access.Writes() {
		return nil, partition.ErrReadOnly
	}
	return spec.Run(tx, arg)
}

// ended unwinds a command that broke a rule.
type ended struct{ why error }

// describe names an error as a reply does. The text of the framework's own
// errors is not compared.
func (m *model) describe(err error) (name, text string) {
	for _, e := range []struct {
		name string
		err  error
	}{{"eyrie.argument", partition.ErrArgument}, {"eyrie.access", partition.ErrAccess},
		{"eyrie.panicked", partition.ErrPanicked}, {"eyrie.budget", partition.ErrBudget},
		{"eyrie.readonly", partition.ErrReadOnly}} {
		if errors.Is(err, e.err) {
			return e.name, ""
		}
	}
	for _, e := range m.service.Errors {
		if errors.Is(err, e.Err) {
			return e.Name, err.Error()
		}
	}
	var f *partition.Failure
	if errors.As(err, &f) {
		return f.Name, err.Error()
	}
	return "", err.Error()
}

func (m *model) set(k partition.Key, v *[]byte) {
	names := m.sorted[k.Collection]
	i, ok := slices.BinarySearch(names, k.Name)
	switch {
	case v == nil && ok:
		m.sorted[k.Collection] = slices.Delete(names, i, i+1)
		delete(m.values, k)
	case v != nil:
		if !ok {
			m.sorted[k.Collection] = slices.Insert(names, i, k.Name)
		}
		m.values[k] = *v
	}
}

func (m *model) placeOf(k partition.Key) string {
	if p := m.service.Collections[k.Collection].Place; p != nil {
		return p(k.Name)
	}
	return k.Name
}

func (m *model) inRange(r *partition.Range, k partition.Key) bool {
	return k.Collection == r.Collection && k.Name >= r.Lo && (r.Hi == "" || k.Name < r.Hi) &&
		(r.At == nil || m.placeOf(k) == *r.At)
}

func (tx *modelTx) spend() {
	if tx.left--; tx.left < 0 {
		panic(&ended{partition.ErrBudget})
	}
}

func (tx *modelTx) demand(ok func(it *partition.Item) bool) {
	if !tx.access.Exact {
		return
	}
	for i := range tx.access.Items {
		if ok(&tx.access.Items[i]) {
			return
		}
	}
	panic(&ended{partition.ErrAccess})
}

func (tx *modelTx) demandKey(k partition.Key, write bool) { tx.demandUse(k, write, -1) }

// demandUse is demandKey; op is that of an Update, or -1.
func (tx *modelTx) demandUse(k partition.Key, write bool, op int) {
	if write && tx.readOnly {
		panic(&ended{partition.ErrReadOnly})
	}
	tx.demand(func(it *partition.Item) bool {
		if it.Blind && int(it.Op) != op {
			return false
		}
		if write && !it.Write {
			return false
		}
		return it.Range == nil && it.Key == k || it.Range != nil && tx.m.inRange(it.Range, k)
	})
}

func (tx *modelTx) peek(k partition.Key) ([]byte, bool) {
	if v, ok := tx.buffer[k]; ok {
		if v == nil {
			return nil, false
		}
		return *v, true
	}
	v, ok := tx.m.values[k]
	return v, ok
}

func (tx *modelTx) change(k partition.Key, v *[]byte) {
	if _, ok := tx.buffer[k]; !ok {
		tx.order = append(tx.order, k)
	}
	delete(tx.t.updates, k)
	tx.buffer[k] = v
}

func (tx *modelTx) Get(k partition.Key) ([]byte, bool) {
	tx.spend()
	tx.demandKey(k, false)
	if !slices.Contains(tx.t.reads, k) {
		tx.t.reads = append(tx.t.reads, k)
	}
	v, ok := tx.peek(k)
	return slices.Clone(v), ok
}

func (tx *modelTx) Put(k partition.Key, v []byte) {
	tx.spend()
	tx.demandKey(k, true)
	c := slices.Clone(v)
	tx.change(k, &c)
}

func (tx *modelTx) Delete(k partition.Key) {
	tx.spend()
	tx.demandKey(k, true)
	tx.change(k, nil)
}

// Pass is never called: nothing is left out of what a model executes.
func (tx *modelTx) Pass(int) {}

func (tx *modelTx) Update(k partition.Key, op uint16, arg []byte) {
	tx.spend()
	tx.demandUse(k, true, int(op))
	old, ok := tx.peek(k)
	v, fine := applied(&tx.m.service.Operations[op], slices.Clone(old), ok, arg)
	if fine {
		before, was := tx.t.updates[k]
		_, changed := tx.buffer[k]
		tx.change(k, &v)
		if tx.m.service.Operations[op].Commutes && (!changed || was && before == op) {
			if tx.t.updates == nil {
				tx.t.updates = map[partition.Key]uint16{}
			}
			tx.t.updates[k] = op
		}
	} else if !slices.Contains(tx.t.reads, k) {
		tx.t.reads = append(tx.t.reads, k)
	}
}

// applied runs an operation; a panic leaves the variable as it was [N1].
func applied(op *partition.Operation, old []byte, ok bool, arg []byte) (v []byte, fine bool) {
	defer func() {
		if recover() != nil {
			fine = false
		}
	}()
	return op.Apply(old, ok, arg), true
}

func (tx *modelTx) Range(r partition.Range, yield func(string, []byte) bool) {
	tx.spend()
	tx.demand(func(it *partition.Item) bool {
		s := it.Range
		return s != nil && s.Collection == r.Collection && r.Lo >= s.Lo && (s.Hi == "" || r.Hi != "" && r.Hi <= s.Hi) &&
			(s.At == nil || r.At != nil && *r.At == *s.At)
	})
	tx.t.ranges = append(tx.t.ranges, r)
	type entry struct {
		name  string
		value []byte
	}
	var found []entry
	names := tx.m.sorted[r.Collection]
	for _, n := range names[sort.SearchStrings(names, r.Lo):] {
		k := partition.Key{Collection: r.Collection, Name: n}
		if _, changed := tx.buffer[k]; !changed && tx.m.inRange(&r, k) {
			found = append(found, entry{n, tx.m.values[k]})
		}
		if r.Hi != "" && n >= r.Hi {
			break
		}
	}
	for _, k := range tx.order {
		if v := tx.buffer[k]; v != nil && tx.m.inRange(&r, k) {
			found = append(found, entry{k.Name, *v})
		}
	}
	slices.SortFunc(found, func(a, b entry) int {
		if a.name < b.name {
			return -1
		}
		return 1
	})
	for _, e := range found {
		tx.spend()
		if !yield(e.name, slices.Clone(e.value)) {
			return
		}
	}
}

func (tx *modelTx) Now() hlc.Timestamp { return tx.now }

// Rand is not modelled: no command of the simulated services shows it.
func (tx *modelTx) Rand() uint64 { return 0 }
