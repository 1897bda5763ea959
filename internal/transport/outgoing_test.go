package transport

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/wire"
)

// long is a note whose last bytes need not be copied.
type long struct {
	note
	head int
}

// AppendCut cuts one tail or, if it is long, two, with a byte between.
func (l *long) AppendCut(b []byte, cuts []wire.Cut) ([]byte, []wire.Cut) {
	b, tail := append(b, l.body[:l.head]...), l.body[l.head:]
	if n := len(tail) / 2; n > wire.TailMin/2 {
		cuts = append(cuts, wire.Cut{At: len(b), Tail: tail[:n]})
		b, tail = append(b, tail[n]), tail[n+1:]
	}
	if len(tail) > 0 {
		cuts = append(cuts, wire.Cut{At: len(b), Tail: tail})
	}
	return b, cuts
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
			if o.open >= 0 && rnd.IntN(3) == 0 {
				o.seal()
			}
			if o.open < 0 {
				o.begin()
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
