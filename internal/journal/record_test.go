package journal

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

func sample(seq uint64, body []byte, off int64) []byte {
	rec := make([]byte, span(len(body)))
	put(rec, &testID, seq, 3, 4, 5, [][]byte{body}, len(body))
	seal(rec, off, seq-1)
	return rec
}

// No sector that begins within a record has less than two bytes that are not
// zero, whatever the body and wherever it is.
func TestNoSectorOfARecordIsPoor(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range uint64(3000) {
		b := body(rng, rng.IntN(3000))
		switch i % 3 {
		case 0:
			clear(b)
		case 1: // a body that the first mask would turn into zeros
			rec := make([]byte, span(len(b)))
			put(rec, &testID, i+1, 3, 4, 5, nil, len(b))
			clear(b)
			xor(b, mask(rec, 1))
			for at := 0; at+8 <= len(b)/2; at += 8 { // half of it poor unmasked, half masked
				clear(b[at : at+8])
			}
		}
		off := rng.Int64N(512) &^ 7
		rec := sample(i+1, b, off)
		for at := int(-off & 511); at < len(rec); at += 512 {
			part := rec[at:min(at+512, len(rec))]
			if bytes.Count(part, []byte{0}) > len(part)-2 {
				t.Fatalf("body of %d at %d: sector %x", len(b), off, part)
			}
		}
		r, n := decode(bytes.Clone(rec), true)
		if n != len(rec) || !bytes.Equal(r.Body, b) || r.Seq != i+1 || r.Synced != i || r.Ensemble != 4 || r.Instance != 5 || r.segment != 3 || r.id != testID {
			t.Fatalf("decoded %+v, %d", r, n)
		}
	}
}

// A flipped bit of the first word is always noticed, without the rest.
func TestFirstWordProvesItself(t *testing.T) {
	for size := uint32(0); size < 5000; size += 7 {
		for bit := range 64 {
			b := le.AppendUint64(nil, firstWord(size)^1<<bit)
			if n, ok := bodyLen(b); ok {
				t.Fatalf("length %d became %d", size, n)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(sample(7, []byte("a body"), 0), 12)
	f.Add(sample(1, make([]byte, 1200), 512), 900)
	f.Add([]byte{}, 0)
	f.Fuzz(func(t *testing.T, b []byte, bit int) {
		for _, clear := range []bool{false, true} {
			r, n := decode(bytes.Clone(b), clear)
			if n < 0 || n > len(b) || n > 0 && n != span(len(r.Body)) {
				t.Fatalf("span %d of %d bytes, body of %d", n, len(b), len(r.Body))
			}
			if n > 0 {
				c := bytes.Clone(b)
				at := uint(bit) % uint(8*n)
				c[at/8] ^= 1 << (at % 8)
				if _, m := decode(c, clear); m != 0 {
					t.Fatalf("bit %d does not matter", at)
				}
			}
		}
	})
}
