package store

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
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

// TestReceivedOutOfOrder: from where items come in another order, twice or as
// deletions they are changes; the last one counts.
func TestReceivedOutOfOrder(t *testing.T) {
	s := open(t, tempDir(t))
	item := func(k, v string) Item { return Item{Key: []byte(k), Value: []byte(v)} }
	for n, items := range [][]Item{
		{item("b", "1"), item("a", "2")},
		{item("b", "1"), item("b", "2"), item("b", "3")},
		{item("b", "1"), item("c", "2"), {Key: []byte("b"), Gone: true}},
		{{Key: []byte("b"), Gone: true}, item("a", "1")},
	} {
		want := state{}
		for _, x := range items {
			if delete(want, string(x.Key)); !x.Gone {
				want[string(x.Key)] = string(x.Value)
			}
		}
		w, err := s.Receive(uint64(n + 1))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Add(items), w.Commit(want.sum(), nil, 0)); err != nil {
			t.Fatal(err)
		}
		check(t, s, uint64(n+1), want)
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

// changesOf reads what a checkpoint has otherwise than another, in parts.
func changesOf(t testing.TB, s Store, number, base uint64) (out []Item) {
	t.Helper()
	for after := []byte(nil); ; after = out[len(out)-1].Key {
		items, end, err := s.Changes(number, base, after, 3000)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range items {
			if len(out) > 0 && bytes.Compare(out[len(out)-1].Key, x.Key) >= 0 {
				t.Fatalf("%q after %q", x.Key, out[len(out)-1].Key)
			}
			out = append(out, x)
		}
		if end {
			return out
		}
	}
}

// TestChanges: what one checkpoint has otherwise than another makes the one of
// the other, also when it is added to what was received in order; and it is
// less than everything.
func TestChanges(t *testing.T) {
	both(t, func(t *testing.T, s Store) {
		r := rand.New(rand.NewPCG(11, 2))
		first := write(t, s, 1, true, nil, changes(r, 5000, 2000, 300))
		now := first
		for n := uint64(2); n < 6; n++ {
			w, err := s.Begin(n, false)
			if err != nil {
				t.Fatal(err)
			}
			if n == 3 { // what is given up must not do harm
				if err := w.Add(changes(r, 100, 2000, 30)); err != nil {
					t.Fatal(err)
				}
				w.Abort()
				if w, err = s.Begin(n, false); err != nil {
					t.Fatal(err)
				}
			}
			c := changes(r, 150, 2000, 30)
			now = maps.Clone(now)
			for _, x := range c {
				if delete(now, string(x.Key)); !x.Gone {
					now[string(x.Key)] = string(x.Value)
				}
			}
			if err := errors.Join(w.Add(c), w.Commit(now.sum(), nil, 1)); err != nil {
				t.Fatal(err)
			}
			diff := changesOf(t, s, n, 1)
			if len(diff) > len(now) {
				t.Errorf("%d changes, of %d items", len(diff), len(now))
			}
			to := open(t, tempDir(t))
			v, err := to.Receive(7)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(v.Add(first.ascending()), v.Add(diff), v.Commit(now.sum(), nil, 0)); err != nil {
				t.Fatal(err)
			}
			check(t, to, 7, now)
		}
		if _, _, err := s.Changes(5, 99, nil, 100); !errors.Is(err, ErrGone) {
			t.Errorf("changes since a checkpoint that is not kept: %v", err)
		}
	})
}
