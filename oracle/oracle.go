// Package oracle says where variables live and where commands must go: the
// dissertation's oracle (section 4.2), as a map that everybody holds instead
// of a service that everybody asks.
//
// A variable's collection gives its placement key; the key's hash gives one of
// a fixed number of slots; the map gives the slot's partition. Variables with
// one placement key therefore live together, in whatever collections they
// are, under every map.
package oracle

import (
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
)

// Slots is how many slots there are. Changing it, or the hash, moves data:
// such a program cannot read the state of an earlier one.
const Slots = 4096

// Placer replaces the hash: it chooses the slot of a placement key, counted
// round Slots. It must be a pure function, the same in every process, and
// safe for concurrent use.
type Placer interface {
	Slot(placement string) int
}

// Guesser adds to the partitions that a command with AtLeast access is sent
// to first. It decides about speed only, never about results. It must be safe
// for concurrent use.
type Guesser interface {
	Guess(partition.Access) ids.Set
}

// Option changes how a Map works.
type Option func(*Map)

// WithPlacer replaces the hash.
func WithPlacer(p Placer) Option { return func(m *Map) { m.slot = p.Slot } }

// WithGuesser adds a guesser.
func WithGuesser(g Guesser) Option { return func(m *Map) { m.guess = g.Guess } }

// Map says which partition holds each slot. It is immutable and safe for
// concurrent use; a changed map is another Map with a higher version.
type Map struct {
	version uint64
	service *partition.Service
	slot    func(placement string) int
	hashed  bool // by slot
	guess   func(partition.Access) ids.Set

	// owner[s] holds slot s. Invariant: each is in all.
	owner [Slots]ids.Partition
	// all is {0, ..., n-1}; single[p] is {p}; holders are those of all that
	// hold at least one slot.
	all, holders ids.Set
	single       []ids.Set
}

var _ partition.Placement = (*Map)(nil)

// New is the map that spreads the slots evenly over a number of partitions,
// at least 1 and at most Slots. It panics on any other number, which a
// cluster's file cannot hold.
func New(version uint64, partitions int, service *partition.Service, options ...Option) *Map {
	if partitions < 1 || partitions > Slots {
		panic(fmt.Sprintf("oracle: %d partitions; there must be 1 to %d", partitions, Slots))
	}
	m := &Map{version: version, service: service}
	for s := range m.owner {
		m.owner[s] = ids.Partition(s * partitions / Slots)
	}
	m.finish(partitions, options)
	return m
}

// finish fills in what follows from owner.
func (m *Map) finish(partitions int, options []Option) {
	for _, set := range options {
		set(m)
	}
	if m.hashed = m.slot == nil; m.hashed {
		m.slot = hashSlot
	}
	m.all = ids.Range(partitions)
	m.single = make([]ids.Set, partitions)
	for p := range m.single {
		m.single[p] = ids.Set{ids.Partition(p)}
	}
	holds := make([]bool, partitions)
	for _, p := range m.owner {
		holds[p] = true
	}
	m.holders = nil
	for p, h := range holds {
		if h {
			m.holders = append(m.holders, ids.Partition(p))
		}
	}
}

func hashSlot(placement string) int { return slotOf(xxhash.Sum64String(placement)) }

func slotOf(hash uint64) int { return int(hash % Slots) }

// Version tells maps of one cluster apart; a later map has a higher one.
func (m *Map) Version() uint64 { return m.version }

// Partitions is how many partitions there are.
func (m *Map) Partitions() int { return len(m.all) }

// Owners is part(v): the partitions that hold a variable. The caller must not
// change the set.
func (m *Map) Owners(k partition.Key) ids.Set {
	c := m.collection(k.Collection)
	if c.Everywhere {
		return m.all
	}
	if c.Place != nil {
		return m.at(c.Place(k.Name))
	}
	return m.at(k.Name)
}

// OwnersOf is Owners of a name in a buffer.
func (m *Map) OwnersOf(collection uint16, name []byte) ids.Set {
	if c := m.collection(collection); m.hashed && c.Place == nil && !c.Everywhere {
		return m.single[m.owner[slotOf(xxhash.Sum64(name))]]
	}
	return m.Owners(partition.Key{Collection: collection, Name: string(name)})
}

// OwnerEach fills in the owners of names of eight bytes, given as big-endian numbers.
// It is false, and nothing is filled in, if it is not the hash of the name that
// places them.
func (m *Map) OwnerEach(collection uint16, words []uint64, owners []ids.Partition) bool {
	if c := m.collection(collection); !m.hashed || c.Place != nil || c.Everywhere {
		return false
	}
	var name [8]byte
	for i, w := range words {
		binary.BigEndian.PutUint64(name[:], w)
		owners[i] = m.owner[slotOf(xxhash.Sum64(name[:]))]
	}
	return true
}

// RangeOwners are the partitions that hold a range between them, or, with
// everywhere, each the whole of it. The caller must not change the set.
func (m *Map) RangeOwners(r partition.Range) (owners ids.Set, everywhere bool) {
	if m.collection(r.Collection).Everywhere {
		return m.all, true
	}
	if r.At != nil {
		return m.at(*r.At), false
	}
	return m.holders, false
}

// at is where a placement key lives.
func (m *Map) at(placement string) ids.Set {
	s := m.slot(placement) % Slots
	if s < 0 {
		s += Slots
	}
	return m.single[m.owner[s]]
}

// collection is a collection's rule. One that does not exist, which only bytes
// from outside can name, is like one placed by its own keys.
func (m *Map) collection(c uint16) partition.Collection {
	if int(c) >= len(m.service.Collections) {
		return partition.Collection{}
	}
	return m.service.Collections[c]
}
