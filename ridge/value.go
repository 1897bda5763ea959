package ridge

import (
	"github.com/cespare/xxhash/v2"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// ValueID names a value. Invariant: it names one content for ever, since it
// holds a digest of the content [R7].
type ValueID struct {
	Origin  ids.Process // the coordinator that made it
	Counter uint64      // its how-manieth value
	Digest  uint64      // xxhash64 of the encoded batch
}

// Entry is a message with the timestamp its coordinator clamped it to.
// Invariant: the order uses T and the destinations decided here, never those
// of a copy received otherwise [R7].
type Entry struct {
	T       hlc.Timestamp
	Message *Message
}

// Value is what an instance decides: a batch of entries, then, if Null is not
// zero, a null message with that timestamp. A value without entries is a
// null. Values are immutable.
type Value struct {
	ID ValueID
	// Proposed is the median physical clock when the coordinator made the value.
	Proposed hlc.Timestamp
	Entries  []Entry
	Null     hlc.Timestamp
	// top is the highest timestamp in the value.
	top hlc.Timestamp
	// raw is the encoding that ID.Digest covers.
	raw []byte
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

// newValue makes a value and its encoding.
func newValue(origin ids.Process, counter uint64, proposed hlc.Timestamp, entries []Entry, null hlc.Timestamp) *Value {
	v := &Value{Proposed: proposed, Entries: entries, Null: null, top: null}
	n := 32
	for i := range entries {
		n += 8 + entries[i].Message.size()
	}
	b := make([]byte, 0, n)
	b = wire.AppendTimestamp(b, proposed)
	b = wire.AppendTimestamp(b, null)
	b = wire.AppendUvarint(b, uint64(len(entries)))
	for i := range entries {
		v.top = max(v.top, entries[i].T)
		b = wire.AppendTimestamp(b, entries[i].T)
		b = entries[i].Message.Append(b)
	}
	v.raw = b
	v.ID = ValueID{Origin: origin, Counter: counter, Digest: xxhash.Sum64(b)}
	return v
}

// size is what v counts for in logs.
func (v *Value) size() int { return len(v.raw) + 128 }

func appendValue(b []byte, v *Value) []byte {
	b = appendValueID(b, v.ID)
	return wire.AppendBytes(b, v.raw)
}

// readValue decodes a value; one whose digest is not its content's is refused.
func readValue(r *wire.Reader) *Value {
	v := &Value{ID: readValueID(r), raw: r.Bytes()}
	if r.Err() != nil {
		return nil
	}
	if xxhash.Sum64(v.raw) != v.ID.Digest {
		r.Fail("a value's digest is not its content's")
		return nil
	}
	c := wire.NewReader(v.raw)
	v.readContent(&c)
	if err := c.Done(); err != nil {
		r.Fail("bad value: " + err.Error())
		return nil
	}
	return v
}

func (v *Value) readContent(r *wire.Reader) {
	v.Proposed = r.Timestamp()
	v.Null = r.Timestamp()
	v.top = v.Null
	n := r.Count(8 + minMessage)
	if n == 0 {
		return
	}
	v.Entries = make([]Entry, n)
	messages := make([]Message, n)
	sets := make([]ids.Partition, 0, n)
	for i := range v.Entries {
		v.Entries[i].T = r.Timestamp()
		v.top = max(v.top, v.Entries[i].T)
		v.Entries[i].Message = &messages[i]
		messages[i].read(r, &sets)
		if r.Err() != nil {
			return
		}
	}
}
