package ssmr

import (
	"fmt"
	"iter"
	"slices"
	"sync/atomic"

	"github.com/eyrie-dev/eyrie/partition"
)

// Collection is a named set of variables, each with a key and a value. It
// holds no state: it says how to name, encode and place variables. It is
// immutable and safe for concurrent use.
//
// Keys are strings, integers, byte arrays, bool, types with a text form, or
// structs of these; see KeyCodec for their order. Values are anything that
// msgpack can encode; see Values in the package's text.
type Collection[K comparable, V any] struct {
	id         identity
	keys       KeyCodec[K]
	plain      plainKey[K]
	kinds      [2]itemKind                 // of items that read, and that write
	updates    atomic.Pointer[[]*itemKind] // of items that update, by operations used so far
	values     valueCodec[V]
	place      func(name string) string
	everywhere bool
	immutable  bool
	diff       *differ[V] // nil: none
	complaints []error
}

// NewCollection makes a collection placed by the hash of its keys, unless an
// option says otherwise.
func NewCollection[K comparable, V any](name string, options ...CollectionOption) *Collection[K, V] {
	c := &Collection[K, V]{id: identity{name: name}, values: valueCodecOf[V]()}
	var o collectionOptions
	for _, set := range options {
		set(&o)
	}
	c.everywhere, c.immutable = o.everywhere, o.immutable
	if c.values.err != nil {
		c.complain("has values that cannot be stored: %w", c.values.err)
	}
	c.setKeys(o)
	c.setPlace(o)
	c.setDiff(o)
	return c
}

func (c *Collection[K, V]) setKeys(o collectionOptions) {
	if o.keys != nil {
		keys, ok := o.keys.(KeyCodec[K])
		if !ok {
			c.complain("WithKeyCodec is for another key type: %T", o.keys)
		} else {
			c.keys = keys
		}
	}
	keys := c.keys
	if keys == nil {
		var err error
		if keys, err = keyCodecOf[K](); err != nil {
			c.complain("%w", err)
			keys = badKeys[K]{err}
		}
	}
	c.keys, c.plain = keys, plainKeyOf(keys)
	for write := range c.kinds {
		c.kinds[write] = itemKind{collection: &c.id, plain: c.plain.is, write: write > 0}
	}
}

func (c *Collection[K, V]) setPlace(o collectionOptions) {
	if o.place == nil {
		return
	}
	if c.everywhere {
		c.complain("is both everywhere and placed by a function")
	}
	place, ok := o.place.(func(K) string)
	if !ok {
		c.complain("is placed by a function of another key type: %T", o.place)
		return
	}
	c.place = func(name string) string {
		k, err := c.keys.DecodeKey(name)
		if err != nil {
			return name // not a name that this collection made: never stored
		}
		return place(k)
	}
}

func (c *Collection[K, V]) complain(format string, args ...any) {
	c.complaints = append(c.complaints, fmt.Errorf("collection %q "+format, append([]any{c.id.name}, args...)...))
}

func (c *Collection[K, V]) addTo(s *Service, prefix string) {
	_, known := s.collections[&c.id]
	if !s.claim("collection", prefix+c.id.name, known, len(s.def.Collections)) {
		return
	}
	s.complaints = append(s.complaints, c.complaints...)
	c.id.join(s, s.collections, len(s.def.Collections))
	def := partition.Collection{
		Name:       prefix + c.id.name,
		Place:      c.place,
		Everywhere: c.everywhere,
		Immutable:  true, // all that enters or leaves is encoded or decoded here [E2]
	}
	c.offerDiff(&def)
	s.def.Collections = append(s.def.Collections, def)
}

// key is the variable's name in the service that the command belongs to.
func (c *Collection[K, V]) key(tx Tx, k K) partition.Key {
	if c.plain.is != plainNot {
		if k := tx.of.declared(c.plain.item(&c.kinds[0], k)); k != nil {
			return *k
		}
	}
	i := index(tx.of.s.collections, &c.id, "collection", tx.of.s)
	return partition.Key{Collection: i, Name: must(nameAmong(c.keys, k, i, tx.of.items))}
}

// Get returns the value of a variable, or false if it does not exist. The
// value is the caller's own, unless the collection is Immutable. It sees the
// command's own writes.
func (c *Collection[K, V]) Get(tx Tx, k K) (V, bool) {
	raw, ok := tx.tx.Get(c.key(tx, k))
	if !ok {
		var none V
		return none, false
	}
	return must(c.values.decode(raw, c.immutable)), true
}

// Has says whether a variable exists.
func (c *Collection[K, V]) Has(tx Tx, k K) bool {
	_, ok := tx.tx.Get(c.key(tx, k))
	return ok
}

// Put sets a variable. Changing v afterwards does not change what was put,
// unless the collection is Immutable: then it is not allowed.
func (c *Collection[K, V]) Put(tx Tx, k K, v V) {
	if c.immutable && c.values.itself != nil {
		tx.tx.Put(c.key(tx, k), c.values.itself(v))
		return
	}
	tx.tx.Put(c.key(tx, k), must(c.values.append(nil, v)))
}

// Delete removes a variable, if it exists.
func (c *Collection[K, V]) Delete(tx Tx, k K) { tx.tx.Delete(c.key(tx, k)) }

// Update applies a change where the variable lives: add.With(5). Unlike Get
// and Put it needs no value here.
func (c *Collection[K, V]) Update(tx Tx, k K, change Change[V]) {
	if tx.of.out.n > 0 && c.plain.is != plainNot && tx.of.elsewhere(c.plain.item(&c.kinds[0], k), change.op) {
		tx.tx.Pass(len(change.arg))
		return
	}
	tx.of.update(tx, c.key(tx, k), index(tx.of.s.operations, change.op, "operation", tx.of.s), change.arg)
}

func (b *binding) update(tx Tx, k partition.Key, op uint16, arg []byte) {
	b.updates++
	tx.tx.Update(k, op, arg)
}

// Range walks the variables of a stretch in the order of their keys, with the
// command's own writes up to the start of the walk.
func (c *Collection[K, V]) Range(tx Tx, span Span[K]) iter.Seq2[K, V] {
	r := must(span.resolve())
	r.Collection = index(tx.of.s.collections, &c.id, "collection", tx.of.s)
	return func(yield func(K, V) bool) {
		tx.tx.Range(r, func(name string, value []byte) bool {
			return yield(must(c.keys.DecodeKey(name)), must(c.values.decode(value, c.immutable)))
		})
	}
}

// Reads declares that a command reads a variable.
func (c *Collection[K, V]) Reads(k K) Item { return c.item(k, &c.kinds[0]) }

// Writes declares that a command writes a variable, and perhaps reads it.
func (c *Collection[K, V]) Writes(k K) Item { return c.item(k, &c.kinds[1]) }

// Updates declares that a command does nothing to a variable but Update it by an
// operation; to read it, or to Put it, is ErrAccess then. If the operation is
// Commutative, commands that update a variable by it do not conflict: they wait
// for those that read or write it, and not for each other.
func (c *Collection[K, V]) Updates(k K, op OperationOn[V]) Item {
	var none V
	return c.item(k, c.updatesBy(op.on(none)))
}

func (c *Collection[K, V]) updatesBy(op *identity) *itemKind {
	for {
		old := c.updates.Load()
		if old != nil {
			for _, k := range *old {
				if k.op == op {
					return k
				}
			}
		}
		c.addKind(old, op)
	}
}

// addKind is apart so that what escapes here is not allocated whenever updatesBy,
// which every access calls, looks for a kind that is there.
func (c *Collection[K, V]) addKind(old *[]*itemKind, op *identity) {
	var kinds []*itemKind
	if old != nil {
		kinds = slices.Clip(*old)
	}
	kinds = append(kinds, &itemKind{collection: &c.id, plain: c.plain.is, write: true, op: op})
	c.updates.CompareAndSwap(old, &kinds)
}

// ReadsRange declares that a command reads a stretch, or looks for what may
// not be there.
func (c *Collection[K, V]) ReadsRange(span Span[K]) Item { return c.spanItem(span, false) }

// WritesRange declares that a command writes anywhere in a stretch.
func (c *Collection[K, V]) WritesRange(span Span[K]) Item { return c.spanItem(span, true) }

// ReadsAll declares that a command reads anything of the collection.
func (c *Collection[K, V]) ReadsAll() Item { return c.ReadsRange(c.All()) }

// WritesAll declares that a command writes anything of the collection.
func (c *Collection[K, V]) WritesAll() Item { return c.WritesRange(c.All()) }

func (c *Collection[K, V]) item(k K, kind *itemKind) Item {
	if c.plain.is != plainNot {
		return c.plain.item(kind, k)
	}
	name, err := nameOf(c.keys, k)
	if err != nil {
		return Item{kind: &itemKind{collection: &c.id, rare: &rareItem{err: err}}}
	}
	return Item{kind: kind, key: name}
}

func (c *Collection[K, V]) spanItem(span Span[K], write bool) Item {
	r, err := span.resolve()
	return Item{kind: &itemKind{collection: &c.id, write: write, rare: &rareItem{span: r, err: err}}}
}
