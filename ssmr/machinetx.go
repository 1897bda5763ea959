package ssmr

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/partition"
)

// machineTx is one command on a Machine. Writes are buffered and seen by the
// command's own later reads. What it charges, and when, is as at a replica.
type machineTx struct {
	m      *Machine
	access partition.Access
	now    hlc.Timestamp
	rand   *rand.PCG
	writes map[partition.Key]write
	// accesses and bytes are left of the budget.
	accesses, bytes int
	readOnly        bool
	// ended is why the command is over before its code is: code that swallows
	// the panic by which it is left changes nothing.
	ended error
	// again updates another variable as the last one.
	again func(partition.Key)
}

// write is what a command made of a variable; not ok: deleted.
type write struct {
	value []byte
	ok    bool
}

// left unwinds code that is over.
type left struct{}

func (tx *machineTx) execute(spec *partition.CommandSpec, arg []byte) (value []byte, err error) {
	defer func() {
		if p := recover(); p != nil && tx.ended == nil {
			tx.ended = fmt.Errorf("%w: %v", ErrPanicked, p)
		}
		if tx.ended != nil {
			value, err = nil, tx.ended
		}
	}()
	var code partition.Code
	tx.readOnly = spec.ReadOnly
	if tx.access, code, err = spec.Prepare(arg, partition.Lent{}); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrArgument, err)
	}
	if spec.ReadOnly && tx.access.Writes() {
		return nil, ErrReadOnly
	}
	if len(tx.access.Items) > tx.accesses {
		return nil, ErrBudget
	}
	value, err = code.Run(tx)
	if tx.bytes -= len(value); tx.bytes < 0 {
		return nil, ErrBudget
	}
	return value, err
}

func (tx *machineTx) leave(err error) {
	tx.ended = err
	panic(left{})
}

// charge takes from the budget.
func (tx *machineTx) charge(accesses, bytes int) {
	if tx.ended != nil {
		panic(left{})
	}
	tx.accesses -= accesses
	tx.bytes -= bytes
	if tx.accesses < 0 || tx.bytes < 0 {
		tx.leave(ErrBudget)
	}
}

// touch admits an access to a variable, or ends the command [E1]. op is that of
// an Update, or -1.
func (tx *machineTx) touch(k partition.Key, write bool, op int, bytes int) {
	tx.charge(1, bytes)
	switch {
	case write && tx.readOnly:
		tx.leave(ErrReadOnly)
	case write && len(k.Name) > partition.MaxName:
		tx.leave(ErrBudget)
	}
	if !tx.access.Exact {
		return
	}
	for _, it := range tx.access.Items {
		if write && !it.Write || it.Blind && int(it.Op) != op {
			continue
		}
		if it.Range == nil && it.Key == k || it.Range != nil && tx.m.s.inRange(*it.Range, k) {
			return
		}
	}
	tx.leave(fmt.Errorf("%w: %s %q", ErrAccess, tx.m.s.def.Collections[k.Collection].Name, k.Name))
}

func (tx *machineTx) touchRange(r partition.Range) {
	tx.charge(1, 0)
	if !tx.access.Exact {
		return
	}
	for _, it := range tx.access.Items {
		if it.Range != nil && within(r, *it.Range) {
			return
		}
	}
	tx.leave(fmt.Errorf("%w: a range of %s", ErrAccess, tx.m.s.def.Collections[r.Collection].Name))
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
	tx.touch(k, false, -1, 0)
	value, ok := tx.look(k)
	tx.charge(0, len(value))
	return value, ok
}

func (tx *machineTx) Put(k partition.Key, value []byte) {
	tx.touch(k, true, -1, len(value))
	tx.writes[k] = write{value, true}
}

func (tx *machineTx) Delete(k partition.Key) {
	tx.touch(k, true, -1, 0)
	tx.writes[k] = write{}
}

// Update applies the operation at once: nobody but this command can tell.
func (tx *machineTx) Update(k partition.Key, op uint16, arg []byte) {
	tx.touch(k, true, int(op), len(arg))
	old, ok := tx.look(k)
	defer func() {
		_ = recover() // a panic leaves the variable as it was [N1]
	}()
	tx.again = func(k partition.Key) { tx.Update(k, op, arg) }
	if v := tx.m.s.def.Operations[op].Apply(old, ok, arg); len(v) <= tx.m.budget.MaxBytes {
		tx.writes[k] = write{v, true}
	}
}

// Again follows an Update, in package ssmr's own code.
func (tx *machineTx) Again(k partition.Key) { tx.again(k) }

// Pass is never called: nothing is left out of what is prepared here.
func (tx *machineTx) Pass(bytes int) { tx.charge(1, bytes) }

// found is a variable of a range when the walk began: as the command leaves
// it, and the bytes that passing over it costs.
type found struct {
	name  string
	final write
	cost  int
}

func (tx *machineTx) Range(r partition.Range, yield func(string, []byte) bool) {
	tx.touchRange(r)
	for _, f := range tx.find(r) {
		tx.charge(1, f.cost)
		if f.final.ok && !yield(f.name, f.final.value) {
			return
		}
	}
}

func (tx *machineTx) find(r partition.Range) []found {
	var list []found
	table := tx.m.tables[r.Collection]
	table.Ascend(r.Lo, func(name string, value []byte) bool {
		k := partition.Key{Collection: r.Collection, Name: name}
		if tx.m.s.inRange(r, k) {
			f := found{name: name, cost: len(name) + len(value)}
			f.final.value, f.final.ok = tx.look(k)
			list = append(list, f)
		}
		return r.Hi == "" || name < r.Hi
	})
	for k, w := range tx.writes { // sorted below
		if _, old := table.Get(k.Name); tx.m.s.inRange(r, k) && !old {
			list = append(list, found{k.Name, w, len(k.Name) + len(w.value)})
		}
	}
	slices.SortFunc(list, func(a, b found) int { return strings.Compare(a.name, b.name) })
	return list
}

func (tx *machineTx) Now() hlc.Timestamp { return tx.now }
func (tx *machineTx) Rand() uint64       { return tx.rand.Uint64() }
