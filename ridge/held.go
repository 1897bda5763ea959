package ridge

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// Bounds of the record of what was delivered.
const (
	// maxOrigins: a client beyond them is delivered optimistically only with
	// its conservative delivery.
	maxOrigins = 1 << 16
	// maxSpan: sequences of one client that are told apart; of what is further
	// back no copy is delivered optimistically any more.
	maxSpan = 1 << 13
	// maxRecords: of all clients together, as maxOrigins.
	maxRecords = 1 << 20
	// heldShare: one client has at most such a part of what may be held.
	heldShare = 4
	// maxAttempt: higher attempts, as maxOrigins.
	maxAttempt = 32
)

// origin is what is known of one client's messages. Like the exactly-once
// table above, whose rules it follows, it changes its mark in merged order
// only, so that no copy which that table accepts is taken for a duplicate here.
type origin struct {
	client ids.Client
	// low: no copy of a sequence below it is delivered optimistically. It moves
	// with marks whose guard the carrying message's position has passed [X1].
	low ids.Sequence
	// expires: once merged time passes it every copy is late.
	expires hlc.Timestamp
	// blind is the highest T0 of what was cons-delivered and, for lack of room,
	// not recorded: no copy up to it is delivered optimistically.
	blind hlc.Timestamp
	ring  []record // by sequence; a power of two long
	held  int      // copies held,
	bytes int      // and their bytes
}

// record is what is known of one sequence: which attempts were delivered, one
// bit each, and the copies at hand. Invariant: what was cons-delivered was
// opt-delivered or will never be.
type record struct {
	seq       ids.Sequence
	opt, cons uint32
	held      *held
}

// held is a direct copy: it waits to be opt-delivered, or was and waits to be
// cons-delivered. Meanwhile it is where its payload is found.
type held struct {
	sealed
	origin *origin
	// given: it was opt-delivered.
	given bool
	// at is the timestamp that this process has ordered it at, as its coordinator;
	// zero: unknown.
	at hlc.Timestamp
	// again is when it is multicast on the sender's behalf.
	again time.Duration
	// early: it overtakes what waits to be opt-delivered (ready).
	early bool
	// list is the one that it is in; index is its place in the heap, or -1.
	list       *list
	prev, next *held
	index      int
	chain      *held // the next copy of the same sequence
}

// list is a queue of copies from which any can be taken.
type list struct{ head, tail *held }

func (l *list) push(h *held) {
	h.list, h.prev, h.next = l, l.tail, nil
	if l.tail != nil {
		l.tail.next = h
	} else {
		l.head = h
	}
	l.tail = h
}

func (h *held) unlink() {
	l := h.list
	if l == nil {
		return
	}
	if h.prev != nil {
		h.prev.next = h.next
	} else {
		l.head = h.next
	}
	if h.next != nil {
		h.next.prev = h.prev
	} else {
		l.tail = h.prev
	}
	h.list, h.prev, h.next = nil, nil, nil
}

// store holds the copies and the record.
type store struct {
	origins map[ids.Client]*origin
	// order lists the origins for the sweep, which goes on at hand.
	order []*origin
	hand  int
	// last is the last one looked up: a client's messages come in runs.
	last    *origin
	blind   hlc.Timestamp // of clients that had no room: for those made since
	records int
	count   int // copies held
	bytes   int
	free    *held // used again, linked by chain
	// queue has the copies that wait to be opt-delivered.
	queue copies
	// several are the messages to several partitions that are held; severalGiven those
	// of them that were opt-delivered.
	several, severalGiven spread
}

// spread is how far messages to several partitions go.
type spread struct {
	count int
	to    hlc.Timestamp // the highest place of those counted since there were none
}

func (s *spread) add(place hlc.Timestamp) {
	if s.count++; s.count == 1 {
		s.to = 0
	}
	s.to = max(s.to, place)
}

// top is their highest place, or more; zero if there are none.
func (s *spread) top() hlc.Timestamp {
	if s.count == 0 {
		return 0
	}
	return s.to
}

func (s *store) init() { s.origins = make(map[ids.Client]*origin) }

func (s *store) lookup(c ids.Client) *origin {
	if s.last != nil && s.last.client == c {
		return s.last
	}
	o := s.origins[c]
	if o != nil {
		s.last = o
	}
	return o
}

// origin finds a client, or makes it if there is room.
func (s *store) origin(c ids.Client) *origin {
	o := s.lookup(c)
	if o == nil && len(s.order) < maxOrigins {
		o = &origin{client: c, blind: s.blind}
		s.origins[c] = o
		s.order = append(s.order, o)
		s.last = o
	}
	return o
}

// find is the record of a sequence, or nil.
func (o *origin) find(seq ids.Sequence) *record {
	if len(o.ring) == 0 || seq < o.low {
		return nil
	}
	if r := &o.ring[int(seq)&(len(o.ring)-1)]; r.seq == seq && seq > 0 {
		return r
	}
	return nil
}

// open is the record of a sequence that is not below low, made if need be; nil
// if there is no room. Earlier pointers to the client's records become invalid.
func (s *store) open(o *origin, seq ids.Sequence) *record {
	if seq < o.low || seq == 0 {
		return nil
	}
	for {
		if n := len(o.ring); n > 0 {
			r := &o.ring[int(seq)&(n-1)]
			switch {
			case r.seq == seq:
				return r
			case r.seq < o.low || r.seq == 0:
				*r = record{seq: seq}
				return r
			case n >= maxSpan && r.seq < seq:
				s.raise(o, r.seq+1)
				continue
			case n >= maxSpan:
				return nil
			}
		}
		if !s.grow(o) {
			return nil
		}
	}
}

func (s *store) grow(o *origin) bool {
	n := max(16, 2*len(o.ring))
	if s.records+n-len(o.ring) > maxRecords {
		return false
	}
	s.records += n - len(o.ring)
	old := o.ring
	o.ring = make([]record, n)
	for i := range old {
		if r := &old[i]; r.seq >= o.low && r.seq > 0 {
			o.ring[int(r.seq)&(n-1)] = *r
		}
	}
	return true
}

// raise moves o's low, and gives up the copies below it.
func (s *store) raise(o *origin, low ids.Sequence) {
	if low <= o.low {
		return
	}
	for i := 0; o.held > 0 && i < len(o.ring) && o.low+ids.Sequence(i) < low; i++ {
		// Whatever lies below low is found within one turn of the ring.
		r := &o.ring[int(o.low+ids.Sequence(i))&(len(o.ring)-1)]
		if r.seq < low {
			for r.held != nil {
				s.drop(r.held)
			}
		}
	}
	o.low = low
}

// add holds a copy.
func (s *store) add(o *origin, r *record, m *sealed) *held {
	h := s.free
	if h != nil {
		s.free = h.chain
	} else {
		h = &held{}
	}
	*h = held{sealed: *m, origin: o, index: -1, chain: r.held}
	r.held = h
	o.held++
	o.bytes += m.message.size()
	s.count++
	s.bytes += m.message.size()
	if len(m.message.Dests) > 1 {
		s.several.add(m.place)
	}
	return h
}

// take takes a copy from wherever it waits.
func (s *store) take(h *held) {
	h.unlink()
	if h.index >= 0 {
		s.queue.remove(h)
	}
}

// drop forgets a copy, wherever it waits.
func (s *store) drop(h *held) {
	s.take(h)
	o := h.origin
	r := &o.ring[int(h.message.Command.Sequence)&(len(o.ring)-1)]
	for p := &r.held; *p != nil; p = &(*p).chain {
		if *p == h {
			*p = h.chain
			break
		}
	}
	o.held--
	o.bytes -= h.message.size()
	s.count--
	s.bytes -= h.message.size()
	if len(h.message.Dests) > 1 {
		s.several.count--
		if h.given {
			s.severalGiven.count--
		}
	}
	*h = held{chain: s.free}
	s.free = h
}

// copy finds the copy held of one attempt, or nil.
func (r *record) copy(a ids.Attempt) *held {
	for h := r.held; h != nil; h = h.chain {
		if h.message.Attempt == a {
			return h
		}
	}
	return nil
}

// sweep forgets clients of whom every copy is late by merged time [X2], a few
// at each call.
func (s *store) sweep(merged hlc.Timestamp) {
	for range 2 {
		if len(s.order) == 0 {
			return
		}
		if s.hand >= len(s.order) {
			s.hand = 0
		}
		o := s.order[s.hand]
		if o.held > 0 || o.expires >= merged {
			s.hand++
			continue
		}
		end := len(s.order) - 1
		s.order[s.hand] = s.order[end]
		s.order[end] = nil
		s.order = s.order[:end]
		s.records -= len(o.ring)
		delete(s.origins, o.client)
		if s.last == o {
			s.last = nil
		}
	}
}

// held is the copy of a message, or nil.
func (o *optimist) held(m *Message) *held {
	if from := o.lookup(m.Command.Client); from != nil && m.Attempt > 0 {
		if r := from.find(m.Command.Sequence); r != nil {
			return r.copy(m.Attempt)
		}
	}
	return nil
}
