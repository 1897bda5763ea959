package ssmr

import (
	"iter"
	"slices"

	"github.com/eyrie-dev/eyrie/partition"
)

// UpdatesEach is Updates of many variables: of each key of a sequence, which is a
// function of the command's argument. What the command does to them is best done by
// UpdateEach, in the same order: of many variables on many partitions each partition
// then hardly looks at those that it does not hold.
func (c *Collection[K, V]) UpdatesEach(keys iter.Seq[K], op OperationOn[V]) Item {
	var none V
	m := &eachKey[K, V]{c: c, keys: keys, of: c.updatesBy(op.on(none))}
	m.kind = itemKind{collection: &c.id, write: true, rare: &m.rare}
	m.rare.many = m
	return Item{kind: &m.kind}
}

// manyItems stands for items of many variables.
type manyItems interface {
	// group makes them a group, if their names are words.
	group(*leftOut) bool
	// list appends them.
	list([]Item) []Item
}

type eachKey[K comparable, V any] struct {
	kind itemKind
	rare rareItem
	c    *Collection[K, V]
	keys iter.Seq[K]
	of   *itemKind // of each
}

func (m *eachKey[K, V]) group(out *leftOut) bool {
	if m.c.plain.is != plainWord {
		return false
	}
	g, word := out.newGroup(m.of), m.c.plain.word
	m.keys(func(k K) bool {
		g.words = append(g.words, word(k))
		return true
	})
	return true
}

func (m *eachKey[K, V]) list(items []Item) []Item {
	for k := range m.keys {
		items = append(items, m.c.item(k, m.of))
	}
	return items
}

// UpdateEach is Update of each of a sequence of variables, by one change.
func (c *Collection[K, V]) UpdateEach(tx Tx, keys iter.Seq[K], change Change[V]) {
	g := tx.of.group(&c.id, change.op)
	if g == nil {
		for k := range keys {
			c.Update(tx, k, change)
		}
		return
	}
	op, word := index(tx.of.s.operations, change.op, "operation", tx.of.s), c.plain.word
	g.next, g.nextAt = 0, g.at
	told := -1 // updates, when the partition was last told this change: keys may update, too
	keys(func(k K) bool {
		switch i := g.next; {
		case i == len(g.words) || word(k) != g.words[i]:
			g.next = len(g.words) // what follows is not what was declared
			c.Update(tx, k, change)
			return true
		case g.left.has(i):
			tx.tx.Pass(len(change.arg))
		case told == tx.of.updates:
			tx.tx.Again(tx.of.items[g.nextAt].Key)
			g.nextAt++
		default:
			tx.of.update(tx, tx.of.items[g.nextAt].Key, op, change.arg)
			told = tx.of.updates
			g.nextAt++
		}
		g.next++
		return true
	})
}

// group is many items whose names are words, as a partition looks at them.
type group struct {
	kind  *itemKind
	words []uint64
	left  bits // those that are left out; nothing if none may be
	at    int  // the place of the first of the others
	// next is the place among words of what UpdateEach comes to next, and nextAt that of
	// the next of those that are not left out.
	next, nextAt int
}

// group is the first of many items of a collection that one operation updates, or nil.
func (b *binding) group(collection, op *identity) *group {
	for i := range b.out.groups {
		if g := &b.out.groups[i]; g.kind.collection == collection && g.kind.op == op {
			return g
		}
	}
	return nil
}

// spread makes groups, and items, of what stands for many.
func (a *Access) spread(out *leftOut) {
	listed := false
	for i := range a.len() {
		it := a.item(i)
		if it.kind == nil || it.kind.rare == nil || it.kind.rare.many == nil {
			continue
		}
		out.skip(i)
		many := it.kind.rare.many
		if many.group(out) {
			continue
		}
		if !listed { // what the service has given is not changed
			listed, out.list = true, append(out.list[:0], a.items...)
		}
		out.list = many.list(out.list)
		a.items = out.list
	}
}

// newGroup uses memory of an earlier one.
func (o *leftOut) newGroup(kind *itemKind) *group {
	if n := len(o.groups); n < cap(o.groups) {
		o.groups = o.groups[:n+1]
	} else {
		o.groups = append(o.groups, group{})
	}
	g := &o.groups[len(o.groups)-1]
	if cap(g.words) > maxList {
		*g = group{}
	}
	*g = group{kind: kind, words: g.words[:0], left: g.left[:0]}
	return g
}

// words is how many items groups have.
func (o *leftOut) words() (n int) {
	for i := range o.groups {
		n += len(o.groups[i].words)
	}
	return n
}

// resolve appends the group's items but those that are left out. None is where
// another item that does not only update is of one of its variables.
func (g *group) resolve(s *Service, items []partition.Item, lent *partition.Lent, out *leftOut, leaves bool) ([]partition.Item, error) {
	c, op, err := g.kind.in(s)
	if err != nil {
		return nil, err
	}
	for _, it := range out.others {
		leaves = leaves && !(it.kind.collection == g.kind.collection && g.has(it.word))
	}
	var left []uint64
	if leaves {
		for range (len(g.words) + 63) / 64 {
			g.left = append(g.left, 0)
		}
		left = g.left
	}
	g.at = len(items)
	items, n := lent.Updates(items, c, op, g.words, left)
	out.n += n
	return items, nil
}

func (g *group) has(word uint64) bool { return slices.Contains(g.words, word) }
