package store

import (
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// TestFlippedBits: whatever bit of whatever file is flipped, a checkpoint has
// its items or an error, and nothing dies. Afterwards the store can be used.
func TestFlippedBits(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	dir := tempDir(t)
	s := open(t, dir)
	states := map[uint64]state{}
	var now state
	for n := uint64(1); n <= 4; n++ {
		now = write(t, s, n, false, now, changes(r, 300, 400, 100))
		states[n] = now
		if n == 2 { // the first in tables, the others in the log
			if err := s.Rest(); err != nil {
				t.Fatal(err)
			}
		}
	}
	// As a process leaves it that is killed, and one that ends.
	killed := filepath.Join(tempDir(t), "killed")
	copyDir(t, dir, killed)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	flips := 40
	if testing.Short() {
		flips = 12
	}
	for name, from := range map[string]string{"killed": killed, "closed": dir} {
		t.Run(name, func(t *testing.T) { flipAll(t, r, from, flips, states) })
	}
}

func flipAll(t *testing.T, r *rand.Rand, from string, flips int, states map[uint64]state) {
	outcomes := map[string]int{}
	for _, file := range files(t, from) {
		whole, err := os.ReadFile(filepath.Join(from, file))
		if err != nil {
			t.Fatal(err)
		}
		for range flips {
			if len(whole) == 0 {
				break
			}
			// Where there is something, mostly.
			at := r.IntN(len(whole))
			for try := 0; try < 100 && whole[at] == 0; try++ {
				at = r.IntN(len(whole))
			}
			bit := r.IntN(8)
			to := filepath.Join(tempDir(t), "flipped")
			if err := tryCopy(from, to); err != nil {
				t.Fatal(err)
			}
			b := append([]byte(nil), whole...)
			b[at] ^= 1 << bit
			if err := os.WriteFile(filepath.Join(to, file), b, 0o600); err != nil {
				t.Fatal(err)
			}
			outcomes[outcome(t, to, file, at, bit, states)]++
			os.RemoveAll(to)
		}
	}
	t.Logf("%v", outcomes)
}

func outcome(t *testing.T, dir, file string, at, bit int, states map[uint64]state) string {
	s, err := Open(dir)
	if err != nil {
		t.Fatalf("%s, byte %d, bit %d: %v", file, at, bit, err)
	}
	defer s.Close()
	what := "nothing left"
	for i, c := range s.Newest() {
		got, err := load(t, s, c.Number)
		switch {
		case errors.Is(err, ErrDamaged):
			continue
		case err != nil:
			t.Fatalf("%s, byte %d, bit %d: %v", file, at, bit, err)
		case !maps.Equal(got, states[c.Number]):
			t.Fatalf("%s, byte %d, bit %d: checkpoint %d has other items, and no error", file, at, bit, c.Number)
		}
		if what = "newest"; i > 0 || c.Number != 4 {
			what = "older"
		}
		if err := s.Rebuild(c.Number); err != nil {
			t.Fatalf("%s, byte %d, bit %d: %v", file, at, bit, err)
		}
		check(t, s, c.Number, states[c.Number])
		break
	}
	if what == "nothing left" {
		if err := s.Rebuild(0); err != nil {
			t.Fatal(err)
		}
	}
	next := write(t, s, 9, what == "nothing left", states[4], []Item{{Key: []byte("x")}})
	if what == "newest" {
		check(t, s, 9, next)
	}
	return what
}

func files(t *testing.T, dir string) (names []string) {
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			rel, _ := filepath.Rel(dir, path)
			names = append(names, rel)
		}
		return nil
	})
	if len(names) == 0 {
		t.Fatal("no files")
	}
	return names
}
