package ssmr

import (
	"fmt"

	"github.com/eyrie-dev/eyrie/partition"
)

// Access is what a command will touch, computed from its argument alone.
// Replicas compute it again, so it must be a function of the argument: no
// clock, no randomness, no state.
type Access struct {
	exact bool
	// The first n items are in place, since most commands have few and an
	// access is made for every command at every replica; items are the rest.
	n     int
	first [3]Item
	items []Item
}

// Item is a variable or a stretch of a collection, read or written. A written
// item may be read too. Collections make items: Reads, Writes, ReadsRange,
// WritesRange, ReadsAll, WritesAll.
type Item struct {
	collection *identity
	key        string
	write      bool
	rare       *rareItem // nil for a variable
}

// rareItem is a range, whose Collection is filled in by resolve, or an error.
type rareItem struct {
	span partition.Range
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

// accessTo keeps nothing of the slice, which so can be on the caller's stack.
func accessTo(exact bool, items []Item) Access {
	a := Access{exact: exact}
	a.n = copy(a.first[:], items)
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

// resolve turns identities into a service's indices, and appends the items to
// a slice.
func (a Access) resolve(s *Service, items []partition.Item) (partition.Access, error) {
	if items == nil {
		items = make([]partition.Item, 0, a.n+len(a.items))
	}
	for _, part := range [2][]Item{a.first[:a.n], a.items} {
		for i := range part {
			it, err := part[i].resolve(s)
			if err != nil {
				return partition.Access{}, err
			}
			items = append(items, it)
		}
	}
	return partition.Access{Exact: a.exact, Items: items}, nil
}

func (it *Item) resolve(s *Service) (partition.Item, error) {
	if it.rare != nil && it.rare.err != nil {
		return partition.Item{}, it.rare.err
	}
	c, ok := s.collections[it.collection]
	if !ok {
		name := "(none)"
		if it.collection != nil {
			name = it.collection.name
		}
		return partition.Item{}, fmt.Errorf("collection %q is not a part of service %q", name, s.def.Name)
	}
	if it.rare == nil {
		return partition.Item{Key: partition.Key{Collection: c, Name: it.key}, Write: it.write}, nil
	}
	r := it.rare.span
	r.Collection = c
	return partition.Item{Range: &r, Write: it.write}, nil
}
