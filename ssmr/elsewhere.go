package ssmr

import (
	"encoding/binary"

	"github.com/eyrie-dev/eyrie/partition"
)

// leftOut are the items of an access that are nothing to the partition where it is
// resolved: updates of variables held elsewhere. Of a command that updates many,
// each of many partitions has few.
type leftOut struct {
	n    int  // items, of groups too
	bits bits // by place in the access; of what stands for many items, too
	// groups are those of many items; list is memory for others of many.
	groups []group
	list   []Item
	// others are the items that do not only update.
	others []*Item
	name   []byte // of a variable on its way to be looked up
	// strays are the items where the code's order is not the access's; made when the
	// first comes out of order.
	strays map[strayItem]struct{}
}

// maxList bounds the items that an idle command keeps memory for.
const maxList = 1 << 10

// strayItem is what tells items that only update apart.
type strayItem struct {
	collection, op *identity
	key            string
	word           uint64
}

func (o *leftOut) reset() {
	if clear(o.list); cap(o.list) > maxList {
		o.list = nil
	}
	clear(o.others)
	o.n, o.bits, o.others, o.strays = 0, o.bits[:0], o.others[:0], nil
	o.groups = o.groups[:0]
}

// bits are numbers, each there or not.
type bits []uint64

func (b bits) has(i int) bool { return i>>6 < len(b) && b[i>>6]>>(i&63)&1 != 0 }

func (o *leftOut) has(i int) bool { return o.bits.has(i) }

func (o *leftOut) add(i int) {
	o.skip(i)
	o.n++
}

func (o *leftOut) skip(i int) {
	for len(o.bits) <= i>>6 {
		o.bits = append(o.bits, 0)
	}
	o.bits[i>>6] |= 1 << (i & 63)
}

// leaves says whether items may be left out of an access. It looks at the access
// alone.
func (o *leftOut) leaves(a *Access, lent *partition.Lent) bool {
	if !a.exact || !lent.Leaves() {
		return false
	}
	for i := range a.len() {
		it := a.item(i)
		switch {
		case o.has(i): // updates
		case it.kind == nil || it.kind.rare != nil || it.kind.op == nil && len(o.others) == partition.FewOthers:
			return false
		case it.kind.op == nil:
			o.others = append(o.others, it)
		}
	}
	return true
}

// leave says whether an item that only updates is left out.
func (o *leftOut) leave(s *Service, it *Item, lent *partition.Lent) bool {
	c, _, err := it.kind.in(s)
	if err != nil {
		return false // but refused
	}
	switch it.kind.plain {
	case plainWord:
		o.name = binary.BigEndian.AppendUint64(o.name[:0], it.word)
	case plainString:
		o.name = append(o.name[:0], it.key...)
	default:
		return false
	}
	if !lent.Elsewhere(c, o.name) {
		return false
	}
	for _, other := range o.others {
		if other.names(*it) {
			return false
		}
	}
	return true
}

// elsewhere says whether the access has left out that a variable is updated by an
// operation. Mostly it is the next one.
func (b *binding) elsewhere(it Item, op *identity) bool {
	if total := b.access.n + len(b.access.items); b.next < total {
		if next := b.access.item(b.next); next.names(it) && next.kind.op == op {
			if b.out.has(b.next) {
				b.next++
				return true
			}
			return false
		}
	}
	if b.out.strays == nil {
		b.out.find(&b.access)
	}
	_, ok := b.out.strays[strayItem{it.kind.collection, op, it.key, it.word}]
	return ok
}

func (o *leftOut) find(a *Access) {
	o.strays = make(map[strayItem]struct{}, o.n)
	for i := range a.len() {
		if it := a.item(i); o.has(i) && it.kind.rare == nil {
			o.strays[strayItem{it.kind.collection, it.kind.op, it.key, it.word}] = struct{}{}
		}
	}
	for i := range o.groups {
		g := &o.groups[i]
		for j, w := range g.words {
			if g.left.has(j) {
				o.strays[strayItem{g.kind.collection, g.kind.op, "", w}] = struct{}{}
			}
		}
	}
}
