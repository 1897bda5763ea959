package ssmr

import (
	"encoding/binary"
	"reflect"
	"sync"

	"github.com/eyrie-dev/eyrie/partition"
)

// nameOf encodes a key; a string is its own name and is not copied.
func nameOf[K any](c KeyCodec[K], k K) (string, error) { return nameAmong(c, k, 0, nil) }

// nameAmong is nameOf, but takes the name from the collection's items, if it is
// among them: a command's code mostly names what its access has named before.
func nameAmong[K any](c KeyCodec[K], k K, collection uint16, items []partition.Item) (string, error) {
	switch c := any(c).(type) {
	case stringKeys:
		return any(k).(string), nil
	case plainKeys[K]:
		if c.word != nil {
			var b [8]byte
			binary.BigEndian.PutUint64(b[:], c.word(k))
			return intern(b[:], collection, items), nil
		}
		pad := c.pads.get(k)
		b, err := c.f.append(pad.b[:0], reflect.ValueOf(&pad.k).Elem())
		return c.pads.name(pad, b, err, collection, items)
	case structKeys[K]:
		pad := c.pads.get(k)
		b, err := appendStruct(pad.b[:0], reflect.ValueOf(&pad.k).Elem(), c.fields)
		return c.pads.name(pad, b, err, collection, items)
	}
	b, err := c.AppendKey(nil, k)
	return string(b), err
}

// plainness says whether keys are names, or nearly: what most keys are needs
// neither reflection nor memory.
type plainness uint8

const (
	plainNot    plainness = iota
	plainString           // a string, which is its own name
	plainWord             // an integer; its name is the eight bytes of wordOf
)

// plainKey makes the plain part of items of a key type.
type plainKey[K any] struct {
	is   plainness
	text func(K) string // for plainString
	word func(K) uint64 // for plainWord
}

func plainKeyOf[K any](c KeyCodec[K]) (p plainKey[K]) {
	switch any(c).(type) {
	case stringKeys:
		p.text, p.is = any(func(k string) string { return k }).(func(K) string), plainString
	case plainKeys[K]:
		if p.word = wordOf[K](); p.word != nil {
			p.is = plainWord
		}
	}
	return p
}

// item is the key's part of an item.
func (p *plainKey[K]) item(kind *itemKind, k K) Item {
	switch p.is {
	case plainString:
		return Item{kind: kind, key: p.text(k)}
	case plainWord:
		return Item{kind: kind, word: p.word(k)}
	}
	return Item{kind: kind}
}

// wordOf is what intField and uintField append, without reflection.
func wordOf[K any]() func(K) uint64 {
	for _, f := range wordOfKinds {
		if f, ok := f.(func(K) uint64); ok {
			return f
		}
	}
	return nil
}

var wordOfKinds = []any{
	func(k int) uint64 { return uint64(k) ^ signBit },
	func(k int32) uint64 { return uint64(k) ^ signBit },
	func(k int64) uint64 { return uint64(k) ^ signBit },
	func(k uint) uint64 { return uint64(k) },
	func(k uint32) uint64 { return uint64(k) },
	func(k uint64) uint64 { return k },
}

// fewItems bounds the search for a name that could be made anew instead.
const fewItems = 16

// intern turns the bytes of a name into a string, new only if need be.
func intern(b []byte, collection uint16, items []partition.Item) string {
	for i := range items[:min(len(items), fewItems)] {
		if k := &items[i].Key; k.Collection == collection && k.Name == string(b) && items[i].Range == nil {
			return k.Name
		}
	}
	return string(b)
}

// notepads are places where keys, or values, are encoded: reflection needs a key on the
// heap, and a name is copied once, when it has its length.
type notepads[K any] struct{ pool *sync.Pool }

type notepad[K any] struct {
	k K
	b []byte
}

func newNotepads[K any]() notepads[K] {
	return notepads[K]{&sync.Pool{New: func() any { return new(notepad[K]) }}}
}

func (p notepads[K]) get(k K) *notepad[K] {
	pad := p.pool.Get().(*notepad[K])
	pad.k = k
	return pad
}

// name is the string of b, which was written on the pad; the pad is free again.
func (p notepads[K]) name(pad *notepad[K], b []byte, err error, collection uint16, items []partition.Item) (string, error) {
	if err != nil {
		return "", err
	}
	name := intern(b, collection, items)
	pad.b = b
	p.put(pad)
	return name, nil
}

// put makes a pad free again.
func (p notepads[K]) put(pad *notepad[K]) {
	var none K
	pad.k = none
	if cap(pad.b) <= maxSpare {
		p.pool.Put(pad)
	}
}
