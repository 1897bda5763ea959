package partition

import "github.com/tidwall/btree"

// state is the variables that the partition holds: per collection an ordered
// map from encoded key to encoded value.
//
// Invariant: a stored value is never changed in place; a write installs
// another slice. So messages, the outbox and the state may share one.
type state struct {
	collections []btree.Map[string, []byte]
	count       int
	bytes       int // of names and values
}

func newState(collections int) *state {
	return &state{collections: make([]btree.Map[string, []byte], collections)}
}

func (s *state) get(k Key) ([]byte, bool) {
	return s.collections[k.Collection].Get(k.Name)
}

func (s *state) set(k Key, v []byte) {
	old, had := s.collections[k.Collection].Set(k.Name, v)
	if had {
		s.bytes += len(v) - len(old)
		return
	}
	s.count++
	s.bytes += len(k.Name) + len(v)
}

func (s *state) delete(k Key) {
	if old, had := s.collections[k.Collection].Delete(k.Name); had {
		s.count--
		s.bytes -= len(k.Name) + len(old)
	}
}

// scan appends up to n variables of g to items, in key order. The state may
// change between scans, never within one.
func (s *state) scan(c *Collection, g *Range, n int, items []PartItem) []PartItem {
	s.collections[g.Collection].Ascend(g.Lo, func(name string, v []byte) bool {
		if g.Hi != "" && name >= g.Hi {
			return false
		}
		if g.At == nil || c.place(name) == *g.At {
			items = append(items, PartItem{name, v})
		}
		return len(items) < n
	})
	return items
}

// part is this partition's part of g, cut after so many items or bytes.
func (s *state) part(c *Collection, g Range, items, bytes int) Part {
	p := Part{Range: g}
	s.collections[g.Collection].Ascend(g.Lo, func(name string, v []byte) bool {
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
		p.Items = append(p.Items, PartItem{name, v})
		items--
		bytes -= len(name) + len(v)
		return true
	})
	return p
}
