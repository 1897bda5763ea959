package chirper

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

func TestRosterDiffs(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var old roster
	small := 0
	for i := range 3000 {
		r := old
		for range 1 + rng.IntN(3) {
			u := User(rng.IntN(1 << rng.IntN(12)))
			if rng.IntN(3) == 0 {
				r = r.without(u)
			} else {
				r = r.with(u)
			}
		}
		if d, ok := diffRosters(old, r); ok {
			if got := patchRoster(old, d); !bytes.Equal(got, r) {
				t.Fatalf("%d: %x, want %x of %x by %x", i, got, r, old, d)
			}
			if len(d) < len(r)/8 {
				small++
			}
		} else if len(old) > 0 && len(r) > 0 {
			t.Fatalf("no diff from %x to %x", old, r)
		}
		old = r
	}
	if small < 300 {
		t.Errorf("%d small ones", small)
	}
}

// What is no diff panics, which WithDiff takes for a value to be shipped.
func FuzzRosterPatch(f *testing.F) {
	r := roster(nil).with(3).with(9)
	f.Add([]byte(r), []byte{3, 1, 0, 2})
	f.Fuzz(func(t *testing.T, old, d []byte) {
		defer func() { _ = recover() }()
		if got := patchRoster(old, d); len(got) > 2*len(old)+len(d)+10 {
			t.Fatalf("%d bytes of %d and %d", len(got), len(old), len(d))
		}
	})
}
