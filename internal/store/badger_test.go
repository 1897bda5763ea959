package store

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func open(t testing.TB, dir string) *Badger {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// copyDir copies a directory as it was at one moment: what a process that is
// killed leaves.
func copyDir(t testing.TB, from, to string) {
	t.Helper()
	for range 100 {
		before := listing(from)
		if err := tryCopy(from, to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		} else if err == nil && listing(from) == before {
			return
		}
		if err := os.RemoveAll(to); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("the directory does not come to rest")
}

func listing(dir string) string {
	var b strings.Builder
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			if fi, err := d.Info(); err == nil {
				fmt.Fprintln(&b, path, fi.Size(), fi.ModTime())
			}
		}
		return nil
	})
	return b.String()
}

func tryCopy(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(from, path)
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o600)
	})
}

// TestKilledAnywhere: what a process that ends at any moment leaves holds the
// newest finished checkpoint, to which the next may be added.
func TestKilledAnywhere(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	dir := tempDir(t)
	s := open(t, dir)
	var now state
	var older state
	lives := 0
	look := func(number uint64) {
		lives++
		at := filepath.Join(tempDir(t), "copy")
		copyDir(t, dir, at)
		after := open(t, at)
		if after.Damaged != nil {
			t.Fatalf("after checkpoint %d: %v", number, after.Damaged)
		}
		if number == 0 {
			if kept := after.Newest(); len(kept) != 0 {
				t.Fatalf("%d checkpoints before the first", len(kept))
			}
		} else {
			if kept := after.Newest(); len(kept) == 0 || kept[0].Number != number {
				t.Fatalf("kept %v, not %d", kept, number)
			}
			check(t, after, number, now)
			if number > 1 && number != 5 {
				check(t, after, number-1, older)
			}
		}
		next := write(t, after, number+7, false, now, changes(r, 50, 300, 20))
		check(t, after, number+7, next)
		if number > 0 {
			check(t, after, number, now)
		}
		if err := after.Close(); err != nil {
			t.Fatal(err)
		}
		after = open(t, at)
		check(t, after, number+7, next)
	}
	for number := uint64(1); number < 10; number++ {
		whole := number == 5
		w, err := s.Begin(number, whole)
		if err != nil {
			t.Fatal(err)
		}
		look(number - 1)
		next := maps.Clone(now)
		if whole || next == nil {
			next = state{}
		}
		for range 3 {
			c := changes(r, 100, 300, 20)
			for _, x := range c {
				if delete(next, string(x.Key)); !x.Gone {
					next[string(x.Key)] = string(x.Value)
				}
			}
			if err := w.Add(c); err != nil {
				t.Fatal(err)
			}
			look(number - 1)
		}
		if err := w.Commit(next.sum(), nil, number-1); err != nil {
			t.Fatal(err)
		}
		older, now = now, next
		look(number)
		if number%3 == 0 {
			if err := s.Rest(); err != nil {
				t.Fatal(err)
			}
			look(number)
		}
	}
	t.Logf("%d lives", lives)
}

// TestManyTransactions: ten times what one transaction takes, by bytes and by
// number, and a restart of it.
func TestManyTransactions(t *testing.T) {
	const limit = memTableSize * 15 / 100
	for name, size := range map[string]int{"large": 100 << 10, "small": 0} {
		t.Run(name, func(t *testing.T) {
			n := 10 * limit / (size + 1)
			if size == 0 {
				n = 10 * limit / 100 // a node of Badger's list
			}
			dir := tempDir(t)
			s := open(t, dir)
			w, err := s.Begin(1, true)
			if err != nil {
				t.Fatal(err)
			}
			var all []Item
			want := state{}
			for i := range n {
				x := Item{Key: fmt.Appendf(nil, "v%d", i), Value: make([]byte, size)}
				want[string(x.Key)] = string(x.Value)
				all = append(all, x)
			}
			if err := w.Add(all); err != nil {
				t.Fatal(err)
			}
			if err := w.Commit(want.sum(), nil, 0); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			check(t, open(t, dir), 1, want)
		})
	}
}

// TestSpaceIsGivenBack: many checkpoints that change the same items need no
// more room than a few.
func TestSpaceIsGivenBack(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 200 MiB")
	}
	dir := tempDir(t)
	s := open(t, dir)
	var now state
	var most int64
	for n := uint64(1); n <= 100; n++ {
		var c []Item
		for i := range 2000 {
			c = append(c, Item{Key: fmt.Appendf(nil, "v%d", i), Value: fmt.Appendf(nil, "%1000d", n)})
		}
		now = write(t, s, n, false, now, c)
		most = max(most, size(t, dir))
	}
	check(t, s, 100, now)
	t.Logf("at most %d MiB for 2 MiB of items", most>>20)
	if most > 200<<20 {
		t.Errorf("the directory grew to %d MiB", most>>20)
	}
	p := s.current.pace
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rests == 0 {
		t.Error("no compaction rested: Badger does not tell its logger of their tables as it did")
	}
}

func size(t testing.TB, dir string) (bytes int64) {
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if fi, err := d.Info(); err == nil {
				bytes += used(fi)
			}
		}
		return nil
	})
	return bytes
}

// TestFull: a disk without room for a checkpoint is told of, and when it has
// room again the next checkpoint is written.
func TestFull(t *testing.T) {
	s := open(t, tempDir(t))
	now := write(t, s, 1, true, nil, []Item{{Key: []byte("a"), Value: []byte("b")}})
	w, err := s.Begin(2, false)
	if err != nil {
		t.Fatal(err)
	}
	s.Reserve = 1 << 60
	if err := w.Add([]Item{{Key: []byte("a"), Value: []byte("c")}}); !errors.Is(err, ErrFull) {
		t.Fatalf("adding: %v", err)
	}
	w.Abort()
	if _, err := s.Begin(2, false); !errors.Is(err, ErrFull) {
		t.Fatalf("beginning: %v", err)
	}
	check(t, s, 1, now)
	s.Reserve = 0
	next := write(t, s, 3, false, now, []Item{{Key: []byte("d"), Value: []byte("e")}})
	check(t, s, 3, next)
}

// BenchmarkCheckpoint writes a tenth of 100,000 items of 100 bytes.
func BenchmarkCheckpoint(b *testing.B) {
	s := open(b, tempDir(b))
	var all []Item
	var sum Sum
	for i := range 100_000 {
		all = append(all, Item{Key: fmt.Appendf(nil, "v%07d", i), Value: make([]byte, 100)})
		sum.Add(all[i])
	}
	number := uint64(0)
	put := func(items []Item) {
		number++
		w, err := s.Begin(number, false)
		if err != nil {
			b.Fatal(err)
		}
		for len(items) > 0 {
			n := min(len(items), 5000)
			if err := w.Add(items[:n]); err != nil {
				b.Fatal(err)
			}
			items = items[n:]
		}
		if err := w.Commit(sum, nil, number-1); err != nil {
			b.Fatal(err)
		}
	}
	put(all)
	r := rand.New(rand.NewPCG(1, 1))
	for b.Loop() {
		at := r.IntN(90_000)
		put(all[at : at+10_000])
	}
	start := time.Now()
	if err := s.Load(number, func([]Item) error { return nil }); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(time.Since(start).Milliseconds()), "load-ms")
	b.ReportMetric(float64(size(b, s.dir)>>20), "MiB")
}
