package simtest

import (
	"fmt"
	"slices"
	"sort"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/partition"
)

type modelTx struct {
	m        *model
	access   partition.Access
	now      hlc.Timestamp
	left     int
	readOnly bool
	buffer   map[partition.Key]*[]byte // nil: deleted
	order    []partition.Key           // of buffer
	t        touched
	// again updates another variable as the last one.
	again func(partition.Key)
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

func (tx *modelTx) Again(k partition.Key) { tx.again(k) }

func (tx *modelTx) Update(k partition.Key, op uint16, arg []byte) {
	tx.again = func(k partition.Key) { tx.Update(k, op, arg) }
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
