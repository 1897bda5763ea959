package ssmr

import (
	"encoding/binary"
	"fmt"

	"github.com/eyrie-dev/eyrie/partition"
)

// Access is what a command will touch, computed from its argument alone.
// Replicas compute it again, so it must be a function of the argument: no
// clock, no randomness, no state.
type Access struct {
	// The first n items are in place, since most commands have few and an
	// access is made for every command at every replica; items are the rest.
	first [4]Item
	items []Item
	n     int
	exact bool
}

// Item is a variable, or many, or a stretch of a collection, read or written. A
// written item may be read too, but one that is only updated. Collections make items:
// Reads, Writes, Updates, UpdatesEach, ReadsRange, WritesRange, ReadsAll, WritesAll.
//
// It is four words, so that the compiler passes it in registers: items are
// copied often on their way, and what was just written in pieces is slow to
// copy.
type Item struct {
	kind *itemKind
	key  string // the name; if it is plainWord, word is
	word uint64
}

// itemKind is what items have in common.
type itemKind struct {
	collection *identity // nil in an Item that no collection made
	plain      plainness
	write      bool
	op         *identity // of the operation that is all; nil
	rare       *rareItem // nil for a variable
}

// rareItem is a range, whose Collection is filled in by resolve, or many items, or an
// error.
type rareItem struct {
	span partition.Range
	many manyItems
	err  error
}

// Exactly promises that the command touches the items and nothing else. A
// command that leaves them fails with ErrAccess, whatever it was executed
// with, so the promise is worth giving: commands whose promises do not
// conflict need not wait for each other.
func Exactly(items ...Item) Access { return accessTo(true, items) }

// AtLeast names what is known beforehand. The framework finds out the rest by
// trying: the command is executed again at more partitions, which its caller
// does not see. It conflicts with every other command.
func AtLeast(items ...Item) Access { return accessTo(false, items) }

// ExactlyAll is Exactly, and keeps the slice, which must not be changed any more:
// many items are not copied.
func ExactlyAll(items []Item) (a Access) {
	a.n = copy(a.first[:], items)
	a.items, a.exact = items[a.n:], true
	return a
}

// accessTo keeps nothing of the slice, which so can be on the caller's stack.
func accessTo(exact bool, items []Item) (a Access) {
	a.exact = exact
	for a.n < min(len(items), len(a.first)) {
		a.first[a.n] = items[a.n]
		a.n++
	}
	if a.n < len(items) {
		a.items = append(a.items, items[a.n:]...)
	}
	return a
}

// Also is the access with more items.
func (a Access) Also(items ...Item) Access {
	a.items = append(a.items[:len(a.items):len(a.items)], items...)
	return a
}

func (a *Access) len() int { return a.n + len(a.items) }

func (a *Access) item(i int) *Item {
	if i < a.n {
		return &a.first[i]
	}
	return &a.items[i-a.n]
}

// resolve turns identities into a service's indices, and keys into names. The
// items are in the same order, those of many variables behind the others; out notes
// those that are left out.
func (a *Access) resolve(s *Service, lent *partition.Lent, out *leftOut) (partition.Access, error) {
	a.spread(out)
	items := lent.Items
	if items == nil {
		items = make([]partition.Item, 0, a.len()+out.words())
	}
	leaves := out.leaves(a, lent)
	var room [512]byte
	words := room[:0]
	for i := range a.len() {
		it := a.item(i)
		if out.has(i) {
			continue // spread
		}
		if leaves && it.kind.op != nil && out.leave(s, it, lent) {
			out.add(i)
			continue
		}
		items = append(items, partition.Item{})
		var err error
		if words, err = it.resolve(s, lent, &items[len(items)-1], words); err != nil {
			return partition.Access{}, err
		}
	}
	a.name(items, string(words), out)
	for i := range out.groups {
		var err error
		if items, err = out.groups[i].resolve(s, items, lent, out, leaves); err != nil {
			return partition.Access{}, err
		}
	}
	return partition.Access{Exact: a.exact, Items: items, Elsewhere: out.n}, nil
}

// name fills in the names that are words of no variable held here, parts of one
// string.
func (a *Access) name(items []partition.Item, words string, out *leftOut) {
	for i, j := 0, 0; len(words) > 0; i++ {
		if out.has(i) {
			continue
		}
		if k := &items[j].Key; k.Name == "" && a.item(i).kind.plain == plainWord && items[j].Range == nil {
			k.Name, words = words[:8], words[8:]
		}
		j++
	}
}

// resolve appends the name to words, if it is a word that is still to be filled in.
func (it *Item) resolve(s *Service, lent *partition.Lent, to *partition.Item, words []byte) ([]byte, error) {
	kind := it.kind
	if kind == nil {
		kind = &itemKind{}
	}
	if kind.rare != nil && kind.rare.err != nil {
		return nil, kind.rare.err
	}
	c, op, err := kind.in(s)
	switch {
	case err != nil:
		return nil, err
	case kind.rare != nil:
		r := kind.rare.span
		r.Collection = c
		to.Range = &r
	case kind.plain == plainWord:
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], it.word)
		if !lent.Find(to, c, b[:]) {
			words = append(words, b[:]...)
		}
	default:
		to.Key = partition.Key{Collection: c, Name: it.key}
	}
	to.Write, to.Blind, to.Op = kind.write, kind.op != nil, op
	return words, nil
}

// in is the collection and the operation, if there is one, in a service.
func (kind *itemKind) in(s *Service) (c, op uint16, err error) {
	c, ok := kind.collection.in(s, s.collections)
	if !ok {
		name := "(none)"
		if kind.collection != nil {
			name = kind.collection.name
		}
		return 0, 0, fmt.Errorf("collection %q is not a part of service %q", name, s.def.Name)
	}
	if kind.op != nil {
		if op, ok = kind.op.in(s, s.operations); !ok {
			return 0, 0, fmt.Errorf("operation %q is not a part of service %q", kind.op.name, s.def.Name)
		}
	}
	return c, op, nil
}
