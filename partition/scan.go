package partition

import "github.com/eyrie-dev/eyrie/internal/ids"

// source is one stream of a range's variables in key order.
type source struct {
	from  origin
	peer  ids.Partition // for fromPeer
	items []PartItem
	next  int
	// more follows after the items; rest is where.
	more bool
	rest Range
	size int // of the next chunk, for fromState and fromView
	// noted is, for fromView, the place of what the code takes in the run's scans,
	// passed how many items there were in the chunks before.
	noted, passed int
}

type origin uint8

const (
	// fromState: nobody else needs it. Read in chunks, since the state may
	// change (elsewhere) while the code is suspended.
	fromState origin = iota
	// fromOwn: this partition's part, read as it is shipped, so that the
	// next cut is shipped where every destination misses it.
	fromOwn
	// fromPeer: another partition's part.
	fromPeer
	// fromView: as fromState, for a run, with what runs before it wrote.
	fromView
)

// head is the next item, or nil at the end.
func (t *transaction) head(s *source) *PartItem {
	if s.from == fromView && t.run == nil {
		t.resumeScan(s)
	}
	if s.next == len(s.items) && s.more {
		if s.next > 0 {
			s.rest.Lo = s.items[s.next-1].Name + "\x00" // the least name after it
		}
		s.passed += s.next
		t.load(s)
		s.next = 0
	}
	var it *PartItem
	if s.next < len(s.items) {
		it = &s.items[s.next]
	}
	if s.from == fromView {
		t.run.take(s.noted, s.passed+s.next, it)
	}
	return it
}

// resumeScan has a range that a run has begun, which was found right as far as it
// had come, go on with the state: the rest of the chunk was the run's view.
func (t *transaction) resumeScan(s *source) {
	if s.next > 0 {
		s.rest.Lo = s.items[s.next-1].Name + "\x00"
	}
	s.from, s.items, s.next, s.more = fromState, nil, 0, true
}

func (t *transaction) load(s *source) {
	switch s.from {
	case fromState:
		c := &t.r.service.Collections[s.rest.Collection]
		s.items = t.r.state.scan(c, &s.rest, s.size, s.items[:0])
		s.more = len(s.items) == s.size
		s.size = min(2*s.size, maxChunk)
	case fromView:
		s.items, s.more = t.r.state.view(&t.r.service.Collections[s.rest.Collection], &s.rest, s.size, t.run.order)
		s.size = min(2*s.size, maxChunk)
	case fromOwn:
		t.c.out.shipPart(t.r, s.rest, false)
		t.r.unsent(t.c.out)
		s.items, s.more, _ = findPart(t.r.service, t.c.out.parts, &s.rest)
	case fromPeer:
		for {
			var here bool
			if s.items, s.more, here = findPart(t.r.service, t.c.in.peer(s.peer).parts, &s.rest); here {
				return
			}
			t.wait(s.peer)
		}
	}
}

// Range implements Tx. It shows the variables as of its call, pending writes
// included. Every variable passed over costs budget, deleted ones too.
func (t *transaction) Range(g Range, yield func(name string, value []byte) bool) {
	if t.over {
		panic(unwinding{})
	}
	t.charge(1, 0)
	t.admitRange(&g)
	over := t.overlay(&g)
	sources := t.sources(g)
	for {
		name, value, ok, any := t.step(sources, &over)
		if !any || ok && !yield(name, t.give(Key{g.Collection, name}, value)) {
			return
		}
		if t.over { // the code swallowed its end
			panic(unwinding{})
		}
	}
}

func (t *transaction) admitRange(g *Range) {
	if int(g.Collection) >= len(t.r.service.Collections) {
		t.leave(ErrAccess)
	}
	if t.c.exact {
		if !t.promise.allowsRange(*g) {
			t.leave(t.r.service.undeclaredRange(*g))
		}
	} else if !t.r.alone {
		t.cover(&Item{Range: g})
	}
	if t.r.config.Observe != nil {
		t.ranges = append(t.ranges, *g)
	}
}

// sources lists the streams that make up a range: the same at all
// destinations, so that they miss, ship and await the same parts in the same
// order, and the owner of the first one missed is never waiting for it.
func (t *transaction) sources(g Range) []source {
	if t.remote {
		if owners, everywhere := t.r.config.Placement.RangeOwners(g); !everywhere {
			if t.run != nil {
				t.useless()
			}
			list := make([]source, len(owners))
			for i, q := range owners {
				list[i] = source{from: fromPeer, peer: q, more: true, rest: g}
				if q == t.r.config.Partition {
					list[i].from = fromOwn
				}
			}
			return list
		}
	}
	one := source{from: fromState, more: true, rest: g, size: firstChunk}
	if t.run != nil {
		one.from, one.noted = fromView, t.run.noteScan(g)
	}
	return []source{one}
}

// Variables are taken from the state in chunks, each twice as large as the last.
const (
	firstChunk = 16
	maxChunk   = 512
)

// step takes the least name of all streams and pending writes. ok is false
// for a variable that the command has deleted; any is false at the end.
func (t *transaction) step(sources []source, over *[]pending) (name string, value []byte, ok, any bool) {
	least := -1
	for i := range sources {
		if it := t.head(&sources[i]); it != nil && (least < 0 || it.Name < name) {
			least, name = i, it.Name
		}
	}
	if len(*over) > 0 && (least < 0 || (*over)[0].key.Name < name) {
		p := (*over)[0]
		*over = (*over)[1:]
		t.r.settle(&p, nil, false)
		t.charge(1, len(p.key.Name)+len(p.value))
		return p.key.Name, p.value, p.ok, true
	}
	if least < 0 {
		return "", nil, false, false
	}
	s := &sources[least]
	value, ok = s.items[s.next].Value, true
	s.next++
	t.charge(1, len(name)+len(value))
	if len(*over) > 0 && (*over)[0].key.Name == name {
		p := (*over)[0]
		*over = (*over)[1:]
		t.r.settle(&p, value, true)
		value, ok = p.value, p.ok
	}
	return name, value, ok, true
}
