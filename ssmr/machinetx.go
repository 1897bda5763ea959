package ssmr

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/partition"
)

// machineTx is one command on a Machine. Writes are buffered and seen by the
// command's own later reads.
type machineTx struct {
	m      *Machine
	access partition.Access
	now    hlc.Timestamp
	rand   *rand.PCG
	writes map[partition.Key]write
}

// write is what a command made of a variable; not ok: deleted.
type write struct {
	value []byte
	ok    bool
}

// left unwinds code that broke its promise [E1].
type left struct{ error }

func (tx *machineTx) execute(spec *partition.CommandSpec, arg []byte) (value []byte, err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case left:
			value, err = nil, p.error
		default:
			value, err = nil, fmt.Errorf("%w: %v", ErrPanicked, p)
		}
	}()
	if tx.access, err = spec.Access(arg); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrArgument, err)
	}
	return spec.Run(tx, arg)
}

func (tx *machineTx) check(k partition.Key, write bool) {
	if !tx.access.Exact {
		return
	}
	for _, it := range tx.access.Items {
		if write && !it.Write {
			continue
		}
		if it.Range == nil && it.Key == k || it.Range != nil && tx.m.s.inRange(*it.Range, k) {
			return
		}
	}
	panic(left{fmt.Errorf("%w: %s %q", ErrAccess, tx.m.s.def.Collections[k.Collection].Name, k.Name)})
}

func (tx *machineTx) checkRange(r partition.Range) {
	if !tx.access.Exact {
		return
	}
	for _, it := range tx.access.Items {
		if it.Range != nil && within(r, *it.Range) {
			return
		}
	}
	panic(left{fmt.Errorf("%w: a range of %s", ErrAccess, tx.m.s.def.Collections[r.Collection].Name)})
}

// within says whether every variable of r is in s, whatever there is.
func within(r, s partition.Range) bool {
	return r.Collection == s.Collection && r.Lo >= s.Lo &&
		(s.Hi == "" || r.Hi != "" && r.Hi <= s.Hi) &&
		(s.At == nil || r.At != nil && *r.At == *s.At)
}

// inRange says whether a variable is in a range.
func (s *Service) inRange(r partition.Range, k partition.Key) bool {
	if k.Collection != r.Collection || k.Name < r.Lo || r.Hi != "" && k.Name >= r.Hi {
		return false
	}
	return r.At == nil || s.placeOf(k) == *r.At
}

func (s *Service) placeOf(k partition.Key) string {
	if place := s.def.Collections[k.Collection].Place; place != nil {
		return place(k.Name)
	}
	return k.Name
}

func (tx *machineTx) look(k partition.Key) ([]byte, bool) {
	if w, ok := tx.writes[k]; ok {
		return w.value, w.ok
	}
	return tx.m.tables[k.Collection].Get(k.Name)
}

func (tx *machineTx) Get(k partition.Key) ([]byte, bool) {
	tx.check(k, false)
	return tx.look(k)
}

func (tx *machineTx) Put(k partition.Key, value []byte) {
	tx.check(k, true)
	tx.writes[k] = write{value, true}
}

func (tx *machineTx) Delete(k partition.Key) {
	tx.check(k, true)
	tx.writes[k] = write{}
}

// Update applies the operation at once: nobody but this command can tell.
func (tx *machineTx) Update(k partition.Key, op uint16, arg []byte) {
	tx.check(k, true)
	old, ok := tx.look(k)
	defer func() {
		_ = recover() // a panic leaves the variable as it was [N1]
	}()
	tx.writes[k] = write{tx.m.s.def.Operations[op].Apply(old, ok, arg), true}
}

func (tx *machineTx) Range(r partition.Range, yield func(string, []byte) bool) {
	tx.checkRange(r)
	var names []string
	tx.m.tables[r.Collection].Ascend(r.Lo, func(name string, _ []byte) bool {
		if r.Hi != "" && name >= r.Hi {
			return false
		}
		names = append(names, name)
		return true
	})
	for k := range tx.writes { // sorted below
		if k.Collection == r.Collection {
			names = append(names, k.Name)
		}
	}
	slices.Sort(names)
	tx.walk(r, slices.Compact(names), yield)
}

// walk yields what the range held when the walk began.
func (tx *machineTx) walk(r partition.Range, names []string, yield func(string, []byte) bool) {
	values := make([]write, len(names))
	for i, name := range names {
		k := partition.Key{Collection: r.Collection, Name: name}
		if tx.m.s.inRange(r, k) {
			values[i].value, values[i].ok = tx.look(k)
		}
	}
	for i, name := range names {
		if values[i].ok && !yield(name, values[i].value) {
			return
		}
	}
}

func (tx *machineTx) Now() hlc.Timestamp { return tx.now }
func (tx *machineTx) Rand() uint64       { return tx.rand.Uint64() }
