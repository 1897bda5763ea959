package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
)

// ascending are the items of a state in the order of keys.
func (s state) ascending() (out []Item) {
	for k, v := range s {
		out = append(out, Item{Key: []byte(k), Value: []byte(v)})
	}
	slices.SortFunc(out, func(a, b Item) int { return bytes.Compare(a.Key, b.Key) })
	return out
}

// receive receives a checkpoint in parts, calling between before each.
func receive(t testing.TB, s Store, number uint64, whole state, part int, between func()) {
	t.Helper()
	w, err := s.Receive(number)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	for items := range slices.Chunk(whole.ascending(), part) {
		between()
		if err := w.Add(items); err != nil {
			t.Fatal(err)
		}
	}
	between()
	if err := w.Commit(whole.sum(), fmt.Appendf(nil, "manifest %d", number), 0); err != nil {
		t.Fatal(err)
	}
}

// someState has items of every size, several tables of them.
func someState(seed uint64) state {
	s := state{}
	for _, x := range changes(rand.New(rand.NewPCG(seed, 1)), 40_000, 100_000, 4000) {
		if !x.Gone {
			s[string(x.Key)] = string(x.Value)
		}
	}
	return s
}

// TestReceived: a checkpoint that was received replaces what there was, and is
// what the next builds on.
func TestReceived(t *testing.T) {
	both(t, func(t *testing.T, s Store) {
		write(t, s, 1, false, nil, changes(rand.New(rand.NewPCG(1, 2)), 500, 1000, 50))
		got := someState(1)
		receive(t, s, 2, got, 700, func() {
			if kept := s.Newest(); len(kept) != 1 || kept[0].Number != 1 {
				t.Fatalf("kept %v meanwhile", kept)
			}
		})
		check(t, s, 2, got)
		if kept := s.Newest(); len(kept) != 1 || string(kept[0].Manifest) != "manifest 2" {
			t.Fatalf("kept %v", kept)
		}
		next := write(t, s, 3, false, got, changes(rand.New(rand.NewPCG(3, 2)), 5000, 100_000, 50))
		check(t, s, 2, got)
		check(t, s, 3, next)
		if b, ok := s.(*Badger); ok {
			if err := b.Rest(); err != nil {
				t.Fatal(err)
			}
			check(t, s, 3, next)
		}
	})
}

// TestKilledReceiving: of a checkpoint that is not finished nothing counts, and
// one that is finished is there.
func TestKilledReceiving(t *testing.T) {
	dir := tempDir(t)
	s := open(t, dir)
	first := write(t, s, 1, false, nil, changes(rand.New(rand.NewPCG(1, 2)), 500, 1000, 50))
	got := someState(2)
	look := func(number uint64, want state) {
		at := filepath.Join(tempDir(t), "copy")
		copyDir(t, dir, at)
		after := open(t, at)
		if kept := after.Newest(); after.Damaged != nil || len(kept) == 0 || kept[0].Number != number {
			t.Fatalf("kept %v, not %d; %v", kept, number, after.Damaged)
		}
		check(t, after, number, want)
		check(t, after, 9, write(t, after, 9, false, want, changes(rand.New(rand.NewPCG(9, 2)), 50, 1000, 0)))
	}
	receive(t, s, 2, got, 6000, func() { look(1, first) })
	look(2, got)
	w, err := s.Receive(3)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Add(got.ascending()[:5000]); err != nil {
		t.Fatal(err)
	}
	w.Abort()
	check(t, s, 4, write(t, s, 4, false, got, changes(rand.New(rand.NewPCG(4, 2)), 50, 1000, 0)))
}

// TestReceivedOutOfOrder: items that come in another order, twice or as deletions are
// refused, and the checkpoint that had them never counts.
func TestReceivedOutOfOrder(t *testing.T) {
	s := open(t, tempDir(t))
	for _, items := range [][]Item{
		{{Key: []byte("b")}, {Key: []byte("a")}},
		{{Key: []byte("b")}, {Key: []byte("b")}},
		{{Key: []byte("b"), Gone: true}},
	} {
		w, err := s.Receive(1)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Add(items); !errors.Is(err, ErrDamaged) {
			t.Errorf("%v: %v", items, err)
		}
		if err := w.Commit(Sum{}, nil, 0); err == nil {
			t.Errorf("%v: committed", items)
		}
		w.Abort()
	}
	if kept := s.Newest(); len(kept) != 0 {
		t.Errorf("kept %v", kept)
	}
}

// BenchmarkReceive receives 200,000 small items, in parts as they come over the
// network.
func BenchmarkReceive(b *testing.B) {
	whole := state{}
	for i := range 200_000 {
		whole[fmt.Sprintf("v%07d", i)] = string(make([]byte, 100))
	}
	items := whole.ascending()
	s := open(b, tempDir(b))
	for number := uint64(1); b.Loop(); number++ {
		w, err := s.Receive(number)
		if err != nil {
			b.Fatal(err)
		}
		for part := range slices.Chunk(items, 1000) {
			if err := w.Add(part); err != nil {
				b.Fatal(err)
			}
		}
		if err := w.Commit(whole.sum(), nil, 0); err != nil {
			b.Fatal(err)
		}
	}
}
