package store

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// state is what a checkpoint should hold.
type state map[string]string

func (s state) sum() (sum Sum) {
	for k, v := range s {
		sum.Add(Item{Key: []byte(k), Value: []byte(v)})
	}
	return sum
}

// write writes a checkpoint with changes, and returns what it holds then.
func write(t testing.TB, s Store, number uint64, whole bool, before state, changes []Item) state {
	t.Helper()
	after := maps.Clone(before)
	if whole || after == nil {
		after = state{}
	}
	oldest := uint64(0)
	if kept := s.Newest(); len(kept) > 0 {
		oldest = kept[0].Number
	}
	w, err := s.Begin(number, whole)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	for part := range slices.Chunk(changes, 500) {
		if err := w.Add(part); err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range changes {
		if x.Gone {
			delete(after, string(x.Key))
		} else {
			after[string(x.Key)] = string(x.Value)
		}
	}
	if err := w.Commit(after.sum(), fmt.Appendf(nil, "manifest %d", number), oldest); err != nil {
		t.Fatal(err)
	}
	return after
}

// load is what a checkpoint holds; the error is Load's.
func load(t testing.TB, s Store, number uint64) (state, error) {
	t.Helper()
	got, last := state{}, []byte(nil)
	err := s.Load(number, func(items []Item) error {
		for _, x := range items {
			if last != nil && bytes.Compare(x.Key, last) <= 0 {
				t.Fatalf("key %q after %q", x.Key, last)
			}
			last = bytes.Clone(x.Key)
			got[string(x.Key)] = string(x.Value)
		}
		return nil
	})
	return got, err
}

func check(t testing.TB, s Store, number uint64, want state) {
	t.Helper()
	got, err := load(t, s, number)
	if err != nil {
		t.Fatalf("checkpoint %d: %v", number, err)
	}
	if !maps.Equal(got, want) {
		t.Fatalf("checkpoint %d has %d items, and not the %d written", number, len(got), len(want))
	}
	read := state{}
	for after := []byte(nil); ; {
		items, end, err := s.Read(number, after, 20_000)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range items {
			read[string(x.Key)] = string(x.Value)
		}
		if end {
			break
		}
		after = items[len(items)-1].Key
	}
	if !maps.Equal(read, want) {
		t.Fatalf("checkpoint %d as it is read in parts differs", number)
	}
}

// changes are random changes; some values are of several chunks, keys have
// zeros and share beginnings, and a fifth are deletions.
func changes(r *rand.Rand, n, keys, large int) []Item {
	var out []Item
	for range n {
		k := r.IntN(keys)
		x := Item{Key: fmt.Appendf(nil, "v%s%d", bytes.Repeat([]byte{byte(k % 3)}, k%5), k/7), Gone: r.IntN(5) == 0}
		if !x.Gone {
			x.Value = bytes.Repeat([]byte{byte(r.IntN(256))}, r.IntN(200))
			if large > 0 && r.IntN(large) == 0 {
				x.Value = bytes.Repeat(x.Value, 4000)
			}
		}
		out = append(out, x)
	}
	return out
}

func both(t *testing.T, f func(t *testing.T, s Store)) {
	t.Run("mem", func(t *testing.T) { f(t, NewMem()) })
	t.Run("badger", func(t *testing.T) {
		s, err := Open(tempDir(t))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		f(t, s)
	})
}

// TestTwoNewest: the newest two can be read, also while another is written,
// and deletions and values that shrink and grow are as they should be.
func TestTwoNewest(t *testing.T) {
	both(t, func(t *testing.T, s Store) {
		r := rand.New(rand.NewPCG(1, 2))
		var older, newest state
		for number := uint64(1); number < 30; number++ {
			next := changes(r, 200, 1000, 50)
			if number > 2 {
				w, err := s.Begin(number, false)
				if err != nil {
					t.Fatal(err)
				}
				if err := w.Add(next[:100]); err != nil {
					t.Fatal(err)
				}
				check(t, s, number-1, newest)
				if number != 12 {
					check(t, s, number-2, older)
				}
				w.Abort()
			}
			// What was given up must not show.
			older, newest = newest, write(t, s, number, number == 11, newest, next)
			check(t, s, number, newest)
			kept := s.Newest()
			if want := 2; len(kept) != want && number != 1 && number != 11 {
				t.Fatalf("%d checkpoints kept after %d", len(kept), number)
			}
			if kept[0].Number != number || string(kept[0].Manifest) != fmt.Sprintf("manifest %d", number) {
				t.Fatalf("newest is %d %q", kept[0].Number, kept[0].Manifest)
			}
			if number > 2 {
				if _, _, err := s.Read(number-2, nil, 1); !errors.Is(err, ErrGone) {
					t.Fatalf("reading a replaced checkpoint: %v", err)
				}
			}
			if b, ok := s.(*Badger); ok && number%7 == 0 {
				if err := b.Rest(); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// TestOldest: a checkpoint that somebody reads is kept as long as its writer
// wants.
func TestOldest(t *testing.T) {
	both(t, func(t *testing.T, s Store) {
		r := rand.New(rand.NewPCG(1, 2))
		first := write(t, s, 1, true, nil, changes(r, 500, 1000, 0))
		now := first
		for n := uint64(2); n < 9; n++ {
			w, err := s.Begin(n, false)
			if err != nil {
				t.Fatal(err)
			}
			now = maps.Clone(now)
			x := Item{Key: []byte("x"), Value: fmt.Append(nil, n)}
			now["x"] = string(x.Value)
			if err := errors.Join(w.Add([]Item{x}), w.Commit(now.sum(), nil, 1)); err != nil {
				t.Fatal(err)
			}
			check(t, s, 1, first)
			check(t, s, n, now)
		}
		if n := len(s.Newest()); n != 8 {
			t.Errorf("%d checkpoints kept, of 8", n)
		}
		write(t, s, 9, false, now, nil)
		if n := len(s.Newest()); n != 2 {
			t.Errorf("%d checkpoints kept, of 2", n)
		}
	})
}

func TestWritersOneAtATimeAndNumbersRise(t *testing.T) {
	both(t, func(t *testing.T, s Store) {
		write(t, s, 5, false, nil, []Item{{Key: []byte("a")}})
		if _, err := s.Begin(5, false); err == nil {
			t.Error("a number was used twice")
		}
		w, err := s.Begin(6, false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Begin(7, false); err == nil {
			t.Error("two writers")
		}
		w.Abort()
		write(t, s, 6, false, state{"a": ""}, []Item{{Key: []byte("b")}})
		check(t, s, 6, state{"a": "", "b": ""})
	})
}

// TestWrongSum: what a writer said of its items is what counts.
func TestWrongSum(t *testing.T) {
	both(t, func(t *testing.T, s Store) {
		w, _ := s.Begin(1, true)
		w.Add([]Item{{Key: []byte("a"), Value: []byte("b")}})
		if err := w.Commit(Sum{Count: 2}, nil, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := load(t, s, 1); !errors.Is(err, ErrDamaged) {
			t.Errorf("loading it: %v", err)
		}
	})
}

func TestKeys(t *testing.T) {
	var keys [][]byte
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		k := make([]byte, r.IntN(6))
		for i := range k {
			k[i] = []byte{0, 1, 2, 0xff, 'a'}[r.IntN(5)]
		}
		keys = append(keys, k)
	}
	for i, k := range keys {
		chunk := uint16(r.IntN(3))
		got, c, ok := cutKey(appendKey(nil, k, chunk), nil)
		if !ok || c != chunk || !bytes.Equal(got, k) {
			t.Fatalf("%q %d became %q %d %v", k, chunk, got, c, ok)
		}
		if i > 0 {
			p := keys[i-1]
			if got, want := bytes.Compare(appendKey(nil, p, 7), appendKey(nil, k, 7)), bytes.Compare(p, k); got != want {
				t.Fatalf("%q and %q: order %d, want %d", p, k, got, want)
			}
		}
	}
}
