package transport

import (
	"encoding/binary"

	"github.com/eyrie-dev/eyrie/internal/wire"
)

// outgoing is bytes to be written: b, and between its bytes the tails of large
// messages, which are not copied. A message with tails has a frame of its own.
type outgoing struct {
	room   *room
	b      []byte
	cuts   []wire.Cut // in order of At
	tails  int        // bytes of all tails
	frames int
	open   int // where the open frame, the last, begins; negative if there is none
}

func (o *outgoing) size() int { return len(o.b) + o.tails }

// openSize is the size of the open frame.
func (o *outgoing) openSize() int { return len(o.b) - o.open }

// begin sees to an open frame that has room.
func (o *outgoing) begin() {
	if o.open >= 0 && o.openSize() > frameTarget {
		o.seal()
	}
	if o.open < 0 {
		o.open = len(o.b)
		o.b = openFrame(o.b)
	}
}

// add appends a message; false when it is too large.
func (o *outgoing) add(m wire.Message) (ok bool) {
	if t, long := m.(wire.Tailed); long && t.Tails() {
		return o.addTailed(t)
	}
	o.begin()
	o.b, ok = appendMessage(o.b, m)
	return ok
}

// addTailed appends a frame.
func (o *outgoing) addTailed(m wire.Tailed) bool {
	o.seal()
	from, before := len(o.b), len(o.cuts)
	at := from + frameHeader + coveredSize
	o.b = append(openFrame(o.b), 0, 0, 0, 0)
	var sum, tails int
	o.b, o.cuts, sum = m.AppendCut(append(o.b, byte(m.Kind()), 0, 0, 0), o.cuts)
	for _, c := range o.cuts[before:] {
		tails += len(c.Tail)
	}
	n := len(o.b) - at - messageHeader + tails
	if n > MaxMessage {
		clear(o.cuts[before:])
		o.b, o.cuts = o.b[:from], o.cuts[:before]
		return false
	}
	o.b[at+1], o.b[at+2], o.b[at+3] = byte(n), byte(n>>8), byte(n>>16)
	o.tails += tails
	o.frames++
	frame := o.b[from:]
	binary.LittleEndian.PutUint32(frame[1:], uint32(len(frame)-frameHeader+tails)|partly)
	binary.LittleEndian.PutUint32(frame[frameHeader:], uint32(sum-from-frameHeader))
	binary.LittleEndian.PutUint32(frame[5:], frameSum(frame[:sum-from]))
	return true
}

// seal completes the open frame, if there is one.
func (o *outgoing) seal() {
	if o.open >= 0 {
		seal(o.b[o.open:])
		o.open = -1
		o.frames++
	}
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
