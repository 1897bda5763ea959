package transport

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/eyrie-dev/eyrie/internal/wire"
)

// outgoing is bytes to be written: b, and between its bytes the tails of large
// messages, which are not copied.
type outgoing struct {
	b     []byte
	cuts  []wire.Cut // in order of At
	tails int        // bytes of all tails
	// The open frame, the last: where it begins, negative if there is none,
	// and the cuts and tails before it.
	open, openCuts, openTails int
}

func (o *outgoing) size() int { return len(o.b) + o.tails }

// openSize is the size of the open frame.
func (o *outgoing) openSize() int { return len(o.b) - o.open + o.tails - o.openTails }

// begin opens a frame at the end.
func (o *outgoing) begin() {
	o.open, o.openCuts, o.openTails = len(o.b), len(o.cuts), o.tails
	o.b = openFrame(o.b)
}

// add appends a message to the open frame; false when it is too large.
func (o *outgoing) add(m wire.Message) bool {
	t, ok := m.(wire.Tailed)
	if !ok {
		o.b, ok = appendMessage(o.b, m)
		return ok
	}
	at, before := len(o.b), len(o.cuts)
	o.b, o.cuts = t.AppendCut(append(o.b, byte(m.Kind()), 0, 0, 0), o.cuts)
	tails := 0
	for _, c := range o.cuts[before:] {
		tails += len(c.Tail)
	}
	n := len(o.b) - at - messageHeader + tails
	if n > MaxMessage {
		clear(o.cuts[before:])
		o.b, o.cuts = o.b[:at], o.cuts[:before]
		return false
	}
	o.b[at+1], o.b[at+2], o.b[at+3] = byte(n), byte(n>>8), byte(n>>16)
	o.tails += tails
	return true
}

// seal completes the open frame.
func (o *outgoing) seal() {
	frame := o.b[o.open:]
	binary.LittleEndian.PutUint32(frame[1:], uint32(o.openSize()-frameHeader))
	sum, at := crc32.Checksum(frame[:5], castagnoli), o.open+frameHeader
	for _, c := range o.cuts[o.openCuts:] {
		sum = crc32.Update(sum, castagnoli, o.b[at:c.At])
		sum = crc32.Update(sum, castagnoli, c.Tail)
		at = c.At
	}
	binary.LittleEndian.PutUint32(frame[5:], crc32.Update(sum, castagnoli, o.b[at:]))
	o.open = -1
}

// rest appends the pieces from byte n on to ps.
func (o *outgoing) rest(ps [][]byte, n int) [][]byte {
	piece := func(b []byte) {
		if n >= len(b) {
			n -= len(b)
			return
		}
		ps = append(ps, b[n:])
		n = 0
	}
	at := 0
	for _, c := range o.cuts {
		piece(o.b[at:c.At])
		piece(c.Tail)
		at = c.At
	}
	piece(o.b[at:])
	return ps
}
