package partition

import (
	"slices"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

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

// valid says whether every item names a collection, and an operation, of the
// service.
func (a *Access) valid(s *Service) bool {
	for i := range a.Items {
		it := &a.Items[i]
		if int(it.collection()) >= len(s.Collections) {
			return false
		}
		if it.Blind && (!it.Write || it.Range != nil || int(it.Op) >= len(s.Operations)) {
			return false
		}
	}
	return true
}

// Writes says whether any item is a write.
func (a *Access) Writes() bool {
	if a.Elsewhere > 0 {
		return true
	}
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

// Mode is what an item does to its variables: it reads or writes them, or
// updates one by an operation that commutes. Items of one variable conflict
// unless they have the same mode, which is not ModeWrite.
type Mode int32

// The modes.

const (
	ModeWrite Mode = iota
	ModeRead
	ModeUpdate // by operation 0; the others follow
)

func (s *Service) mode(it *Item) Mode {
	switch {
	case !it.Write:
		return ModeRead
	case it.Blind && s.Operations[it.Op].Commutes:
		return ModeUpdate + Mode(it.Op)
	}
	return ModeWrite
}

// Agrees says whether commands that do so to one variable may come in any order.
func (m Mode) Agrees(with Mode) bool { return m == with && m != ModeWrite }

// conflict says whether it matters in which order two items are touched: one of
// them writes what the other touches, and they are not the same operation,
// which commutes.
func (s *Service) conflict(a, b *Item) bool {
	if s.mode(a).Agrees(s.mode(b)) {
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

// allows says whether an item of a variable lets a command use it so. What may
// be written may be read, but not what is only updated.
func (it *Item) allows(u use) bool {
	switch {
	case !it.Blind:
		return it.Write || u.mode == ModeRead
	case u.mode == ModeUpdate:
		return it.Op == u.op
	}
	return false
}

// use is what a command is about to do to a variable: read it, write it, or
// update it by an operation.
type use struct {
	mode Mode // ModeRead, ModeWrite or ModeUpdate
	op   uint16
}

// smallAccess is how many items are searched one by one; beyond it an index
// is built.
const smallAccess = 12

// FewOthers is how many items, besides those that are only updated, an access may
// have of which some are left out.
const FewOthers = smallAccess / 3

// promise answers whether an exact access allows something.
type promise struct {
	items []Item
	index keyIndex // of items that are variables, if they are many
	// ranges: there are items of ranges among many.
	ranges bool
	// next is the item after the one found last: mostly a command's code touches
	// variables in the order in which its access names them.
	next int
}

// set is for an access; slots is memory for the index, which is made when it is
// needed.
func (p *promise) set(items []Item) { *p = promise{items: items, index: p.index.cleared()} }

// allowsKey says whether one of the items allows a use of k, and returns the place
// of that item if it is the variable's own, else -1.
func (p *promise) allowsKey(s *Service, k Key, u use) (own int, ok bool) {
	if p.next < len(p.items) {
		if it := &p.items[p.next]; it.Range == nil && it.Key == k && it.allows(u) {
			p.next++
			return p.next - 1, true
		}
	}
	if len(p.items) <= smallAccess {
		return p.search(s, k, u, 0)
	}
	if p.index.empty() {
		p.build()
	}
	for at, i := p.index.first(k); i >= 0; at, i = p.index.after(at) {
		if it := &p.items[i]; it.Key == k && it.allows(u) {
			p.next = i + 1
			return i, true
		}
	}
	if p.ranges {
		return p.search(s, k, u, 0)
	}
	return -1, false
}

func (p *promise) search(s *Service, k Key, u use, from int) (own int, ok bool) {
	for i := from; i < len(p.items); i++ {
		it := &p.items[i]
		if it.Range == nil && it.Key == k && it.allows(u) {
			p.next = i + 1
			return i, true
		}
		if it.Range != nil && it.allows(u) && s.inRange(k, it.Range) {
			return -1, true
		}
	}
	return -1, false
}

func (p *promise) build() {
	p.index.reset(len(p.items))
	for i := range p.items {
		if it := &p.items[i]; it.Range == nil {
			p.index.add(it.Key, i)
		} else {
			p.ranges = true
		}
	}
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
