package partition

import (
	"fmt"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// Snapshot is a checkpoint on its way to where it is kept. It shares only what
// never changes with its replica, so it may be read by another goroutine, by
// one at a time.
type Snapshot struct {
	meta       meta
	unfinished []ids.Position // of several destinations
	durable    bool

	// What changed, or all there is.
	gone    []label
	clients []clientRecord
	outbox  []*outgoing
	queue   []queued
	changed [][]change

	// variables is the sum of all variables' items; without digests it grows with
	// each. ledger has the rest.
	variables Sum
	ledger    *ledger

	stage int
	next  int // within stage
	last  int // chunk of changed
	slab  []byte
	enc   []byte
	err   error
	final Sum // at the end
}

// clientRecord is a copy of a record, or says that there is none any more.
type clientRecord struct {
	client  ids.Client
	gone    bool
	mark    ids.Sequence
	expires hlc.Timestamp
	entries []entry
}

// queued is a delivered and unfinished command [C2].
type queued struct {
	Tag
	dests    ids.Set
	proposed hlc.Timestamp
	nearest  ids.Process
	body     []byte
	version  uint32 // of the service
	sent     bool   // it had started, and its signal and values had been sent
	// peers are what the other destinations have said, in their order.
	peers []Exchange
}

// ledger is the hash of every item but variables that the last checkpoint has.
// It belongs to the snapshot that is being read, then to the next.
type ledger struct {
	hashes map[label]uint64
	sum    Sum
	// To go back: what hashes and sum were before the last snapshot.
	undo   []undo
	before Sum
}

type undo struct {
	what label
	hash uint64
	had  bool
}

func newLedger() *ledger { return &ledger{hashes: make(map[label]uint64)} }

func (g *ledger) set(what label, hash uint64) {
	old, had := g.hashes[what]
	if had {
		g.sum.remove(old)
	}
	g.undo = append(g.undo, undo{what, old, had})
	g.hashes[what] = hash
	g.sum.add(hash)
}

// drop says whether there was such an item.
func (g *ledger) drop(what label) bool {
	old, had := g.hashes[what]
	if had {
		g.sum.remove(old)
		g.undo = append(g.undo, undo{what, old, true})
		delete(g.hashes, what)
	}
	return had
}

func (g *ledger) revert() {
	for i := len(g.undo) - 1; i >= 0; i-- {
		if u := &g.undo[i]; u.had {
			g.hashes[u.what] = u.hash
		} else {
			delete(g.hashes, u.what)
		}
	}
	g.sum, g.undo = g.before, nil
}

// Position is what the replica had delivered last.
func (s *Snapshot) Position() ids.Position { return s.meta.last }

// Sum is the sum over all items of the checkpoint, also those that have not
// changed. It is known once Next has come to the end.
func (s *Snapshot) Sum() Sum {
	if s.final != (Sum{}) {
		return s.final
	}
	return Sum{s.variables.Count + s.ledger.sum.Count, s.variables.Hash + s.ledger.sum.Hash}
}

// Err says that the replica's memory is damaged: a variable is not what was
// written [C3]. Then the checkpoint is worthless and the replica must stop.
func (s *Snapshot) Err() error { return s.err }

// Next appends the next items, about so many bytes, and returns them; none at
// the end, or after an error. They may be kept, and must not be changed.
func (s *Snapshot) Next(items []StateItem, bytes int) []StateItem {
	for s.err == nil && bytes > 0 {
		n := len(items)
		if items = s.item(items); len(items) > n {
			bytes -= len(items[n].Key) + len(items[n].Value) + 16
		} else if s.stage++; s.stage > stageVariables {
			s.stage = stageVariables + 1
			s.final = s.Sum()
			return items
		} else {
			s.next = 0
		}
	}
	return items
}

const (
	stageGone = iota
	stageClients
	stageMeta
	stageOutbox
	stageQueue
	stageVariables
)

// item appends the next item of the present stage, if there is one.
func (s *Snapshot) item(items []StateItem) []StateItem {
	switch s.stage {
	case stageGone:
		for s.next < len(s.gone) {
			s.next++
			if what := s.gone[s.next-1]; s.ledger.drop(what) {
				return append(items, StateItem{Key: s.keep(what.key()), Gone: true})
			}
		}
	case stageClients:
		for s.next < len(s.clients) {
			c := &s.clients[s.next]
			s.next++
			if what := clientLabel(c.client); !c.gone {
				items = s.put(items, what, c.append(s.enc[:0]))
				c.entries = nil
				return items
			} else if s.ledger.drop(what) {
				return append(items, StateItem{Key: s.keep(what.key()), Gone: true})
			}
		}
	case stageMeta:
		if s.next++; s.next == 1 {
			return s.put(items, label{itemMeta}, s.meta.append(s.enc[:0]))
		}
	case stageOutbox:
		if s.next < len(s.outbox) {
			o := s.outbox[s.next]
			s.next++
			return s.put(items, placeLabel(itemOutbox, o.Position), o.append(s.enc[:0]))
		}
	case stageQueue:
		if s.next < len(s.queue) {
			q := s.queue[s.next]
			s.queue[s.next] = queued{}
			s.next++
			return s.put(items, placeLabel(itemQueued, q.Position), q.append(s.enc[:0]))
		}
	case stageVariables:
		return s.variable(items)
	}
	return items
}

// put appends an item other than a variable.
func (s *Snapshot) put(items []StateItem, what label, value []byte) []StateItem {
	s.enc = value[:0]
	key := what.key()
	s.ledger.set(what, hashItem(key, value))
	return append(items, StateItem{Key: s.keep(key), Value: s.keep(value)})
}

// variable appends the next variable. What lies in memory for long is read
// here at last, and must still be what was written.
func (s *Snapshot) variable(items []StateItem) []StateItem {
	if s.last < len(s.changed) && s.next == len(s.changed[s.last]) {
		s.last, s.next = s.last+1, 0
	}
	if s.last == len(s.changed) {
		return items
	}
	e := &s.changed[s.last][s.next]
	s.next++
	s.enc = appendVariableKey(s.enc[:0], e.v.collection, e.v.name)
	if e.gone {
		return append(items, StateItem{Key: s.keep(s.enc), Gone: true})
	}
	hash := hashVariable(e.v.collection, e.v.name, e.value)
	if !s.durable {
		s.variables.add(hash)
	} else if hash != e.digest {
		s.err = fmt.Errorf("%w: %w: variable %q of collection %d changed in memory since it was written",
			ErrCheckpoint, ErrStopped, e.v.name, e.v.collection)
		return items
	}
	items = append(items, StateItem{Key: s.keep(s.enc), Value: e.value})
	e.value = nil
	return items
}

// snapshotSlab is the size of the memory that small items share.
const snapshotSlab = 16 << 10

// keep copies bytes to where they stay.
func (s *Snapshot) keep(b []byte) []byte {
	if cap(s.slab)-len(s.slab) < len(b) {
		if len(b) > snapshotSlab/4 {
			return append([]byte(nil), b...)
		}
		s.slab = make([]byte, 0, snapshotSlab)
	}
	n := len(s.slab)
	s.slab = append(s.slab, b...)
	return s.slab[n:len(s.slab):len(s.slab)]
}
