package ridge

import (
	"encoding/binary"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Batch is messages of this very process, all to the same destinations, that are
// multicast together. They are encoded as they are added, at the place where
// their instance's value has them: ordering copies none of them again and keeps
// nothing else of them. The zero Batch is empty. It is not safe for concurrent
// use, and belongs to Ridge once it was multicast.
type Batch struct {
	// raw is a value's encoding, whose head, number of entries and timestamps are
	// still to come. The number has room for two bytes.
	raw   []byte
	count int
	dests ids.Set
	// longest is the size of the longest body.
	longest int
}

const (
	// entriesAt is where a batch's entries begin.
	entriesAt = headSize + 2
	// A batch has no more messages than this, nor more bytes when one is added. It
	// is half of an instance's by default: what is joined is copied, and so two
	// that are full leave one after the other, as they are.
	maxBatched      = 256
	maxBatchedBytes = 128 << 10
	// Of several batches one value is made with as many messages at most: their
	// number must fit into the room that a batch has for it.
	maxJoined = 1<<14 - 1
)

// LongBody is the size from which on bodies are in no batch.
const LongBody = referred

// NewBatch makes a batch with room for so many bytes of bodies and messages, as
// far as it may have as many.
func NewBatch(messages, bytes int) *Batch {
	size := min(messages*(8+minMessage+8)+bytes, maxBatchedBytes+LongBody)
	b := &Batch{raw: wire.Unwritten(entriesAt + size)[:entriesAt]}
	clear(b.raw)
	return b
}

// Add copies a message into the batch; its T0 does not count, since it is stamped
// when it is ordered. It reports false if the message is for another batch, since
// this one is full or has other destinations, or for none: those whose body is
// long are better not copied (Core.Multicast).
func (b *Batch) Add(m *Message) bool {
	switch {
	case b.count == 0:
		if len(b.raw) == 0 {
			b.raw = make([]byte, entriesAt, 1<<10)
		}
		b.dests = m.Dests
	case b.count >= maxBatched || len(b.raw) >= maxBatchedBytes || !b.dests.Equal(m.Dests):
		return false
	}
	if nameless(m) || len(m.Body) >= referred {
		return false
	}
	b.raw = append(b.raw, 0, 0, 0, 0, 0, 0, 0, 0)
	b.raw = m.Append(b.raw)
	b.count++
	b.longest = max(b.longest, len(m.Body))
	return true
}

// Len is the number of messages.
func (b *Batch) Len() int { return b.count }

// messages reads the messages back.
func (b *Batch) messages() []Message {
	ms := make([]Message, b.count)
	for i, at := 0, entriesAt; i < b.count; i++ {
		_, size := ms[i].skim(b.raw[at+8:])
		ms[i].Dests, ms[i].T0 = b.dests, 0
		at += 8 + size
	}
	return ms
}

// MulticastBatch is Multicast of a batch.
func (c *Core) MulticastBatch(now hlc.Now, b *Batch) {
	if c.err != nil || b.count == 0 {
		return
	}
	c.begin(now)
	if e := c.destined(b.dests); e != nil && e.admitBatch(b) {
		return
	}
	c.Multicast(now, b.messages())
}

// admitBatch queues a batch as it is, unless its messages must be looked at one by
// one.
func (e *ensemble) admitBatch(b *Batch) bool {
	t := &e.c.cfg.Tuning
	if len(e.spec.Partitions) > 1 || b.longest > t.MaxMessage || b.count > t.MaxBatchCount || len(b.raw) > e.batchBytes() || !e.c.spared() ||
		e.refusal(&Message{T0: e.ownT0()}, e.time(e.c.now)) != 0 {
		return false
	}
	e.lead.queue.putBatch(b)
	return true
}

func (q *queue) putBatch(b *Batch) {
	q.batches = append(q.batches, b)
	q.batched += b.count
	q.bytes += len(b.raw)
}

// popBatches takes the batches that make one value within the bounds, joined, the
// first at least.
func (q *queue) popBatches(maxCount, maxBytes int) *Batch {
	first, maxCount := q.batches[0], min(maxCount, maxJoined)
	n, count, bytes := 1, first.count, len(first.raw)
	for _, b := range q.batches[1:] {
		if count+b.count > maxCount || bytes+len(b.raw) > maxBytes || !b.dests.Equal(first.dests) {
			break
		}
		n, count, bytes = n+1, count+b.count, bytes+len(b.raw)-entriesAt
	}
	q.batched -= count
	q.bytes -= bytes + (n-1)*entriesAt
	if n > 1 && cap(first.raw) < bytes {
		first.raw = append(wire.Unwritten(bytes)[:0], first.raw...)
	}
	for _, b := range q.batches[1:n] {
		first.raw = append(first.raw, b.raw[entriesAt:]...)
	}
	first.count = count
	left := copy(q.batches, q.batches[n:])
	clear(q.batches[left:])
	q.batches = q.batches[:left]
	return first
}

// takeBatches takes waiting batches for a value, and clamps their timestamps: what batch
// does for single messages.
func (e *ensemble) takeBatches(now hlc.Now, physical, w hlc.Timestamp) *builder {
	l := &e.lead
	from := l.queue.popBatches(e.c.cfg.Tuning.MaxBatchCount, e.batchBytes())
	t0 := e.ownT0()
	b := &builder{t0: t0, first: clamp(t0, l.last, physical, w), limit: physical + w}
	b.fill(from)
	n := hlc.Timestamp(b.n)
	l.last = max(l.last+n, b.first+n-1)
	l.top = l.last
	if from.dests.Has(e.c.partition) {
		l.here = l.last
	}
	return b
}

// fill makes the builder's value of a batch. Each of its timestamps is one above
// that before, as far as the limit allows, as clamp has it for equal T0.
func (b *builder) fill(from *Batch) {
	b.n = from.count
	raw := from.raw
	if b.n < 1<<7 {
		raw = raw[1:]
	}
	binary.PutUvarint(raw[headSize:], uint64(b.n))
	last := b.first + hlc.Timestamp(b.n-1)
	b.v = Value{
		raw: raw, count: b.n, top: min(last, b.limit), reach: last, common: from.dests,
		weight: valueOverhead + len(raw), stripped: true, own: true,
	}
}

// stamp writes the timestamps into batches.
func (b *builder) stamp() {
	raw, t := b.v.raw, b.first
	_, at := uvarint(raw, headSize)
	for range b.n {
		binary.LittleEndian.PutUint64(raw[at:], uint64(t))
		at += 8
		at += stamp(raw[at:], b.t0)
		t = min(t+1, b.limit)
	}
}

// stamp writes T0 into the encoded message that b begins with, and returns its
// size.
func stamp(b []byte, t0 hlc.Timestamp) (size int) {
	_, at := uvarint(b, len(ids.Client{}))
	_, at = uvarint(b, at)
	binary.LittleEndian.PutUint64(b[at:], uint64(t0))
	_, at = uvarint(b, at+8)
	n, at := uvarint(b, at+8)
	length, at := uvarint(b, at+2*int(n))
	return at + int(length)
}
