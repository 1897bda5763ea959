package partition

import "github.com/eyrie-dev/eyrie/internal/ids"

// spans says whether a name is between the bounds, wherever it is placed.
func (g Range) spans(name string) bool {
	return g.Lo <= name && (g.Hi == "" || name < g.Hi)
}

// equal says whether g and h are written alike.
func (g Range) equal(h Range) bool {
	return g.Collection == h.Collection && g.Lo == h.Lo && g.Hi == h.Hi && sameAt(g.At, h.At)
}

// covers says whether every variable of h is in g, by their bounds.
func (g Range) covers(h Range) bool {
	return g.Collection == h.Collection && g.Lo <= h.Lo &&
		(g.Hi == "" || h.Hi != "" && h.Hi <= g.Hi) &&
		(g.At == nil || sameAt(g.At, h.At))
}

// meets says whether a variable could be in both.
func (g Range) meets(h Range) bool {
	return g.Collection == h.Collection &&
		(g.Hi == "" || h.Lo < g.Hi) && (h.Hi == "" || g.Lo < h.Hi) &&
		(g.At == nil || h.At == nil || *g.At == *h.At)
}

func sameAt(a, b *string) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// place is a variable's placement key.
func (c *Collection) place(name string) string {
	if c.Place == nil {
		return name
	}
	return c.Place(name)
}

// inRange says whether k is one of g's variables.
func (s *Service) inRange(k Key, g *Range) bool {
	return k.Collection == g.Collection && g.spans(k.Name) &&
		(g.At == nil || s.Collections[k.Collection].place(k.Name) == *g.At)
}

// valid says whether every item names a collection of the service.
func (a *Access) valid(s *Service) bool {
	for i := range a.Items {
		if int(a.Items[i].collection()) >= len(s.Collections) {
			return false
		}
	}
	return true
}

// Writes says whether any item is a write.
func (a *Access) Writes() bool {
	for i := range a.Items {
		if a.Items[i].Write {
			return true
		}
	}
	return false
}

func (it *Item) collection() uint16 {
	if it.Range != nil {
		return it.Range.Collection
	}
	return it.Key.Collection
}

// conflict says whether one of two items writes what the other touches.
func (s *Service) conflict(a, b *Item) bool {
	if !a.Write && !b.Write {
		return false
	}
	switch {
	case a.Range == nil && b.Range == nil:
		return a.Key == b.Key
	case a.Range == nil:
		return s.inRange(a.Key, b.Range)
	case b.Range == nil:
		return s.inRange(b.Key, a.Range)
	}
	return a.Range.meets(*b.Range)
}

// smallAccess is how many items are searched one by one; beyond it an index
// is built.
const smallAccess = 12

// promise answers whether an exact access allows something.
type promise struct {
	items []Item
	keys  map[Key]bool // write? Only for more than smallAccess items.
}

func (p *promise) set(items []Item) {
	p.items, p.keys = items, nil
	if len(items) <= smallAccess {
		return
	}
	p.keys = make(map[Key]bool, len(items))
	rest := items[:0:0]
	for _, it := range items {
		if it.Range == nil {
			p.keys[it.Key] = p.keys[it.Key] || it.Write
		} else {
			rest = append(rest, it)
		}
	}
	p.items = rest
}

// allowsKey: what may be written may be read. It returns the variable's own
// item, if one says so.
func (p *promise) allowsKey(s *Service, k Key, write bool) (own *Item, ok bool) {
	if p.keys != nil {
		if w, ok := p.keys[k]; ok && (w || !write) {
			return nil, true
		}
	}
	for i := range p.items {
		it := &p.items[i]
		if write && !it.Write {
			continue
		}
		if it.Range == nil && it.Key == k {
			return it, true
		}
		if it.Range != nil && s.inRange(k, it.Range) {
			return nil, true
		}
	}
	return nil, false
}

// allowsRange: a range is allowed if one declared range contains it.
func (p *promise) allowsRange(g Range) bool {
	for i := range p.items {
		if h := p.items[i].Range; h != nil && h.covers(g) {
			return true
		}
	}
	return false
}

// need is what an item asks of a command's destinations [E5]: a read one
// partition of part(v), a write all of them. It returns the partitions to add
// to dests, nil if none.
func (r *Replica) need(it *Item, dests ids.Set) ids.Set {
	var owners ids.Set
	one := false
	if it.Range != nil {
		owners, one = r.config.Placement.RangeOwners(*it.Range)
	} else {
		owners = r.config.Placement.Owners(it.Key)
		one = true
	}
	switch {
	case it.Write || !one:
		if dests.Covers(owners) {
			return nil
		}
		return owners
	case dests.Meets(owners) || len(owners) == 0:
		return nil
	}
	return owners[:1]
}

// lacking is dests and the partitions that the items need besides, or nil if
// dests satisfy every item. All destinations judge alike: the access is a
// function of the argument, the placement of the position.
func (r *Replica) lacking(items []Item, dests ids.Set) (needed ids.Set) {
	for i := range items {
		if more := r.need(&items[i], dests); more != nil {
			needed = dests.Union(needed).Union(more)
		}
	}
	return needed
}

// holds says whether this partition holds a variable.
func (r *Replica) holds(k Key) bool {
	return r.alone || r.config.Placement.Owners(k).Has(r.config.Partition)
}

// holdsItem says whether this partition holds something of an item.
func (r *Replica) holdsItem(it *Item) bool {
	if it.Range == nil {
		return r.holds(it.Key)
	}
	if r.alone {
		return true
	}
	owners, _ := r.config.Placement.RangeOwners(*it.Range)
	return owners.Has(r.config.Partition)
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
