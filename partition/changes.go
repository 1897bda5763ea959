package partition

import "github.com/eyrie-dev/eyrie/internal/ids"

// changes are what has changed since the last checkpoint. Only a durable
// replica keeps them.
//
// Of variables it holds the values themselves, rewritten by each further write,
// so that a checkpoint takes the list as it is, in no time, however long.
type changes struct {
	on bool
	// epoch counts checkpoints, from 1; zero is never.
	epoch uint32
	// chunks of changed variables, all full but the last: nothing is moved when
	// they become many.
	chunks [][]change
	// deleted are the places in chunks of variables that are no more, so that
	// none is there twice.
	deleted map[Key]uint32
	// The rest names what changed; the checkpoint looks up how it is.
	clients []ids.Client // perhaps more than once
	outbox  []*outgoing  // finished since
	gone    []label      // of the outbox and the queue, once in a checkpoint

	exchanges, size int // finished of several destinations, and their bytes
}

// change is a variable's latest value since the last checkpoint.
type change struct {
	v      *variable // of which only what never changes may be looked at
	value  []byte
	digest uint64
	gone   bool
}

const changesChunk = 512

// wrote notes that v has its present value and digest.
func (l *changes) wrote(v *variable) {
	if v.epoch == l.epoch {
		e := l.at(v.slot)
		e.value, e.digest = v.value, v.digest
		return
	}
	v.epoch = l.epoch
	v.slot = l.put(change{v: v, value: v.value, digest: v.digest})
}

// came is wrote for a variable that has just come into being.
func (l *changes) came(v *variable) {
	if len(l.deleted) > 0 {
		k := Key{v.collection, v.name}
		if slot, ok := l.deleted[k]; ok {
			delete(l.deleted, k)
			v.epoch, v.slot = l.epoch, slot
			*l.at(slot) = change{v: v, value: v.value, digest: v.digest}
			return
		}
	}
	l.wrote(v)
}

// went notes that v is no more.
func (l *changes) went(v *variable) {
	if v.epoch != l.epoch {
		v.epoch = l.epoch
		v.slot = l.put(change{v: v})
	}
	*l.at(v.slot) = change{v: v, gone: true}
	if l.deleted == nil {
		l.deleted = make(map[Key]uint32)
	}
	l.deleted[Key{v.collection, v.name}] = v.slot
}

func (l *changes) at(slot uint32) *change {
	return &l.chunks[slot/changesChunk][slot%changesChunk]
}

func (l *changes) put(e change) (slot uint32) {
	n := len(l.chunks)
	if n == 0 || len(l.chunks[n-1]) == changesChunk {
		l.chunks = append(l.chunks, make([]change, 0, changesChunk))
		n++
	}
	last := &l.chunks[n-1]
	*last = append(*last, e)
	return uint32((n-1)*changesChunk + len(*last) - 1)
}

// client notes that a client's record has changed.
func (l *changes) client(rec *record) {
	if l.on && rec.epoch != l.epoch {
		rec.epoch = l.epoch
		l.clients = append(l.clients, rec.client)
	}
}

// next begins a new list.
func (l *changes) next() {
	*l = changes{on: l.on, epoch: l.epoch + 1}
}

// merge puts back what a checkpoint held that came to nothing. s is the state
// as it is now.
func (l *changes) merge(s *state, chunks [][]change) {
	for _, chunk := range chunks {
		for i := range chunk {
			k := Key{chunk[i].v.collection, chunk[i].v.name}
			if v := s.find(k); v != nil {
				if v.epoch != l.epoch {
					l.wrote(v)
				}
			} else if _, known := l.deleted[k]; !known {
				l.went(&variable{name: k.Name, collection: k.Collection})
			}
		}
	}
}
