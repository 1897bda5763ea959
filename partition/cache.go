package partition

import (
	"bytes"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// cache holds copies of other partitions' variables, as they came or as
// commands that ended here have written them, one of each: the newest. A copy
// is good for exactly its version [N2]. All of it may be lost at any time.
//
// Each other partition has a share of the room, so that who ships can tell
// what is still here.
type cache struct {
	on       bool
	least    int
	maxCount int // of one share
	maxBytes int
	byKey    map[Key]uint32
	copies   recent[copied] // a list for each partition
}

type copied struct {
	key     Key
	version Version
	// also are other names of the same value: a replica of the owner that has
	// forgotten what it told gives it a new one, while the others go on as before.
	also  [maxAlso]Version
	value []byte // never changed in place
}

const maxAlso = 3

// is says whether v is a name of the copy.
func (e *copied) is(v Version) bool {
	return e.version == v || !v.isZero() && slices.Contains(e.also[:], v)
}

// rename gives the copy one more name; the last of the others goes.
func (e *copied) rename(v Version) {
	if e.version.older(v) {
		e.version, v = v, e.version
	}
	copy(e.also[1:], e.also[:])
	e.also[0] = v
}

func newCache(t *Tuning, partitions int) cache {
	c := cache{on: t.caches() && partitions > 1, least: t.MinCached}
	if c.on {
		c.maxCount, c.maxBytes = t.share(partitions)
		c.byKey, c.copies = make(map[Key]uint32), newRecent[copied](partitions)
	}
	return c
}

// put keeps a value. It is cloned if it shares its memory with others.
func (y *cache) put(q ids.Partition, k Key, version Version, value []byte, clone bool) {
	i, there := y.byKey[k]
	if there {
		y.copies.touch(i)
		switch e := y.copies.at(i); {
		case e.is(version):
			return
		case bytes.Equal(e.value, value):
			e.rename(version)
			return
		case !e.version.older(version):
			return
		}
		y.drop(i)
	}
	if !worthKeeping(k.Name, value, y.least, y.maxBytes) {
		return
	}
	if clone {
		value = bytes.Clone(value)
	}
	i = y.copies.add(int(q), copied{key: k, version: version, value: value})
	y.byKey[k] = i
	l := y.copies.listOf(i)
	l.bytes += copyBytes(k.Name, value)
	for l.count > y.maxCount || l.bytes > y.maxBytes {
		y.drop(l.oldest)
	}
}

func (y *cache) drop(i uint32) {
	e := y.copies.at(i)
	y.copies.listOf(i).bytes -= copyBytes(e.key.Name, e.value)
	delete(y.byKey, e.key)
	y.copies.drop(i)
}

// recall is the value that partition q told by its name, if it is held here, or
// can be made of what is.
func (r *Replica) recall(q ids.Partition, s *Same) (value []byte, ok bool) {
	y := &r.cache
	i, there := y.byKey[s.Key]
	if !there {
		return nil, false
	}
	y.copies.touch(i)
	e := y.copies.at(i)
	if e.is(s.Version) {
		return e.value, true
	}
	if s.Change == nil || !e.is(s.Change.Base) {
		return nil, false
	}
	if value, ok = r.patch(s, e.value); ok && s.Change.Keep {
		y.put(q, s.Key, s.Version, value, false)
	}
	return value, ok
}

// patch makes the value of the one before. It is the service's code on what
// came from outside; whatever goes wrong, the value is pulled.
func (r *Replica) patch(s *Same, old []byte) (value []byte, ok bool) {
	defer func() {
		if recover() != nil {
			r.counters.OpPanics++
			value, ok = nil, false
		}
	}()
	c := &r.service.Collections[s.Key.Collection]
	if c.Patch == nil {
		return nil, false
	}
	v, err := c.Patch(old, s.Change.Diff)
	if err != nil || len(v) > r.tuning.MaxBytes || xxhash.Sum64(v) != s.Change.Sum {
		return nil, false
	}
	return v, true
}

// hope is a command that was told a version which an unfinished one here will
// bring along.
type hope struct {
	c    *command
	at   ids.Position // of c, which may be another by now
	from ids.Partition
	same Same
}

// absorbSame takes in what a peer told by name. What is not held and will not
// come is pulled at once, whether c has started or not.
func (r *Replica) absorbSame(c *command, p *peer, m *Exchange) {
	lacks := false
	for i := range m.Same {
		s := &m.Same[i]
		switch {
		case int(s.Key.Collection) >= len(r.service.Collections):
			r.counters.Invalid++
		case r.remind(c, p, s):
		case r.await(c, p, s):
		default:
			r.counters.Forgotten++
			lacks = true
		}
	}
	if lacks {
		r.pullWhole(c, p)
	}
}

// remind gives a command a value that is held here.
func (r *Replica) remind(c *command, p *peer, s *Same) bool {
	here := p.find(s.Key) != nil
	if here && !r.config.Checks {
		return true
	}
	v, ok := r.recall(p.partition, s)
	if ok {
		r.counters.Recalled++
		r.absorbVar(c, p, Var{s.Key, true, v})
	}
	return ok || here
}

// await makes c wait for the command that will bring the version along, or the
// one that a change is of, if it is unfinished here: by its own exchange, or by
// its end.
func (r *Replica) await(c *command, p *peer, s *Same) bool {
	w := r.bringer(c, p, s.Key, s.Version)
	if w == nil && s.Change != nil {
		w = r.bringer(c, p, s.Key, s.Change.Base)
	}
	if w == nil || !r.roomFor(c, p, s.bytes()) {
		return false
	}
	w.hopes = append(w.hopes, hope{c, c.Position, p.partition, *s})
	return true
}

// bringer is an unfinished command before c that will bring a version along.
func (r *Replica) bringer(c *command, p *peer, k Key, v Version) *command {
	w := r.queue.find(v.Position)
	if w == nil || !w.Position.Less(c.Position) || w.out == nil || w.in.peer(p.partition) == nil {
		return nil
	}
	if _, there := r.cache.byKey[k]; !v.Before && !there {
		return nil // what it writes will not be kept
	}
	return w
}

// fulfil gives those that hope for something of w what has come. over: nothing
// more will come, and what is missing is pulled.
func (r *Replica) fulfil(w *command, over bool) {
	kept := w.hopes[:0]
	var asked hope
	for i := range w.hopes {
		h := &w.hopes[i]
		if h.c.Position != h.at || h.c.finished {
			continue
		}
		p := h.c.in.peer(h.from)
		switch {
		case r.remind(h.c, p, &h.same):
			if h.c.started && !h.c.resuming {
				h.c.resuming = true
				r.runnable = append(r.runnable, h.c)
			}
			if len(h.c.hopes) > 0 { // for what it has now
				r.fulfil(h.c, false)
			}
		case over:
			r.counters.Forgotten++
			if asked.c != h.c || asked.from != h.from {
				r.pullWhole(h.c, p)
			}
			asked = *h
		default:
			kept = append(kept, *h)
		}
	}
	clear(w.hopes[len(kept):])
	w.hopes = kept
}

// pullWhole asks the replica that should have spoken for values as they are.
func (r *Replica) pullWhole(c *command, p *peer) {
	c.asked = true
	r.counters.Pulls++
	r.send(r.witness(p.partition, r.number), &Pull{c.Tag})
}

// keepNamed keeps a value that came with a name.
func (r *Replica) keepNamed(p *peer, v *Var, version Version) {
	if r.cache.on && v.OK && !version.isZero() && p.find(v.Key) != nil {
		r.cache.put(p.partition, v.Key, version, v.Value, true)
	}
}

// keepWritten brings copies up to what a command that has ended well wrote,
// where that is known from its code alone.
func (r *Replica) keepWritten(c *command) {
	y := &r.cache
	if len(y.byKey) == 0 {
		return
	}
	for i := range c.tx.writes {
		w := &c.tx.writes[i]
		if w.held || r.service.Collections[w.key.Collection].Diff != nil {
			continue
		}
		j, there := y.byKey[w.key]
		switch {
		case !there:
		case !w.known || len(w.ops) > 0: // the copy is of the past
		case !w.ok:
			y.drop(j)
		default:
			y.put(ids.Partition(y.copies.slots[j].list), w.key, Version{Position: c.Position}, slices.Clip(w.value), false)
		}
	}
}
