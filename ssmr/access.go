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
	items []Item
}

// Item is a variable or a stretch of a collection, read or written. A written
// item may be read too. Collections make items: Reads, Writes, ReadsRange,
// WritesRange, ReadsAll, WritesAll.
type Item struct {
	collection *identity
	key        string
	span       *partition.Range // its Collection is filled in by resolve
	write      bool
	err        error
}

// Exactly promises that the command touches the items and nothing else. A
// command that leaves them fails with ErrAccess, whatever it was executed
// with, so the promise is worth giving: commands whose promises do not
// conflict need not wait for each other.
func Exactly(items ...Item) Access { return Access{exact: true, items: items} }

// AtLeast names what is known beforehand. The framework finds out the rest by
// trying: the command is executed again at more partitions, which its caller
// does not see. It conflicts with every other command.
func AtLeast(items ...Item) Access { return Access{items: items} }

// Also is the access with more items.
func (a Access) Also(items ...Item) Access {
	return Access{exact: a.exact, items: append(a.items[:len(a.items):len(a.items)], items...)}
}

// resolve turns identities into a service's indices.
func (a Access) resolve(s *Service) (partition.Access, error) {
	out := partition.Access{Exact: a.exact, Items: make([]partition.Item, len(a.items))}
	for i, it := range a.items {
		if it.err != nil {
			return partition.Access{}, it.err
		}
		c, ok := s.collections[it.collection]
		if !ok {
			name := "(none)"
			if it.collection != nil {
				name = it.collection.name
			}
			return partition.Access{}, fmt.Errorf("collection %q is not a part of service %q", name, s.def.Name)
		}
		out.Items[i].Write = it.write
		if it.span == nil {
			out.Items[i].Key = partition.Key{Collection: c, Name: it.key}
			continue
		}
		r := *it.span
		r.Collection = c
		out.Items[i].Range = &r
	}
	return out, nil
}
