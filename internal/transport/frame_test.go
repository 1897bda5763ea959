package transport

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/eyrie-dev/eyrie/internal/wire"
)

// frames encodes notes, a frame for each slice.
func frames(notes ...[]*note) []byte {
	var b []byte
	for _, ns := range notes {
		b = append(b, frame(ns...)...)
	}
	return b
}

// readMessages reads once and decodes what is complete, appending to ms.
func (f *frameReader) readMessages(ms []wire.Message) ([]wire.Message, error) {
	if _, err := f.read(); err != nil {
		return ms, err
	}
	ms, _, _, err := f.messages(ms, decodeNote)
	return ms, err
}

func readAll(r io.Reader, budget int64) (ms []wire.Message, left int64, err error) {
	var b atomic.Int64
	b.Store(budget)
	f := newFrameReader(r, &b, slabMax)
	for err == nil {
		ms, err = f.readMessages(ms)
	}
	f.close()
	return ms, b.Load(), err
}

// Of large frames that are alike nothing is cut, so nothing is copied from slab to
// slab, whatever their size, with small ones between them.
func TestLargeFramesAreNotCut(t *testing.T) {
	for _, size := range []int{64_000, 64 << 10, 100_000, 200_000} {
		var budget atomic.Int64
		large, small := frame(&note{kindNote, make([]byte, size)}), frame(&note{kindNote, make([]byte, 20)})
		f := newFrameReader(&endless{b: append(large, small...)}, &budget, slabProcess)
		cut, all := 0, 0
		for all < 64<<20 {
			n, err := f.read()
			if err != nil {
				t.Fatal(err)
			}
			if _, _, _, err = f.messages(nil, decodeNote); err != nil {
				t.Fatal(err)
			}
			if all += n; all > 16<<20 {
				cut += f.end - f.start // read up to the slab's end
			}
		}
		if cut > all/100 {
			t.Errorf("frames of %d bytes: %d of %d bytes were copied", size, cut, all)
		}
	}
}

// Of what comes in packets, each a whole write but of 64 kB at most, little is copied
// from slab to slab, and slabs hold little else: where frames are a little longer
// than a packet, so that reads are of much and of little, and where they take all of a
// slab. Where each second is a little longer than the last, only its first packet is copied.
// Many small ones after a large one cost room, but not without bound.
func TestPacketsAreNotCut(t *testing.T) {
	const packet = 65_483
	for _, c := range []struct {
		large     []int
		smalls    int
		more, cut float64
	}{
		{[]int{67_700}, 1, 0.05, 0.01},
		{[]int{131_000, 137_000}, 1, 0.6, 0.3},
		{[]int{264_000}, 1, 0.05, 0.01},
		{[]int{67_700}, 200, 1.5, 1},
	} {
		var budget atomic.Int64
		var slab *byte
		f := newFrameReader(nil, &budget, slabProcess)
		copied, room, all := 0, 0, 0
		take := func(size int) {
			for b := frame(&note{kindNote, make([]byte, size)}); len(b) > 0; {
				have := f.end - f.start
				free, err := f.space()
				if err != nil {
					t.Fatal(err)
				}
				if slab != &f.buf[0] {
					slab = &f.buf[0]
					copied, room = copied+have, room+len(f.buf)
				}
				n := copy(free, b[:min(len(b), packet)])
				f.took(n)
				if _, _, _, err := f.messages(nil, decodeNote); err != nil {
					t.Fatal(err)
				}
				all, b = all+n, b[n:]
			}
		}
		for i := 0; all < 64<<20; i++ {
			take(c.large[i%len(c.large)])
			for range c.smalls {
				take(50)
			}
		}
		more, cut := float64(room)/float64(all)-1, float64(copied)/float64(all)
		t.Logf("%d and %d small ones: %.3f more room, %.3f copied", c.large, c.smalls, more, cut)
		if more > c.more || cut > c.cut {
			t.Errorf("frames of %d bytes and %d small ones: slabs had %.2f more bytes than came, and %.2f were copied", c.large, c.smalls, more, cut)
		}
	}
}

// endless reads b over and over.
type endless struct {
	b  []byte
	at int
}

func (r *endless) Read(b []byte) (n int, err error) {
	for n < len(b) {
		c := copy(b[n:], r.b[r.at:])
		n += c
		r.at = (r.at + c) % len(r.b)
	}
	return n, nil
}

// However the stream is cut into reads, the same messages come out, and no
// later read changes an earlier message.
func TestReaderAgainstAnyCut(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		var all []*note
		var stream []byte
		for range 1 + rnd.IntN(30) {
			var ns []*note
			for range rnd.IntN(4) {
				b := make([]byte, rnd.IntN(1<<rnd.IntN(18)))
				for i := range b {
					b[i] = byte(rnd.Uint32())
				}
				ns = append(ns, &note{kindNote, b})
			}
			all = append(all, ns...)
			stream = append(stream, frame(ns...)...)
		}
		for name, r := range map[string]io.Reader{
			"whole":  bytes.NewReader(stream),
			"halves": iotest.HalfReader(bytes.NewReader(stream)),
			"late":   iotest.DataErrReader(bytes.NewReader(stream)),
			"random": &randomReader{bytes.NewReader(stream), rnd},
		} {
			ms, left, err := readAll(r, 1<<30)
			if err != io.EOF || left != 1<<30 || len(ms) != len(all) {
				t.Fatalf("%s: %d messages of %d, %d bytes of budget left, %v", name, len(ms), len(all), left, err)
			}
			for i, m := range ms {
				if !bytes.Equal(m.(*note).body, all[i].body) {
					t.Fatalf("%s: message %d is another", name, i)
				}
			}
		}
	}
}

type randomReader struct {
	r   io.Reader
	rnd *rand.Rand
}

func (r *randomReader) Read(b []byte) (int, error) {
	return r.r.Read(b[:min(len(b), 1+r.rnd.IntN(3000))])
}

func TestBeatsNeedNoNewBuffer(t *testing.T) {
	beat := frame()
	var budget atomic.Int64
	f := newFrameReader(&repeat{beat}, &budget, slabMax)
	if _, err := f.read(); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		for b, err := f.next(); b != nil; b, err = f.next() {
			if err != nil {
				t.Fatal(err)
			}
		}
		if _, err := f.read(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a beat", n)
	}
}

type repeat struct{ b []byte }

func (r *repeat) Read(b []byte) (int, error) { return copy(b, r.b), nil }

// FuzzFrames reads arbitrary bytes as a stream: no panic, no memory beyond
// the bytes given, and what is accepted encodes to the same bytes again.
func FuzzFrames(f *testing.F) {
	f.Add(frame())
	f.Add(frames([]*note{text("one"), text("two")}, nil, []*note{text("")}))
	f.Add(frame(text("x"))[:12])
	f.Add([]byte{Version, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, stream []byte) {
		ms, left, err := readAll(bytes.NewReader(stream), 1<<20)
		if left != 1<<20 {
			t.Fatalf("%d bytes of budget left", left)
		}
		if err != io.EOF && !errors.Is(err, errFrame) {
			t.Fatal(err)
		}
		for _, m := range ms {
			if b := m.Append(nil); !bytes.Contains(stream, b) {
				t.Fatalf("message %q from %q", b, stream)
			}
		}
	})
}
