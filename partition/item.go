package partition

import (
	"encoding/binary"
	"errors"

	"github.com/cespare/xxhash/v2"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// ErrCheckpoint is wrapped by every error about a checkpoint that cannot be
// taken or restored.
var ErrCheckpoint = errors.New("bad checkpoint")

// StateItem is a piece of a checkpoint: keys are unique, and a checkpoint is a set
// of items, in any order. What changed between two checkpoints is again a list
// of items, with those that are no more marked.
type StateItem struct {
	Key   []byte
	Value []byte
	// Gone: there is no item of this key any more; it has no value.
	Gone bool
}

// First bytes of keys. Restoring goes in the order of keys.
const (
	itemClient   = 'c' // and the client: its record of the exactly-once table
	itemMeta     = 'm' // one
	itemOutbox   = 'o' // and the position: what others may ask of a finished command
	itemQueued   = 'q' // and the position: a delivered and unfinished command [C2]
	itemVariable = 'v' // and the collection and name; the value is the variable's
)

// Sum is a digest of a set of items that can be kept up to date item by item:
// their number, and the sum of their hashes. It finds damage, not malice.
type Sum struct{ Count, Hash uint64 }

// Add adds an item that was not in the set.
func (s *Sum) Add(it StateItem) { s.add(hashItem(it.Key, it.Value)) }

// Remove removes an item that was in the set with this value.
func (s *Sum) Remove(it StateItem) { s.remove(hashItem(it.Key, it.Value)) }

func (s *Sum) add(hash uint64)    { s.Count, s.Hash = s.Count+1, s.Hash+hash }
func (s *Sum) remove(hash uint64) { s.Count, s.Hash = s.Count-1, s.Hash-hash }

func hashItem(key, value []byte) uint64 {
	var b [256]byte
	h := append(binary.LittleEndian.AppendUint32(b[:0], uint32(len(key))), key...)
	return hashWith(h, value)
}

// hashWith is the hash of two byte strings one after the other. The first has
// some room.
func hashWith(head, tail []byte) uint64 {
	if len(tail) <= cap(head)-len(head) {
		return xxhash.Sum64(append(head, tail...))
	}
	var d xxhash.Digest
	d.Reset()
	d.Write(head)
	d.Write(tail)
	return d.Sum64()
}

// hashVariable is the hash of a variable's item.
func hashVariable(collection uint16, name string, value []byte) uint64 {
	var b [512]byte
	h := binary.LittleEndian.AppendUint32(b[:0], uint32(3+len(name)))
	return hashWith(appendVariableKey(h, collection, name), value)
}

func (v *variable) hash() uint64 { return hashVariable(v.collection, v.name, v.value) }

func appendVariableKey(b []byte, collection uint16, name string) []byte {
	b = binary.BigEndian.AppendUint16(append(b, itemVariable), collection)
	return append(b, name...)
}

func appendPlace(b []byte, kind byte, p ids.Position) []byte {
	b = binary.BigEndian.AppendUint64(append(b, kind), uint64(p.T))
	return binary.BigEndian.AppendUint16(b, uint16(p.E))
}

// readPlace reads what follows the first byte of a key made by appendPlace.
func readPlace(key []byte) (p ids.Position, ok bool) {
	if len(key) != 1+8+2 {
		return p, false
	}
	p.T = hlc.Timestamp(binary.BigEndian.Uint64(key[1:]))
	p.E = ids.Ensemble(binary.BigEndian.Uint16(key[9:]))
	return p, p.T >= 0
}

// label is the key of an item other than a variable, padded.
type label [1 + len(ids.Client{})]byte

func clientLabel(c ids.Client) (l label) {
	l[0] = itemClient
	copy(l[1:], c[:])
	return l
}

func placeLabel(kind byte, p ids.Position) (l label) {
	appendPlace(l[:0], kind, p)
	return l
}

// key is the item's key.
func (l *label) key() []byte {
	switch l[0] {
	case itemClient:
		return l[:]
	case itemMeta:
		return l[:1]
	}
	return l[:1+8+2]
}
