package ssmr

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
)

type (
	name  string
	octet byte
	pair  struct {
		Parent string
		Name   name
	}
	mixed struct {
		A string
		B int32
		C [2]octet
		D pair
		E bool
		F uint16
	}
)

func codecOf[K comparable](t *testing.T) KeyCodec[K] {
	t.Helper()
	c, err := keyCodecOf[K]()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// checkKeys shows for random keys that names decode to their keys, keep the
// order, and that no name is a prefix of another where that is promised.
func checkKeys[K comparable](t *testing.T, draw func(*rand.Rand) K, compare func(a, b K) int, prefixFree bool) {
	t.Helper()
	c := codecOf[K](t)
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		a, b := draw(r), draw(r)
		x, err1 := nameOf(c, a)
		y, err2 := nameOf(c, b)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if back, err := c.DecodeKey(x); err != nil || back != a {
			t.Fatalf("%#v came back as %#v, %v", a, back, err)
		}
		if got, want := strings.Compare(x, y), compare(a, b); got != want {
			t.Fatalf("%#v and %#v: order %d, names' order %d", a, b, want, got)
		}
		if prefixFree && a != b && strings.HasPrefix(x, y) {
			t.Fatalf("%#v begins with %#v", a, b)
		}
	}
}

// drawString draws short strings of bytes that matter, so that prefixes and
// escapes are frequent.
func drawString(r *rand.Rand) string {
	b := make([]byte, r.IntN(5))
	for i := range b {
		b[i] = []byte{0, 1, 2, 'a', 0xfe, 0xff}[r.IntN(6)]
	}
	return string(b)
}

func drawInt(r *rand.Rand) int64 { return int64(r.Uint64()) >> r.IntN(64) }

func comparePair(a, b pair) int {
	return cmp.Or(cmp.Compare(a.Parent, b.Parent), cmp.Compare(a.Name, b.Name))
}

func drawPair(r *rand.Rand) pair { return pair{drawString(r), name(drawString(r))} }

func TestKeysKeepOrder(t *testing.T) {
	checkKeys(t, drawString, cmp.Compare[string], false)
	checkKeys(t, func(r *rand.Rand) name { return name(drawString(r)) }, cmp.Compare[name], false)
	checkKeys(t, drawInt, cmp.Compare[int64], true)
	checkKeys(t, func(r *rand.Rand) int { return int(drawInt(r)) }, cmp.Compare[int], true)
	checkKeys(t, func(r *rand.Rand) int8 { return int8(drawInt(r)) }, cmp.Compare[int8], true)
	checkKeys(t, func(r *rand.Rand) uint64 { return uint64(drawInt(r)) }, cmp.Compare[uint64], true)
	checkKeys(t, func(r *rand.Rand) octet { return octet(drawInt(r)) }, cmp.Compare[octet], true)
	checkKeys(t, drawPair, comparePair, true)
	checkKeys(t, func(r *rand.Rand) [3]byte { return [3]byte{byte(r.IntN(2)), byte(r.IntN(2)), byte(r.Uint64())} },
		func(a, b [3]byte) int { return cmp.Compare(string(a[:]), string(b[:])) }, true)
	checkKeys(t, func(r *rand.Rand) mixed {
		return mixed{drawString(r), int32(r.IntN(3) - 1), [2]octet{octet(r.IntN(2)), 7}, drawPair(r), r.IntN(2) == 0, uint16(r.IntN(300))}
	}, compareMixed, true)
}

func compareMixed(a, b mixed) int {
	truth := func(v bool) int {
		if v {
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(a.A, b.A), cmp.Compare(a.B, b.B), cmp.Compare(a.C[0], b.C[0]), cmp.Compare(a.C[1], b.C[1]),
		comparePair(a.D, b.D), cmp.Compare(truth(a.E), truth(b.E)), cmp.Compare(a.F, b.F))
}

func TestTextKeysAreOrderedByText(t *testing.T) {
	c := codecOf[netip.Addr](t)
	for _, s := range []string{"10.0.0.1", "::1"} {
		a := netip.MustParseAddr(s)
		got, err := nameOf(c, a)
		if err != nil || got != s {
			t.Errorf("%v is named %q, %v", a, got, err)
		}
		if back, err := c.DecodeKey(got); err != nil || back != a {
			t.Errorf("%q came back as %v, %v", got, back, err)
		}
	}
	type entry struct {
		Host netip.Addr
		Port uint16
	}
	d := codecOf[entry](t)
	e := entry{netip.MustParseAddr("10.0.0.1"), 80}
	got, _ := nameOf(d, e)
	if back, err := d.DecodeKey(got); err != nil || back != e {
		t.Errorf("%q came back as %v, %v", got, back, err)
	}
}

// Stored state and placement depend on these names.
func TestKeyNamesAreStable(t *testing.T) {
	got, _ := nameOf(codecOf[mixed](t), mixed{"a\x00b", -2, [2]octet{8, 9}, pair{"", "x"}, true, 258})
	const want = "a\x00\xffb\x00\x01" + "\x7f\xff\xff\xff\xff\xff\xff\xfe" + "\x08\x09" +
		"\x00\x01" + "x\x00\x01" + "\x01" + "\x00\x00\x00\x00\x00\x00\x01\x02"
	if got != want {
		t.Errorf("%q, was %q", got, want)
	}
}

func decodeError[K comparable](t *testing.T, name string) {
	t.Helper()
	if k, err := codecOf[K](t).DecodeKey(name); !errors.Is(err, ErrKey) {
		t.Errorf("%q decodes as %#v, %v", name, k, err)
	}
}

func TestKeysAreStrict(t *testing.T) {
	decodeError[int8](t, "\x80\x00\x00\x00\x00\x00\x00\x80") // 128
	decodeError[uint16](t, "\x00\x00\x00\x00\x00\x01\x00\x00")
	decodeError[int](t, "\x80")
	decodeError[int](t, "\x80\x00\x00\x00\x00\x00\x00\x00\x00")
	decodeError[bool](t, "\x02")
	decodeError[bool](t, "")
	decodeError[[3]byte](t, "ab")
	decodeError[[3]byte](t, "abcd")
	decodeError[pair](t, "a\x00\x01b")
	decodeError[pair](t, "a\x00\x01b\x00")
	decodeError[pair](t, "a\x00\x02b\x00\x01")
	decodeError[pair](t, "a\x00\x01b\x00\x01c")
	decodeError[netip.Addr](t, "nowhere")
}

func TestKeyTypesWithoutOrderAreRefused(t *testing.T) {
	_, f := keyCodecOf[float64]()
	_, p := keyCodecOf[*int]()
	_, u := keyCodecOf[struct{ a int }]()
	_, c := keyCodecOf[struct{ A complex128 }]()
	_, i := keyCodecOf[any]()
	for n, err := range []error{f, p, u, c, i} {
		if !errors.Is(err, ErrKey) {
			t.Errorf("type %d: %v", n, err)
		}
	}
	bad := NewCollection[float64, int]("bad")
	if err := NewService("s", bad).Validate(); !errors.Is(err, ErrKey) {
		t.Errorf("a service with such a collection: %v", err)
	}
}

func FuzzKeys(f *testing.F) {
	f.Add("a\x00\xffb\x00\x01\x7f\xff\xff\xff\xff\xff\xff\xfe\x08\x09\x00\x01x\x00\x01\x01\x00\x00\x00\x00\x00\x00\x01\x02")
	c, err := keyCodecOf[mixed]()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name string) {
		k, err := c.DecodeKey(name)
		if err != nil {
			return
		}
		if again, err := nameOf(c, k); err != nil || again != name {
			t.Fatalf("%q decodes, and encodes as %q, %v", name, again, err)
		}
	})
}
