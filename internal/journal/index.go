package journal

import "slices"

// place is where the newest record of an instance is; the zero value is nowhere.
type place struct{ segment, offset, span uint32 }

const chunkBits = 6

type chunk struct {
	used int
	at   [1 << chunkBits]place
}

// ensemble is the index of one ensemble. Instances are dense, so they are kept
// in chunks: a map is asked once per chunk, and a gap, however long, costs
// nothing.
type ensemble struct {
	id      uint32
	state   []byte // newest body of instance 0
	at      place  // and where it is
	trimmed uint64 // instances up to here are dead
	chunks  map[uint64]*chunk
	lastKey uint64
	last    *chunk // chunks[lastKey], or nil
	low     uint64 // no chunk has a lower key
}

// of finds or makes an ensemble. There are few: they are sorted by id.
func (j *Journal) of(id uint32) *ensemble {
	if e := j.recent; e != nil && e.id == id {
		return e
	}
	i, ok := slices.BinarySearchFunc(j.ensembles, id, func(e *ensemble, id uint32) int {
		return int(int64(e.id) - int64(id))
	})
	if !ok {
		j.ensembles = slices.Insert(j.ensembles, i, &ensemble{id: id, chunks: map[uint64]*chunk{}})
	}
	j.recent = j.ensembles[i]
	return j.recent
}

func (e *ensemble) find(instance uint64) place {
	if instance == 0 {
		return e.at
	}
	key := instance >> chunkBits
	c := e.last
	if c == nil || e.lastKey != key {
		c = e.chunks[key]
	}
	if c == nil {
		return place{}
	}
	return c.at[instance&(1<<chunkBits-1)]
}

// set notes the newest record of an instance, and returns where the former is.
func (j *Journal) set(e *ensemble, instance uint64, p place) (old place) {
	if instance == 0 {
		old, e.at = e.at, p
		return old
	}
	key := instance >> chunkBits
	if e.last == nil || e.lastKey != key {
		if e.last, e.lastKey = e.chunks[key], key; e.last == nil {
			e.last = j.newChunk()
			if len(e.chunks) == 0 || key < e.low {
				e.low = key
			}
			e.chunks[key] = e.last
		}
	}
	slot := &e.last.at[instance&(1<<chunkBits-1)]
	old, *slot = *slot, p
	if old.span == 0 {
		e.last.used++
	}
	return old
}

func (j *Journal) newChunk() *chunk {
	if n := len(j.spare); n > 0 {
		c := j.spare[n-1]
		j.spare = j.spare[:n-1]
		return c
	}
	return new(chunk)
}

// trim takes instances up to upTo out of the index.
func (j *Journal) trim(e *ensemble, upTo uint64) {
	if upTo <= e.trimmed {
		return
	}
	e.trimmed, e.last = upTo, nil
	high := upTo >> chunkBits
	if len(e.chunks) == 0 || high < e.low {
		return
	}
	if high-e.low < uint64(2*len(e.chunks)) {
		for key := e.low; key <= high; key++ {
			j.clear(e, key, upTo)
		}
	} else { // sums do not depend on the order
		for key := range e.chunks {
			if key <= high {
				j.clear(e, key, upTo)
			}
		}
	}
	e.low = high
}

func (j *Journal) clear(e *ensemble, key, upTo uint64) {
	c := e.chunks[key]
	if c == nil {
		return
	}
	for i := range c.at {
		if p := &c.at[i]; p.span != 0 && key<<chunkBits+uint64(i) <= upTo {
			j.bury(*p)
			*p = place{}
			c.used--
		}
	}
	j.reuse(e, key, c)
}

// reuse takes a chunk that has nothing in it out of the index.
func (j *Journal) reuse(e *ensemble, key uint64, c *chunk) {
	if c.used > 0 {
		return
	}
	delete(e.chunks, key)
	if e.last == c {
		e.last = nil
	}
	if len(j.spare) < 64 {
		j.spare = append(j.spare, c)
	}
}

// Forget tells that a record is dead, though its ensemble is not trimmed so far:
// whoever wrote it will not be asked for it any more. Like Trim it is not
// remembered; of a state, no later segment has a copy. The next Open shows it
// again: by what the caller ignores it then has to be durable before Upkeep.
func (j *Journal) Forget(ensemble uint32, instance uint64) {
	if j.err != nil {
		return
	}
	e := j.of(ensemble)
	old := e.find(instance)
	switch key := instance >> chunkBits; {
	case old.span == 0:
		return
	case instance == 0:
		e.at, e.state = place{}, nil
	default:
		c := e.chunks[key]
		c.at[instance&(1<<chunkBits-1)] = place{}
		c.used--
		j.reuse(e, key, c)
	}
	j.bury(old)
}

// bury notes that a record is no longer the newest, or was trimmed.
func (j *Journal) bury(p place) {
	if p.span == 0 {
		return
	}
	s := j.segments[p.segment-j.segments[0].number]
	s.live -= int64(p.span)
	s.deadAt = j.seq
}
