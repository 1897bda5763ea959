package store

import (
	"errors"
	"maps"
	"testing"
)

// TestFlipLeavesWhatWasRead: a bit that flips on the disk is wrong for whoever
// reads it from then on, in every checkpoint that has it; what a process has
// read before is in its own memory.
func TestFlipLeavesWhatWasRead(t *testing.T) {
	s := NewMem()
	first := write(t, s, 1, true, nil, []Item{
		{Key: []byte("a"), Value: []byte("one")}, {Key: []byte("b"), Value: []byte("two")},
	})
	second := write(t, s, 2, false, first, []Item{{Key: []byte("c"), Value: []byte("three")}})
	for bit := range s.Size() {
		var loaded []Item
		if err := s.Load(2, func(items []Item) error {
			loaded = append(loaded, items...)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		read, _, err := s.Read(2, nil, 1<<10)
		if err != nil {
			t.Fatal(err)
		}
		s.Flip(bit)
		for what, items := range map[string][]Item{"loaded": loaded, "read": read} {
			got := state{}
			for _, x := range items {
				got[string(x.Key)] = string(x.Value)
			}
			if !maps.Equal(got, second) {
				t.Fatalf("bit %d: what was %s before became %q", bit, what, got)
			}
		}
		for _, number := range []uint64{1, 2} {
			common := number == 2 || bit < 8*uint64(len("aone")+len("btwo"))
			if _, err := load(t, s, number); errors.Is(err, ErrDamaged) != common {
				t.Fatalf("bit %d: checkpoint %d: %v", bit, number, err)
			}
		}
		s.Flip(bit) // and it is as it was
	}
}
