package ridge

import (
	"github.com/zeebo/xxh3"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// ValueID names a value. Invariant: it names one content for ever, since it
// holds a digest of the content [R7].
type ValueID struct {
	Origin  ids.Process // the coordinator that made it
	Counter uint64      // twice its how-manieth value, and one if the digest is of bytes
	// Digest is of the list, timestamps and the messages' digests, or, where nobody
	// may be sent the value without payloads, of its encoding, which costs a
	// quarter of that.
	Digest uint64
}

// ofBytes says what the digest is of. A value that it is so for is never sent
// without payloads.
func (id *ValueID) ofBytes() bool { return id.Counter&1 != 0 }

// Entry is a message with the timestamp its coordinator clamped it to.
// Invariant: the order uses T and the destinations decided here, never those
// of a copy received otherwise [R7].
type Entry struct {
	T hlc.Timestamp
	// Digest is the message's (Message.Digest). It covers its name, its
	// destinations and its payload.
	Digest uint64
	// Message is nil where this process got the entry without its payload.
	Message *Message
}

// Value is what an instance decides: a list of entries, then, if Null is not
// zero, a null message with that timestamp; or a change of the members. A value
// without any of these is a null. Values are immutable.
//
// A value may lack payloads; its id is the same with and without. Invariant: an
// acceptor votes for, and knows as decided, complete values only [R6].
type Value struct {
	ID ValueID
	// Proposed is the median physical clock when the coordinator made the value.
	Proposed hlc.Timestamp
	Entries  []Entry
	Null     hlc.Timestamp
	// names has what is decided of the entries without payload, at their
	// places; it is nil if absent, the number of these, is zero.
	names  []name
	absent int
	// cast: the proposer has said that it sent the message straight to all
	// replicas of its destinations. A hint, not part of what is decided.
	cast bitset
	// top is the highest timestamp in the value.
	top hlc.Timestamp
	// count is the number of entries, reach the timestamp of the last one if
	// all before are raised where they must be (see lastAfter).
	count int
	reach hlc.Timestamp
	// change is set in place of entries.
	change *Change
	// common is the destinations of every entry where all have the same and all
	// payloads are there, else nil.
	common ids.Set
	// raw is the encoding with all payloads, if it is at hand; without the
	// large ones, which lie where their proposer's message has them, if there
	// are cuts.
	raw    []byte
	cuts   []wire.Cut
	weight int
	// stripped: Entries are left out, since they can be read from raw: of a
	// value that was received, until it is delivered, and of one that a log
	// keeps for others alone. Whoever needs Entries takes whole's.
	stripped bool
	// own: it is of this process's own messages alone, none of which may have come
	// twice. Of no matter elsewhere.
	own bool
}

// name is what the list says of a message besides its timestamp and digest.
type name struct {
	copy  copyID
	dests ids.Set
}

// bitset is a set of small numbers.
type bitset []uint64

func (b bitset) has(i int) bool { return i>>6 < len(b) && b[i>>6]>>(i&63)&1 != 0 }

// with adds i, of 0 to n-1.
func (b bitset) with(i, n int) bitset {
	if b == nil {
		b = make(bitset, (n+63)/64)
	}
	b[i>>6] |= 1 << (i & 63)
	return b
}

const valueIDSize = 18

func appendValueID(b []byte, id ValueID) []byte {
	b = wire.AppendUint16(b, uint16(id.Origin))
	b = wire.AppendUint64(b, id.Counter)
	return wire.AppendUint64(b, id.Digest)
}

func readValueID(r *wire.Reader) ValueID {
	return ValueID{Origin: ids.Process(r.Uint16()), Counter: r.Uint64(), Digest: r.Uint64()}
}

// dests are the decided destinations of entry i.
func (v *Value) dests(i int) ids.Set {
	if m := v.Entries[i].Message; m != nil {
		return m.Dests
	}
	return v.names[i].dests
}

// name is what is decided of entry i's name and destinations.
func (v *Value) name(i int) name {
	if m := v.Entries[i].Message; m != nil {
		return name{idOf(m), m.Dests}
	}
	return v.names[i]
}

// size is what v counts for in logs.
func (v *Value) size() int { return v.weight }

// overhead is what a value and an entry weigh besides the message.
const (
	valueOverhead = 128
	entryOverhead = 32
)

// digest is what v's id must hold.
func (v *Value) digest() uint64 {
	if v.ID.ofBytes() {
		return xxh3.Hash(v.raw)
	}
	return v.listDigest()
}

func (v *Value) listDigest() uint64 {
	d := newListDigest(v.Proposed, v.Null, len(v.Entries))
	for i := range v.Entries {
		d.add(v.Entries[i].T, v.Entries[i].Digest)
	}
	if v.change != nil {
		d.add(0, v.change.digest())
	}
	return d.sum()
}

// builder makes a value and its encoding in one pass.
type builder struct {
	v Value
	n int
	// Of batches: T0 of its messages, its first timestamp, and the highest
	// that it may have.
	t0, first, limit hlc.Timestamp
}

// headSize is where the entries' encoding begins, without their count.
const headSize = 16

// referred is how long a payload must be for its value to refer to it: shorter
// ones are copied, so that a log does not keep much else that lies beside them.
const referred = 16 << 10

// newBuilder begins a value of n entries whose messages weigh bytes, without
// those that are referred to.
func newBuilder(n, bytes int) *builder {
	b := &builder{n: n}
	if n > 0 {
		b.v.Entries = make([]Entry, 0, n)
	}
	raw := make([]byte, headSize, headSize+10+8*n+bytes)
	b.v.raw = wire.AppendUvarint(raw, uint64(n))
	return b
}

// add adds a message.
func (b *builder) add(t hlc.Timestamp, s *sealed) {
	v := &b.v
	v.raw = wire.AppendTimestamp(v.raw, t)
	digest := s.digest
	switch {
	case len(s.message.Body) >= referred:
		digest = b.refer(s)
	case s.raw != nil:
		v.raw = append(v.raw, s.raw...)
	default:
		v.raw = s.message.Append(v.raw)
	}
	if s.cast {
		v.cast = v.cast.with(len(v.Entries), b.n)
	}
	v.enter(t)
	v.share(s.message.Dests)
	v.Entries = append(v.Entries, Entry{T: t, Digest: digest, Message: s.message})
}

// refer is add for a large message: all but its body is copied. The result is
// its digest.
func (b *builder) refer(s *sealed) uint64 {
	v, m := &b.v, s.message
	at := len(v.raw)
	v.raw = wire.AppendUvarint(m.appendHead(v.raw), uint64(len(m.Body)))
	v.cuts = append(v.cuts, wire.Cut{At: len(v.raw), Tail: m.Body})
	if s.digest != 0 {
		return s.digest
	}
	return longDigest(v.raw[at:], m.Body)
}

// done ends the value and gives it its id.
func (b *builder) done(origin ids.Process, counter uint64, proposed, null hlc.Timestamp) *Value {
	v := &b.v
	v.Proposed, v.Null = proposed, null
	v.top = max(v.top, null)
	wire.AppendTimestamp(wire.AppendTimestamp(v.raw[:0], proposed), null)
	v.weight = v.rawSize() + valueOverhead
	v.ID = ValueID{Origin: origin, Counter: counter << 1}
	if v.stripped {
		b.stamp()
	}
	if v.count > 0 && v.cast == nil && v.cuts == nil {
		v.ID.Counter |= 1
	} else {
		for i := range v.Entries {
			if x := &v.Entries[i]; x.Digest == 0 { // not hashed yet
				x.Digest = x.Message.Digest()
			}
		}
	}
	v.ID.Digest = v.digest()
	return v
}

// newValue makes a value of entries.
func newValue(origin ids.Process, counter uint64, proposed hlc.Timestamp, entries []Entry, null hlc.Timestamp) *Value {
	n := 0
	for i := range entries {
		n += entries[i].Message.copied()
	}
	b := newBuilder(len(entries), n)
	var s sealed
	for i := range entries {
		s.message = entries[i].Message
		b.add(entries[i].T, &s)
	}
	return b.done(origin, counter, proposed, null)
}
