package ridge

import (
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// The two forms of a value on the wire.
const (
	// formFull: every entry is its timestamp and its message; a change, if there
	// is one, follows a list without entries. Nothing stands
	// there twice: names and digests follow from the messages.
	formFull = iota
	// formList: every entry has flags, its timestamp, and then its message or,
	// in the place of an absent one, its name, destinations and digest.
	formList
)

// Flags of an entry in formList.
const (
	flagHeld = 1 << iota // the message is there
	flagCast
	flagsEnd
)

func appendValue(b []byte, v *Value) []byte {
	b = appendValueID(b, v.ID)
	switch {
	case v.absent > 0 || v.cast != nil:
		return v.appendCounted(append(b, formList), (*Value).appendList)
	case v.raw == nil:
		return v.appendCounted(append(b, formFull), (*Value).appendFull)
	}
	b = wire.AppendUvarint(append(b, formFull), uint64(v.rawSize()))
	at := 0
	for _, c := range v.cuts {
		b = append(append(b, v.raw[at:c.At]...), c.Tail...)
		at = c.At
	}
	return append(b, v.raw[at:]...)
}

// tails says whether much of v's encoding is at hand.
func (v *Value) tails() bool {
	return v.absent == 0 && v.cast == nil && (v.cuts != nil || len(v.raw) >= wire.TailMin)
}

// appendValueCut is appendValue for a value with tails, see wire.Tailed. All
// that comes after the id, the form and the length is verified by readValue:
// timestamps and messages' digests by the id [R7], all other bytes of a message
// by its digest, counts by where they lead.
func appendValueCut(b []byte, cuts []wire.Cut, v *Value) (_ []byte, _ []wire.Cut, sum int) {
	b = wire.AppendUvarint(append(appendValueID(b, v.ID), formFull), uint64(v.rawSize()))
	sum = len(b)
	if v.cuts == nil {
		return b, append(cuts, wire.Cut{At: sum, Tail: v.raw}), sum
	}
	for _, c := range v.cuts {
		cuts = append(cuts, wire.Cut{At: sum + c.At, Tail: c.Tail})
	}
	return append(b, v.raw...), cuts, sum
}

// rawSize is the size of the encoding that is at hand.
func (v *Value) rawSize() int {
	n := len(v.raw)
	for _, c := range v.cuts {
		n += len(c.Tail)
	}
	return n
}

// appendCounted appends what f appends, with its length before it. The length
// takes two bytes for what is usual, so that it need not be moved.
func (v *Value) appendCounted(b []byte, f func(*Value, []byte) []byte) []byte {
	at := len(b)
	b = f(v, append(b, 0, 0))
	n := len(b) - at - 2
	if n >= 1<<7 && n < 1<<14 {
		b[at], b[at+1] = byte(n)|0x80, byte(n>>7)
		return b
	}
	var head [10]byte
	h := wire.AppendUvarint(head[:0], uint64(n))
	if len(h) > 2 {
		b = append(b, h[2:]...) // room
	}
	copy(b[at+len(h):], b[at+2:at+2+n])
	copy(b[at:], h)
	return b[:at+len(h)+n]
}

func (v *Value) appendHead(b []byte) []byte {
	b = wire.AppendTimestamp(b, v.Proposed)
	b = wire.AppendTimestamp(b, v.Null)
	return wire.AppendUvarint(b, uint64(len(v.Entries)))
}

func (v *Value) appendFull(b []byte) []byte {
	b = v.appendHead(b)
	for i := range v.Entries {
		b = wire.AppendTimestamp(b, v.Entries[i].T)
		b = v.Entries[i].Message.Append(b)
	}
	if v.change != nil {
		b = v.change.append(b)
	}
	return b
}

func (v *Value) appendList(b []byte) []byte {
	b = v.appendHead(b)
	for i := range v.Entries {
		x := &v.Entries[i]
		flags := byte(0)
		if x.Message != nil {
			flags |= flagHeld
		}
		if v.cast.has(i) {
			flags |= flagCast
		}
		b = wire.AppendTimestamp(append(b, flags), x.T)
		if x.Message != nil {
			b = x.Message.Append(b)
			continue
		}
		n := &v.names[i]
		b = wire.AppendCommand(b, n.copy.command)
		b = wire.AppendUvarint(b, uint64(n.copy.attempt))
		b = wire.AppendSet(b, n.dests)
		b = wire.AppendUint64(b, x.Digest)
	}
	return b
}

// readValue decodes a value; one whose digest is not its content's is refused.
func readValue(r *wire.Reader) *Value {
	v := &Value{ID: readValueID(r)}
	form, body := r.Byte(), r.Bytes()
	if r.Err() != nil {
		return nil
	}
	c := wire.NewReader(body)
	switch form {
	case formFull:
		v.readRaw(r, body)
		return v
	case formList:
		v.readList(&c, body)
	default:
		c.Fail("unknown form")
	}
	v.verify(r, &c)
	return v
}

// readRaw decodes a value that is there in full, and knows its ID, into v.
// Mistakes are r's.
func (v *Value) readRaw(r *wire.Reader, body []byte) {
	v.raw = body
	if v.skim() {
		return
	}
	c := wire.NewReader(body)
	v.readFull(&c)
	v.verify(r, &c)
}

// verify makes r fail unless c read v without a mistake and to its end, and v's
// digest is its content's.
func (v *Value) verify(r, c *wire.Reader) {
	if err := c.Done(); err != nil {
		r.Fail("bad value: " + err.Error())
	} else if v.raw == nil && v.ID.ofBytes() {
		r.Fail("a list that is to be had as a whole only")
	} else if v.digest() != v.ID.Digest {
		r.Fail("a value's digest is not its content's")
	}
}

// readHead reads what comes before the entries, which take at least size bytes
// each, and makes room for them.
func (v *Value) readHead(r *wire.Reader, size int) (n int) {
	v.Proposed, v.Null = r.Timestamp(), r.Timestamp()
	v.top, v.weight = v.Null, valueOverhead
	if n = r.Count(size); n > 0 {
		v.Entries = make([]Entry, n)
	}
	return n
}

func (v *Value) readFull(r *wire.Reader) {
	n := v.readHead(r, 8+minMessage)
	v.weight += len(v.raw)
	if n == 0 {
		if r.Len() > 0 {
			v.change = readChange(r)
		}
		return
	}
	messages := make([]Message, n)
	sets := make([]ids.Partition, 0, n)
	for i := range v.Entries {
		x := &v.Entries[i]
		x.T = r.Timestamp()
		v.enter(x.T)
		x.Message = &messages[i]
		at := len(v.raw) - r.Len()
		x.Message.read(r, &sets)
		if r.Err() != nil {
			return
		}
		v.share(x.Message.Dests)
		if !v.ID.ofBytes() {
			x.Digest = digestOf(v.raw[at:len(v.raw)-r.Len()], x.Message.Body)
		}
	}
}

// minName is the size of the smallest entry without its payload.
const minName = 1 + 8 + 16 + 1 + 1 + 1 + 2 + 8

func (v *Value) readList(r *wire.Reader, body []byte) {
	n := v.readHead(r, minName)
	sets := make([]ids.Partition, 0, n)
	for i := range v.Entries {
		x := &v.Entries[i]
		flags := r.Byte()
		if flags >= flagsEnd {
			r.Fail("unknown flags")
		}
		if flags&flagCast != 0 {
			v.cast = v.cast.with(i, n)
		}
		x.T = r.Timestamp()
		v.enter(x.T)
		if flags&flagHeld != 0 {
			at := len(body) - r.Len()
			x.Message = &Message{}
			x.Message.read(r, &sets)
			x.Digest = digestOf(body[at:len(body)-r.Len()], x.Message.Body)
			v.weight += x.Message.size() + entryOverhead
		} else {
			v.readName(r, i, &sets)
		}
		if r.Err() != nil {
			return
		}
	}
	if v.absent == 0 && v.cast == nil {
		r.Fail("a full value as a list")
	}
}

// readName reads what stands in the place of an absent message.
func (v *Value) readName(r *wire.Reader, i int, sets *[]ids.Partition) {
	if v.names == nil {
		v.names = make([]name, len(v.Entries))
	}
	v.absent++
	n := &v.names[i]
	n.copy.command = r.Command()
	n.copy.attempt = readAttempt(r)
	n.dests = readSet(r, sets)
	v.Entries[i].Digest = r.Uint64()
	v.weight += nameWeight(n.dests)
	checkName(r, n.copy.command, n.dests)
}

// nameWeight is what an entry without its payload weighs.
func nameWeight(dests ids.Set) int { return 64 + entryOverhead + 2*len(dests) }

func readAttempt(r *wire.Reader) ids.Attempt {
	v := r.Uvarint()
	if uint64(ids.Attempt(v)) != v {
		r.Fail("attempt out of range")
	}
	return ids.Attempt(v)
}

// checkName refuses names that no correct proposer writes.
func checkName(r *wire.Reader, c ids.Command, dests ids.Set) {
	switch {
	case r.Err() != nil:
	case len(dests) == 0:
		r.Fail("no destination")
	case c.Client.IsZero():
		r.Fail("no command")
	}
}
