package ridge

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// mixed is a value of n entries with timestamps that repeat, for one set of
// destinations or for several.
func mixed(rng *rand.Rand, n int, sets ...ids.Set) *Value {
	es := make([]Entry, n)
	for i := range es {
		m := msg(i+1, epoch, 0)
		m.Command.Sequence, m.Mark = ids.Sequence(rng.Uint64()>>rng.IntN(64)|1), ids.Sequence(rng.Uint64()>>rng.IntN(64))
		m.Attempt = ids.Attempt(rng.IntN(300))
		m.Dests = sets[rng.IntN(len(sets))]
		if size := rng.IntN(200); size > 0 {
			m.Body = make([]byte, size)
		}
		es[i] = Entry{T: epoch + hlc.Timestamp(rng.IntN(n)), Message: m}
	}
	return newValue(1, 9, epoch, es, epoch*hlc.Timestamp(rng.IntN(2)))
}

// What skim lets pass is what readFull reads, whatever bytes come, and so is
// what is pulled from it.
func TestSkimIsAsStrict(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	passed := 0
	for range 20000 {
		v := mixed(rng, 1+rng.IntN(5), ids.NewSet(0, 2))
		raw := append([]byte(nil), v.raw...)
		for range rng.IntN(3) {
			switch at := rng.IntN(len(raw)); rng.IntN(3) {
			case 0:
				raw[at] = byte(rng.Uint32())
			case 1:
				raw[at] ^= 1 << rng.IntN(8)
			default:
				raw = append(raw[:at], append([]byte{byte(rng.IntN(3)) * 0x40}, raw[at:]...)...)
			}
		}
		full := &Value{ID: ValueID{Counter: rng.Uint64N(2)}, raw: raw}
		r := wire.NewReader(raw)
		full.readFull(&r)
		full.ID.Digest = full.digest()
		skimmed := &Value{ID: full.ID, raw: raw}
		if !skimmed.skim() {
			if r.Done() == nil && full.common != nil {
				t.Fatalf("well-formed and not skimmed: %+v", full)
			}
			continue
		}
		passed++
		if err := r.Done(); err != nil {
			t.Fatalf("skimmed, but: %v", err)
		}
		if bare := full.bare(); !reflect.DeepEqual(skimmed, bare) || !reflect.DeepEqual(skimmed.whole(), full) {
			t.Fatalf("skimmed %+v, want %+v", skimmed, bare)
		}
		var c cursor
		for i := range full.Entries {
			c.index = i
			at := skimmed.timestamp(&c)
			if m := skimmed.pull(&c, &Message{}); at != full.Entries[i].T || !reflect.DeepEqual(m, full.Entries[i].Message) {
				t.Fatalf("entry %d: %v %+v, want %+v", i, at, m, full.Entries[i])
			}
		}
	}
	if passed < 5000 {
		t.Errorf("%d passed", passed)
	}
	v := mixed(rng, 3, ids.NewSet(0))
	w := &Value{ID: v.ID, raw: v.raw}
	if w.ID.Digest++; w.skim() {
		t.Error("a value whose digest is not its content's passes")
	}
}

// Whether a learner takes a value as a run or entry by entry, it delivers the
// same at the same positions, and reaches the same key.
func TestRunsAreEntries(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		a, b := newRig(t, 4, 1, 4), newRig(t, 4, 1, 4)
		x, y := &a.core.ensembles[0].stream, &b.core.ensembles[0].stream
		for k := range ids.Instance(1 + rng.IntN(4)) {
			v := mixed(rng, 1+rng.IntN(6), ids.NewSet(a.core.partition))
			if rng.IntN(2) == 0 {
				x.take(k, v.bare(), 2)
			} else {
				x.take(k, v, 2)
			}
			y.takeEach(k, v, 2)
		}
		if x.last != y.last || x.count != y.count || x.highest() != y.highest() {
			t.Fatalf("last %v, %d entries up to %v; want %v, %d, %v", x.last, x.count, x.highest(), y.last, y.count, y.highest())
		}
		for y.count > 0 {
			k, _ := x.first()
			if want, _ := y.first(); k != want {
				t.Fatalf("next is %v, want %v", k, want)
			}
			m := y.front().message
			if got := x.next(&Message{}); !reflect.DeepEqual(got, m) {
				t.Fatalf("pulled %+v, want %+v", got, m)
			}
			x.pop()
			y.pop()
		}
		if x.count != 0 || x.bytes != 0 || len(x.items) != 0 {
			t.Fatalf("left over: %+v", x)
		}
	}
}

// The same integers as the standard library's, but only in their shortest form.
func TestUvarint(t *testing.T) {
	check := func(b []byte, at int) {
		t.Helper()
		want, n := binary.Uvarint(b[at:])
		end := at + n
		if n <= 0 || n > 1 && b[end-1] == 0 {
			want, end = 1<<63, len(b)
		}
		if v, e := uvarint(b, at); v != want || e != end {
			t.Fatalf("% x at %d: %d up to %d, want %d up to %d", b, at, v, e, want, end)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		b := make([]byte, random.IntN(14))
		for i := range b {
			b[i] = byte(random.Uint32()) | 0x80>>(random.IntN(4)/3*7)
			if random.IntN(8) == 0 {
				b[i] &= byte(random.Uint32()) & 0x81
			}
		}
		check(b, random.IntN(len(b)+1))
	}
	for bits := range 64 {
		for _, v := range []uint64{1 << bits, 1<<bits - 1, math.MaxUint64 - 1<<bits} {
			b := binary.AppendUvarint([]byte{1, 2, 3}, v)
			check(b, 3)
			check(b[:len(b)-1], 3)
			check(append(b, 0, 0), 3)
			b[len(b)-1] |= 0x80
			check(append(b, 0), 3)
			check(append(b, 1), 3)
		}
	}
}
