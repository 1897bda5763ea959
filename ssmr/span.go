package ssmr

import (
	"errors"
	"reflect"

	"github.com/eyrie-dev/eyrie/partition"
)

// Span is a stretch of a collection's keys, in their order. Collections make
// spans: All, Between, From, Prefix, Sharing; At narrows one to a place.
type Span[K comparable] struct {
	lo, hi string // hi empty: no upper bound
	at     *string
	err    error
}

// At narrows the span to the variables that live at one place, so that it
// needs one partition instead of all:
//
//	children.Sharing(Child{Parent: p}, 1).At(nodes.PlaceOf(p))
func (s Span[K]) At(p Place) Span[K] {
	s.at = &p.key
	return s
}

func (s Span[K]) resolve() (partition.Range, error) {
	return partition.Range{Lo: s.lo, Hi: s.hi, At: s.at}, s.err
}

// All is every key.
func (c *Collection[K, V]) All() Span[K] { return Span[K]{} }

// From is every key that is lo or above.
func (c *Collection[K, V]) From(lo K) Span[K] {
	name, err := nameOf(c.keys, lo)
	return Span[K]{lo: name, err: err}
}

// Between is every key that is lo or above, and below hi.
func (c *Collection[K, V]) Between(lo, hi K) Span[K] {
	from, err1 := nameOf(c.keys, lo)
	to, err2 := nameOf(c.keys, hi)
	s := Span[K]{lo: from, hi: to, err: errors.Join(err1, err2)}
	if s.hi == "" { // nothing is below the empty name, and empty means unbounded
		s.lo, s.hi = "\x00", "\x00"
	}
	return s
}

// Prefix is every key that begins with k; keys must be strings.
func (c *Collection[K, V]) Prefix(k K) Span[K] {
	if reflect.TypeFor[K]().Kind() != reflect.String {
		return Span[K]{err: errors.New("ssmr: Prefix needs string keys; see Sharing")}
	}
	name, err := nameOf(c.keys, k)
	return prefixSpan[K](name, err)
}

// Sharing is every key whose first n fields are those of k; keys must be
// structs without a codec of their own.
func (c *Collection[K, V]) Sharing(k K, n int) Span[K] {
	keys, ok := c.keys.(structKeys[K])
	if !ok {
		return Span[K]{err: errors.New("ssmr: Sharing needs keys that are structs")}
	}
	name, err := keys.appendFields(nil, k, n)
	return prefixSpan[K](string(name), err)
}

func prefixSpan[K comparable](prefix string, err error) Span[K] {
	return Span[K]{lo: prefix, hi: after(prefix), err: err}
}

// after is the least name above all that begin with prefix; empty if none is.
func after(prefix string) string {
	b := []byte(prefix)
	for len(b) > 0 && b[len(b)-1] == 0xff {
		b = b[:len(b)-1]
	}
	if len(b) > 0 {
		b[len(b)-1]++
	}
	return string(b)
}
