package transport

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/wire"
)

// long is a note whose last bytes need not be copied.
type long struct {
	note
	head int
}

func (l *long) Tails() bool { return len(l.body) > l.head }

// AppendCut cuts one tail or, if it is long, two, with a byte between.
func (l *long) AppendCut(b []byte, cuts []wire.Cut) (_ []byte, _ []wire.Cut, sum int) {
	b, tail := append(b, l.body[:l.head]...), l.body[l.head:]
	sum = len(b)
	if n := len(tail) / 2; n > wire.TailMin/2 {
		cuts = append(cuts, wire.Cut{At: len(b), Tail: tail[:n]})
		b, tail = append(b, tail[n]), tail[n+1:]
	}
	return b, append(cuts, wire.Cut{At: len(b), Tail: tail}), sum
}

// Messages with tails are framed like others, and from any byte on what is left
// to write is what it would be in one piece.
func TestTails(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		var o outgoing
		var want [][]byte
		o.open = -1
		for range 1 + rnd.IntN(12) {
			body := make([]byte, rnd.IntN(3*wire.TailMin))
			for i := range body {
				body[i] = byte(rnd.Uint32())
			}
			var m wire.Message = &note{kindNote, body}
			if rnd.IntN(2) == 0 {
				m = &long{note{kindNote, body}, rnd.IntN(min(len(body), 20) + 1)}
			}
			if rnd.IntN(3) == 0 {
				o.seal()
			}
			if !o.add(m) {
				t.Fatal("refused")
			}
			want = append(want, body)
		}
		o.seal()
		all := bytes.Join(o.rest(nil, 0), nil)
		if len(all) != o.size() {
			t.Fatalf("%d bytes, said to be %d", len(all), o.size())
		}
		if n := rnd.IntN(len(all) + 1); !bytes.Equal(bytes.Join(o.rest(nil, n), nil), all[n:]) {
			t.Fatalf("wrong from byte %d on", n)
		}
		ms, _, _ := readAll(bytes.NewReader(all), 1<<30)
		if len(ms) != len(want) {
			t.Fatalf("%d of %d messages", len(ms), len(want))
		}
		for i, m := range ms {
			if !bytes.Equal(m.(*note).body, want[i]) {
				t.Fatalf("message %d is another", i)
			}
		}
	}
}

// What a tailed message does not verify itself, its frame's checksum covers.
func TestPartlyCoveredFrame(t *testing.T) {
	var o outgoing
	o.open = -1
	m := &long{note{kindNote, bytes.Repeat([]byte{1}, 3*wire.TailMin)}, 20}
	if !o.add(m) {
		t.Fatal("refused")
	}
	whole := bytes.Join(o.rest(nil, 0), nil)
	covered := frameHeader + coveredSize + messageHeader + m.head
	for i := range covered {
		for _, flip := range []byte{0x01, 0x80} {
			b := bytes.Clone(whole)
			b[i] ^= flip
			if ms, _, _ := readAll(bytes.NewReader(b), 1<<30); len(ms) > 0 {
				t.Fatalf("byte %d changed by %#x: decodes", i, flip)
			}
		}
	}
	for n := range uint32(len(whole) + 5) {
		if n > 100 && int(n) < len(whole)-100 && n%101 != 0 {
			continue
		}
		b := bytes.Clone(whole)
		binary.LittleEndian.PutUint32(b[frameHeader:], n)
		if end := frameHeader + int(n); end >= frameHeader && end <= len(b) {
			binary.LittleEndian.PutUint32(b[5:], frameSum(b[:end]))
		}
		_, err := decodeFrame(nil, b, decodeNote)
		if ok := n >= coveredSize+messageHeader && int(n) <= len(b)-frameHeader; ok != (err == nil) {
			t.Fatalf("%d of %d bytes covered: %v", n, len(b), err)
		}
	}
	b := append(bytes.Clone(whole), 1, 0, 0, 0) // a second message
	binary.LittleEndian.PutUint32(b[1:], uint32(len(b)-frameHeader)|partly)
	binary.LittleEndian.PutUint32(b[5:], frameSum(b[:covered]))
	if _, err := decodeFrame(nil, b, decodeNote); err == nil {
		t.Fatal("a message beside one that is verified by its decoder alone")
	}
}
