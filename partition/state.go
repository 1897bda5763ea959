package partition

import "github.com/tidwall/btree"

// state is the variables that the partition holds.
//
// Invariant: a stored value is never changed in place; a write installs
// another slice. So messages, the outbox and the state may share one.
type state struct {
	collections []variables
	count       int
	bytes       int // of names and values
}

// variables are those of one collection, by encoded key. Commands mostly name
// what they touch, and a hash finds it in a fifth of the time of a tree; the
// tree gives the order for ranges, and changes only where a variable comes
// into being or goes.
//
// Invariant: both hold the same variables; the map is never iterated.
type variables struct {
	named   map[string]*variable
	ordered btree.Map[string, *variable]
}

// variable holds the encoded value.
type variable struct{ value []byte }

func newState(collections int) *state {
	s := &state{collections: make([]variables, collections)}
	for i := range s.collections {
		s.collections[i].named = make(map[string]*variable)
	}
	return s
}

func (s *state) get(k Key) ([]byte, bool) {
	if v := s.collections[k.Collection].named[k.Name]; v != nil {
		return v.value, true
	}
	return nil, false
}

func (s *state) set(k Key, value []byte) {
	c := &s.collections[k.Collection]
	if v := c.named[k.Name]; v != nil {
		s.bytes += len(value) - len(v.value)
		v.value = value
		return
	}
	v := &variable{value}
	c.named[k.Name] = v
	c.ordered.Set(k.Name, v)
	s.count++
	s.bytes += len(k.Name) + len(value)
}

func (s *state) delete(k Key) {
	c := &s.collections[k.Collection]
	if v := c.named[k.Name]; v != nil {
		delete(c.named, k.Name)
		c.ordered.Delete(k.Name)
		s.count--
		s.bytes -= len(k.Name) + len(v.value)
	}
}

// scan appends up to n variables of g to items, in key order. The state may
// change between scans, never within one.
func (s *state) scan(c *Collection, g *Range, n int, items []PartItem) []PartItem {
	s.collections[g.Collection].ordered.Ascend(g.Lo, func(name string, v *variable) bool {
		if g.Hi != "" && name >= g.Hi {
			return false
		}
		if g.At == nil || c.place(name) == *g.At {
			items = append(items, PartItem{name, v.value})
		}
		return len(items) < n
	})
	return items
}

// part is this partition's part of g, cut after so many items or bytes.
func (s *state) part(c *Collection, g Range, items, bytes int) Part {
	p := Part{Range: g}
	s.collections[g.Collection].ordered.Ascend(g.Lo, func(name string, v *variable) bool {
		if g.Hi != "" && name >= g.Hi {
			return false
		}
		if g.At != nil && c.place(name) != *g.At {
			return true
		}
		if items <= 0 || bytes <= 0 {
			p.Cut = true
			return false
		}
		p.Items = append(p.Items, PartItem{name, v.value})
		items--
		bytes -= len(name) + len(v.value)
		return true
	})
	return p
}
