package partition

import (
	"fmt"
	"slices"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Values stay until their command has finished: they are copied out of the
// buffer in which they came with much else, unless they are most of it.
const (
	maxSignal = 64 // no values are in so little
	maxCopied = 32 << 10
)

// Decode decodes this package's messages; see wire.Decoder.
func Decode(kind wire.Kind, body []byte) (wire.Message, error) {
	r := wire.NewReader(body)
	var m wire.Message
	switch kind {
	case KindReply:
		m = decodeReply(&r)
	case KindConfirmation:
		m = decodeConfirmation(&r)
	case KindExchange:
		if len(body) > maxSignal && len(body) < maxCopied {
			r = wire.NewReader(slices.Clone(body))
		}
		m = decodeExchange(&r)
	case KindSignals:
		m = decodeSignals(&r)
	case KindPull:
		m = &Pull{Tag: readTag(&r)}
	case KindAnswer:
		a := &Answer{Tag: readTag(&r), Status: AnswerStatus(r.Byte()), Below: r.Position()}
		if a.Status < AnswerNotYet || a.Status > AnswerGone {
			r.Fail("answer out of range")
		}
		m = a
	case KindProgress:
		m = decodeProgress(&r)
	case KindCheck:
		m = &Check{Tag: readTag(&r), Digest: r.Uint64()}
	case KindReadRequest:
		m = decodeReadRequest(&r, body)
	case KindReadReply:
		m = decodeReadReply(&r)
	case KindStateSum:
		m = &StateSum{Count: r.Uvarint(), Position: r.Position(), Sum: r.Uint64()}
	default:
		return nil, fmt.Errorf("%w: kind %#x is not the partition's", wire.ErrMalformed, kind)
	}
	if err := r.Done(); err != nil {
		return nil, err
	}
	return m, nil
}

func appendTag(b []byte, t Tag) []byte {
	b = wire.AppendPosition(b, t.Position)
	b = wire.AppendCommand(b, t.Command)
	return wire.AppendUint32(b, uint32(t.Attempt))
}

func readTag(r *wire.Reader) Tag {
	return Tag{Position: r.Position(), Command: r.Command(), Attempt: ids.Attempt(r.Uint32())}
}

func appendKey(b []byte, k Key) []byte {
	return wire.AppendString(wire.AppendUint16(b, k.Collection), k.Name)
}

func readKey(r *wire.Reader) Key {
	return Key{Collection: r.Uint16(), Name: r.String()}
}

func appendRange(b []byte, g Range) []byte {
	b = wire.AppendUint16(b, g.Collection)
	b = wire.AppendString(b, g.Lo)
	b = wire.AppendString(b, g.Hi)
	b = wire.AppendBool(b, g.At != nil)
	if g.At != nil {
		b = wire.AppendString(b, *g.At)
	}
	return b
}

func readRange(r *wire.Reader) Range {
	g := Range{Collection: r.Uint16(), Lo: r.String(), Hi: r.String()}
	if r.Bool() {
		at := r.String()
		g.At = &at
	}
	return g
}

// Append implements wire.Message.
func (m *Exchange) Append(b []byte) []byte {
	b = appendTag(b, m.Tag)
	b = append(b, m.flags())
	return m.appendNames(appendValues(b, m.Vars, m.Parts))
}

func appendValues(b []byte, vars []Var, parts []Part) []byte {
	b = wire.AppendUvarint(b, uint64(len(vars)))
	for _, v := range vars {
		b = appendKey(b, v.Key)
		b = wire.AppendBool(b, v.OK)
		b = wire.AppendBytes(b, v.Value)
	}
	b = wire.AppendUvarint(b, uint64(len(parts)))
	for _, p := range parts {
		b = appendRange(b, p.Range)
		b = wire.AppendBool(b, p.Cut)
		b = wire.AppendUvarint(b, uint64(len(p.Items)))
		for _, it := range p.Items {
			b = wire.AppendString(b, it.Name)
			b = wire.AppendBytes(b, it.Value)
		}
	}
	return b
}

// Least bytes of an encoded Var, Part and PartItem.
const (
	minVar  = 2 + 1 + 1 + 1
	minPart = 2 + 1 + 1 + 1 + 1 + 1
	minItem = 1 + 1
)

// decodeExchange checks that a part's items are in order and in its range, so
// that whoever merges parts may rely on it.
func decodeExchange(r *wire.Reader) *Exchange {
	tag, flags := readTag(r), r.Byte()
	if flags >= exchangeSame<<1 {
		r.Fail("no such flags")
	}
	if flags&exchangeSame == 0 {
		var x struct { // mostly there is one value
			Exchange
			one [1]Var
		}
		x.Tag, x.Signal = tag, flags&exchangeSignal != 0
		x.readValues(r, x.one[:])
		x.readNames(r, flags, nil)
		return &x.Exchange
	}
	var x struct {
		Exchange
		one [1]Same
	}
	x.Tag, x.Signal = tag, flags&exchangeSignal != 0
	x.readValues(r, nil)
	x.readNames(r, flags, x.one[:])
	return &x.Exchange
}

// readValues reads what appendValues wrote; a single value goes into one, if
// there is room.
func (m *Exchange) readValues(r *wire.Reader, one []Var) {
	if n := r.Count(minVar); n > 0 {
		if m.Vars = one; n > len(one) {
			m.Vars = make([]Var, n)
		}
		for i := range m.Vars {
			m.Vars[i] = Var{Key: readKey(r), OK: r.Bool(), Value: r.Bytes()}
		}
	}
	if n := r.Count(minPart); n > 0 {
		m.Parts = make([]Part, n)
		for i := range m.Parts {
			p := &m.Parts[i]
			p.Range, p.Cut = readRange(r), r.Bool()
			k := r.Count(minItem)
			if k == 0 {
				continue
			}
			p.Items = make([]PartItem, k)
			for j := range p.Items {
				p.Items[j] = PartItem{Name: r.String(), Value: r.Bytes()}
			}
		}
	}
	if r.Err() == nil && !m.ordered() {
		r.Fail("items of a range out of order")
	}
}

func (m *Exchange) ordered() bool {
	for _, p := range m.Parts {
		if p.Cut && len(p.Items) == 0 {
			return false
		}
		for i, it := range p.Items {
			if !p.Range.spans(it.Name) || i > 0 && p.Items[i-1].Name >= it.Name {
				return false
			}
		}
	}
	return true
}

// Append implements wire.Message.
func (m *Pull) Append(b []byte) []byte { return appendTag(b, m.Tag) }

// Append implements wire.Message.
func (m *Answer) Append(b []byte) []byte {
	return wire.AppendPosition(append(appendTag(b, m.Tag), byte(m.Status)), m.Below)
}

// Append implements wire.Message.
func (m *Check) Append(b []byte) []byte { return wire.AppendUint64(appendTag(b, m.Tag), m.Digest) }

// Append implements wire.Message.
func (m *Progress) Append(b []byte) []byte {
	b = wire.AppendBool(wire.AppendPosition(b, m.Below), m.Ask)
	b = wire.AppendUvarint(b, uint64(len(m.Except)))
	for _, p := range m.Except {
		b = wire.AppendPosition(b, p)
	}
	return b
}

func decodeProgress(r *wire.Reader) *Progress {
	m := &Progress{Below: r.Position(), Ask: r.Bool()}
	n := r.Count(10)
	if n > maxExcept {
		r.Fail("too many exceptions")
		return m
	}
	if n > 0 {
		m.Except = make([]ids.Position, n)
	}
	for i := range m.Except {
		m.Except[i] = r.Position()
	}
	if r.Err() == nil && !m.ordered() {
		r.Fail("exceptions out of order")
	}
	return m
}

func (m *Progress) ordered() bool {
	for i, p := range m.Except {
		if !p.Less(m.Below) || i > 0 && !m.Except[i-1].Less(p) {
			return false
		}
	}
	return len(m.Except) <= maxExcept
}
