package partition

import (
	"strings"

	"github.com/tidwall/btree"
)

// state is the variables that the partition holds.
//
// Invariant: a stored value is never changed in place; a write installs
// another slice. So messages, the outbox and the state may share one.
type state struct {
	collections []variables
	count       int
	bytes       int // of names and values
	// audience is told of changes of what others may hold.
	audience *audience
	// changes, if on, are told of all; sum is then that of the variables' items.
	changes changes
	sum     Sum
	// over is what unconfirmed runs wrote, index who is about to touch what.
	over  overlay
	index *index
}

// variables are those of one collection, by encoded key. Commands mostly name
// what they touch, and a hash finds it in a fifth of the time of a tree; the
// tree gives the order for ranges, and changes only where a variable comes
// into being or goes.
//
// Invariant: a variable is in the tree, and in words if its name has eight
// bytes, else in named. These are never iterated.
type variables struct {
	// words is by names as numbers: integers are eight bytes, and to find one
	// costs no look at the name itself, which is elsewhere in memory.
	words   map[uint64]*variable
	named   map[string]*variable
	ordered btree.Map[string, *variable]
}

type variable struct {
	value      []byte
	name       string
	collection uint16
	dead       bool // it is in the state no more
	// stack is the number of its stack in the overlay; 0 is none.
	stack uint32
	// heard is the slot of its entry in the audience; 0 is none.
	heard uint32
	// slot in changes, if epoch is the present one.
	slot, epoch uint32
	// users is the number of its users in the index; 0 is none.
	users uint32
	// digest is the hash of the variable's item, if changes are on.
	digest uint64
	// in is the room that the value is in, if any.
	in *room
}

func (v *variable) is(k Key) bool { return v.collection == k.Collection && v.name == k.Name }

func newState(collections int) *state {
	s := &state{collections: make([]variables, collections), over: newOverlay(collections), index: newIndex()}
	for i := range s.collections {
		s.collections[i].words = make(map[uint64]*variable)
		s.collections[i].named = make(map[string]*variable)
	}
	return s
}

// word is the number that stands for a name of eight bytes.
func word[B string | []byte](b B) (uint64, bool) {
	if len(b) != 8 {
		return 0, false
	}
	return uint64(b[7]) | uint64(b[6])<<8 | uint64(b[5])<<16 | uint64(b[4])<<24 |
		uint64(b[3])<<32 | uint64(b[2])<<40 | uint64(b[1])<<48 | uint64(b[0])<<56, true
}

// find is the variable of that name, or nil.
func (s *state) find(k Key) *variable {
	c := &s.collections[k.Collection]
	if w, ok := word(k.Name); ok {
		return c.words[w]
	}
	return c.named[k.Name]
}

// findBytes is find for a name in a buffer.
func (s *state) findBytes(collection uint16, name []byte) *variable {
	c := &s.collections[collection]
	if w, ok := word(name); ok {
		return c.words[w]
	}
	return c.named[string(name)]
}

func (s *state) get(k Key) ([]byte, bool) {
	if v := s.find(k); v != nil {
		return v.value, true
	}
	return nil, false
}

// replace gives a variable another value, which may be in a room.
func (s *state) replace(v *variable, value []byte, in *room) {
	s.bytes += len(value) - len(v.value)
	v.value, v.in = value, in
	if v.heard != 0 {
		s.audience.changed(v)
	}
	if s.changes.on {
		s.sum.Hash -= v.digest
		v.digest = v.hash()
		s.sum.Hash += v.digest
		s.changes.wrote(v)
	}
}

func (s *state) set(k Key, value []byte) {
	if v := s.find(k); v != nil {
		s.replace(v, value, nil)
		return
	}
	v := s.insert(k, value)
	if s.changes.on {
		v.digest = v.hash()
		s.sum.add(v.digest)
		s.changes.came(v)
	}
}

// insert adds a variable that is not there. Its name may be a part of many names.
func (s *state) insert(k Key, value []byte) *variable {
	k.Name = strings.Clone(k.Name)
	c, v := &s.collections[k.Collection], &variable{value: value, name: k.Name, collection: k.Collection}
	if w, ok := word(k.Name); ok {
		c.words[w] = v
	} else {
		c.named[k.Name] = v
	}
	c.ordered.Set(k.Name, v)
	s.count++
	s.bytes += len(k.Name) + len(value)
	if len(s.over.absent) > 0 {
		s.over.came(v)
	}
	if len(s.index.absent) > 0 {
		s.index.came(v)
	}
	return v
}

func (s *state) delete(k Key) {
	v := s.find(k)
	if v == nil {
		return
	}
	c := &s.collections[k.Collection]
	if w, ok := word(k.Name); ok {
		delete(c.words, w)
	} else {
		delete(c.named, k.Name)
	}
	c.ordered.Delete(k.Name)
	s.count--
	s.bytes -= len(k.Name) + len(v.value)
	s.audience.forget(v)
	v.dead = true
	if v.stack != 0 {
		s.over.went(v)
	}
	if v.users != 0 {
		s.index.went(v)
	}
	if s.changes.on {
		s.sum.remove(v.digest)
		s.changes.went(v)
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
