package simtest

import (
	"errors"
	"slices"

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
