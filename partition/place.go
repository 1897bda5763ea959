package partition

import (
	"slices"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// need is what an item asks of a command's destinations [E5]: a read one
// partition of part(v), a write all of them. It returns the partitions to add
// to dests, nil if none.
func (r *Replica) need(it *Item, dests ids.Set) ids.Set {
	needed, _ := r.place(it, dests)
	return needed
}

// place is need, and says whether this partition holds something of the item.
func (r *Replica) place(it *Item, dests ids.Set) (needed ids.Set, held bool) {
	var owners ids.Set
	one := false
	if it.Range != nil {
		owners, one = r.config.Placement.RangeOwners(*it.Range)
	} else {
		owners = r.config.Placement.Owners(it.Key)
		one = true
	}
	held = owners.Has(r.config.Partition)
	switch {
	case it.Write || !one:
		if dests.Covers(owners) {
			return nil, held
		}
		return owners, held
	case dests.Meets(owners) || len(owners) == 0:
		return nil, held
	}
	return owners[:1], held
}

// locate fills in where the items are: needed are dests and the partitions that
// they need besides, or nil if dests satisfy every item. All destinations judge
// alike: the access is a function of the argument, the placement of the position.
func (r *Replica) locate(c *command) {
	c.held, c.spares = c.held[:0], c.exact && !r.config.Checks
	others := 0
	for i := range c.items {
		it := &c.items[i]
		if it.here {
			c.held = append(c.held, true)
			continue // and only updated
		}
		more, held := r.place(it, c.dests)
		if more != nil {
			c.needed = c.dests.Union(c.needed).Union(more)
		}
		c.held = append(c.held, held)
		if !it.Blind {
			others++
			c.spares = c.spares && others <= FewOthers && it.Range == nil && !updated(c.items, it.Key)
		}
	}
}

// updated says whether a variable is among those that are updated.
func updated(items []Item, k Key) bool {
	for i := range items {
		if items[i].Blind && items[i].Key == k {
			return true
		}
	}
	return false
}

// ownersOf is Owners of a name in a buffer.
func (r *Replica) ownersOf(collection uint16, name []byte) ids.Set {
	if r.names != nil {
		return r.names.OwnersOf(collection, name)
	}
	return r.config.Placement.Owners(Key{collection, string(name)})
}

// ownerEach are the owners of names of eight bytes, each of which has one, or nil. It
// is valid until the next call.
func (r *Replica) ownerEach(collection uint16, words []uint64) []ids.Partition {
	if r.names == nil {
		return nil
	}
	r.owners = slices.Grow(r.owners[:0], len(words))[:len(words)]
	if !r.names.OwnerEach(collection, words, r.owners) {
		return nil
	}
	return r.owners
}

// holds says whether this partition holds a variable.
func (r *Replica) holds(k Key) bool {
	return r.alone || r.config.Placement.Owners(k).Has(r.config.Partition)
}

// firstIn is the owner that ships a variable: the first one among the
// destinations. There is one, by coverage.
func firstIn(owners, dests ids.Set) ids.Partition {
	for _, q := range owners {
		if dests.Has(q) {
			return q
		}
	}
	return owners[0]
}
