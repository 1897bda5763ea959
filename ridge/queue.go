package ridge

import (
	"encoding/binary"
	"math/bits"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// queue holds the messages that wait at a coordinator.
type queue struct {
	ring  []sealed
	head  int // of what waits in ring
	bytes int
	// present are the messages from the network that wait or are open, by hash:
	// a copy of one of them may be dropped. It is only looked up. Of two with
	// one hash the second is not in it.
	present map[uint64]*Message
	// batches of this process's own wait beside ring, whose turn it is when turn is
	// set. batched is how many messages they have.
	batches []*Batch
	batched int
	turn    bool
}

// copyID names a message; its copies are byte-identical.
type copyID struct {
	command ids.Command
	attempt ids.Attempt
}

func idOf(m *Message) copyID { return copyID{m.Command, m.Attempt} }

// hash tells honest clients' messages apart, more is not needed.
func (id *copyID) hash() uint64 {
	c := &id.command.Client
	h := binary.LittleEndian.Uint64(c[:]) ^ bits.RotateLeft64(binary.LittleEndian.Uint64(c[8:]), 32)
	return h ^ (uint64(id.command.Sequence)<<8|uint64(id.attempt))*0x9e3779b97f4a7c15
}

func (q *queue) init() { *q = queue{present: make(map[uint64]*Message)} }

func (q *queue) count() int { return q.single() + q.batched }

// single is how many of what waits are in no batch.
func (q *queue) single() int { return len(q.ring) - q.head }

// push queues a message, unless a copy is present: at the end, or sorted.
func (q *queue) push(s sealed, sorted bool) bool {
	id := idOf(s.message)
	h := id.hash()
	switch m := q.present[h]; {
	case m == nil:
		q.present[h] = s.message
	case idOf(m) == id:
		return false
	}
	q.put(s)
	if end := len(q.ring) - 1; sorted {
		i := end
		for i > q.head && s.before(&q.ring[i-1]) {
			i--
		}
		if i < end {
			copy(q.ring[i+1:], q.ring[i:end])
			q.ring[i] = s
		}
	}
	return true
}

// compact moves a queue's items, which begin at head, to the front of its slice
// once most of that is behind head: each is moved once at most for each that left.
func compact[T any](items []T, head int) ([]T, int) {
	if head <= 64 || head*2 <= len(items) {
		return items, head
	}
	n := copy(items, items[head:])
	clear(items[n:])
	return items[:n], 0
}

// put queues a message.
func (q *queue) put(s sealed) {
	q.ring, q.head = compact(q.ring, q.head)
	q.ring = append(q.ring, s)
	q.bytes += s.message.size()
}

// pop takes the first message that is in no batch. It stays present until forgotten.
func (q *queue) pop() (s sealed) {
	s, q.ring[q.head] = q.ring[q.head], s
	q.head++
	q.bytes -= s.message.size()
	return s
}

// forget ends the presence of v's messages.
func (q *queue) forget(v *Value) {
	if len(q.present) == 0 || v.own {
		return
	}
	v = v.whole()
	for i := range v.Entries {
		id := v.name(i).copy
		h := id.hash()
		if m := q.present[h]; m != nil && idOf(m) == id {
			delete(q.present, h)
		}
	}
}

// fit is how many of the first messages make a batch within the bounds; a
// single larger message travels alone. copied is what a value copies of them.
func (q *queue) fit(maxCount, maxBytes int) (n, copied int) {
	bytes := 0
	for i := q.head; i < len(q.ring) && n < maxCount; i++ {
		size := q.ring[i].message.size()
		if n > 0 && bytes+size > maxBytes {
			break
		}
		n++
		bytes += size
		copied += q.ring[i].message.copied()
	}
	return n, copied
}

// ready says whether a batch of n, or of maxBytes, should leave while open
// instances are in flight: at once when nothing is; else when enough has
// gathered, the more the fuller the pipeline. A full batch has maxCount.
func (q *queue) ready(n, open, maxCount, maxBytes int) bool {
	switch {
	case n == 0:
		return false
	case open == 0:
		return true
	}
	return n >= maxCount || q.bytes >= maxBytes || n >= 4<<(2*open)
}
