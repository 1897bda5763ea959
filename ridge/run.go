package ridge

import (
	"bytes"
	"encoding/binary"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// A value that was received in full is kept as its bytes: an acceptor needs of
// the entries but what skim finds in one pass, and most messages are looked at
// once, when they are delivered. So neither memory for them is cleared, nor has
// the garbage collector to look for pointers in it.

// enter takes note of the next entry's timestamp.
func (v *Value) enter(t hlc.Timestamp) {
	v.count++
	v.top, v.reach = max(v.top, t), max(v.reach+1, t)
}

// share takes note of the destinations of the entry that was just entered.
func (v *Value) share(dests ids.Set) {
	if v.count == 1 {
		v.common = dests
	} else if !v.common.Equal(dests) {
		v.common = nil
	}
}

// skim looks through v.raw and leaves v stripped. It reports false where only
// readFull can tell what is wrong or, having different destinations, needs its
// entries. Invariant: what it lets pass readFull would read to the same value.
func (v *Value) skim() bool {
	w := Value{ID: v.ID, raw: v.raw, stripped: true}
	r := wire.NewReader(v.raw)
	w.Proposed, w.Null = r.Timestamp(), r.Timestamp()
	n := r.Count(8 + minMessage)
	if r.Err() != nil || n == 0 {
		return false
	}
	w.top, w.weight = w.Null, valueOverhead+len(w.raw)
	var d *listDigest
	if !w.ID.ofBytes() {
		d = newListDigest(w.Proposed, w.Null, n)
	}
	var (
		m     Message
		first []byte
		at    = len(w.raw) - r.Len()
	)
	for i := range n {
		if len(w.raw)-at < 8 {
			return false
		}
		t := hlc.Timestamp(binary.LittleEndian.Uint64(w.raw[at:]))
		at += 8
		dests, size := m.skim(w.raw[at:])
		switch {
		case size == 0:
			return false
		case i == 0:
			first = dests
		case !bytes.Equal(first, dests):
			return false
		}
		w.enter(t)
		if d != nil {
			d.add(t, digestOf(w.raw[at:at+size], m.Body))
		}
		at += size
	}
	var sum uint64
	if d != nil {
		sum = d.sum()
	} else {
		sum = w.digest()
	}
	if at != len(w.raw) || sum != w.ID.Digest {
		return false
	}
	r = wire.NewReader(first)
	var slab []ids.Partition
	if w.common = readSet(&r, &slab); r.Done() != nil || len(w.common) == 0 {
		return false
	}
	*v = w
	return true
}

// skim reads the message that b begins with, but its destinations, whose bytes it
// returns. The size is zero if the message is not well-formed.
func (m *Message) skim(b []byte) (dests []byte, size int) {
	if len(b) < minMessage {
		return nil, 0
	}
	copy(m.Command.Client[:], b)
	seq, at := uvarint(b, len(m.Command.Client))
	if len(b)-at < afterSequence {
		return nil, 0
	}
	// What takes a byte as a rule is read without a call.
	attempt := uint64(b[at])
	if at++; attempt >= 0x80 {
		attempt, at = uvarint(b, at-1)
	}
	if len(b)-at < afterAttempt {
		return nil, 0
	}
	m.T0 = hlc.Timestamp(binary.LittleEndian.Uint64(b[at:]))
	mark := uint64(b[at+8])
	if at += 9; mark >= 0x80 {
		mark, at = uvarint(b, at-1)
	}
	if len(b)-at < afterMark {
		return nil, 0
	}
	m.Guard = hlc.Timestamp(binary.LittleEndian.Uint64(b[at:]))
	from := at + 8
	sets := uint64(b[from])
	if at = from + 1; sets >= 0x80 {
		sets, at = uvarint(b, from)
	}
	if sets > wire.MaxDests || len(b)-at <= 2*int(sets) {
		return nil, 0
	}
	at += 2 * int(sets)
	dests = b[from:at]
	length := uint64(b[at])
	if at++; length >= 0x80 {
		length, at = uvarint(b, at-1)
	}
	if length > uint64(len(b)-at) || m.Command.Client.IsZero() || uint64(ids.Attempt(attempt)) != attempt {
		return nil, 0
	}
	m.Command.Sequence, m.Attempt, m.Mark, m.Body = ids.Sequence(seq), ids.Attempt(attempt), ids.Sequence(mark), nil
	if end := at + int(length); length > 0 {
		m.Body = b[at:end:end]
		at = end
	}
	return dests, at
}

// How much of a message comes at least after parts of it.
const (
	afterSequence = 1 + afterAttempt
	afterAttempt  = 8 + 1 + afterMark
	afterMark     = 8 + 1 + 1
)

// uvarint reads an integer in its shortest form, and returns where it ends. If
// there is none that is b's end, so that nothing can follow, and v is too large
// for any count. Most have as many bytes as the one before, so that the processor
// knows where they end before it has read them: without branches it would wait.
func uvarint(b []byte, at int) (v uint64, end int) {
	for s := uint(0); at < len(b); s += 7 {
		x := b[at]
		at++
		if x < 0x80 {
			if x == 0 && s > 0 || s == 63 && x > 1 {
				break
			}
			return v | uint64(x)<<s, at
		}
		if s == 63 {
			break
		}
		v |= uint64(x&0x7f) << s
	}
	return 1 << 63, len(b)
}

// cursor is a place among a value's entries: which is next and, in raw, where
// it begins; zero is before the first.
type cursor struct{ index, at int }

// begin moves a cursor that is before the first entry to it.
func (v *Value) begin(c *cursor) {
	if c.at == 0 {
		_, c.at = uvarint(v.raw, headSize)
	}
}

// first is the first entry's timestamp.
func (v *Value) first() hlc.Timestamp { return v.timestamp(&cursor{}) }

// timestamp is that of the entry at c.
func (v *Value) timestamp(c *cursor) hlc.Timestamp {
	if !v.stripped {
		return v.Entries[c.index].T
	}
	v.begin(c)
	return hlc.Timestamp(binary.LittleEndian.Uint64(v.raw[c.at:]))
}

// pull reads the entry at c and moves c's place in raw on. The message may be
// written to room. Only for values with common destinations.
func (v *Value) pull(c *cursor, room *Message) *Message {
	if !v.stripped {
		return v.Entries[c.index].Message
	}
	v.begin(c)
	_, size := room.skim(v.raw[c.at+8:])
	room.Dests = v.common
	c.at += 8 + size
	return room
}
