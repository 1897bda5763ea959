package journal

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/vfs"
)

// again appends what Mend names, as a caller does that knows what it has
// written.
func (m *model) again(limit int) {
	newest := map[name]Record{}
	for _, r := range m.all {
		n := name{r.Ensemble, r.Instance}
		if r.Seq > newest[n].Seq {
			newest[n] = r
		}
	}
	for _, n := range m.j.Mend(limit) {
		if r := newest[name{n.Ensemble, n.Instance}]; r.Seq > 0 {
			m.append(n.Ensemble, n.Instance, r.Body)
		}
	}
}

// TestMended: whatever bit rots in whatever segment of an open journal, Scrub
// finds it; what lives there is written again, the damage goes, and the journal
// can be opened with all that it held. Meanwhile it is used.
func TestMended(t *testing.T) {
	found := 0
	for seed := range uint64(24) {
		rng := rand.New(rand.NewPCG(seed, 4))
		mem := vfs.NewMem()
		m := newModel(t, mem, small)
		m.mix = rng
		if err := m.script(seed, 15); err != nil {
			t.Fatal(err)
		}
		segments := slices.DeleteFunc(slices.Clone(m.j.segments), func(s *segment) bool { return s.file.synced() == 0 })
		s := segments[rng.IntN(len(segments))]
		mem.Flip("j/"+segmentName(s.number), rng.Int64N(s.file.synced()), rng.IntN(8))
		next := uint64(1 << 20)
		for range 2000 {
			if err := m.j.Scrub(500); err != nil && !errors.Is(err, ErrAmnesia) {
				t.Fatal(err)
			}
			m.again(1000)
			m.append(7, next, body(rng, rng.IntN(50)))
			next++
			m.trim(7, next-5)
			if err := errors.Join(m.commit(), m.upkeep()); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if n, there := m.j.Rot(); n > 0 && !there {
				break
			}
		}
		if n, there := m.j.Rot(); n == 0 || there {
			if m.j.segments[0].number > s.number {
				continue // it went before it was read
			}
			t.Fatalf("seed %d: %d damaged segments found, one there: %v", seed, n, there)
		}
		found++
		mem.Crash(rng.IntN)
		if err := m.verify(mem, small); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	if found < 10 {
		t.Errorf("damage found in %d of 24 journals", found)
	}
}

// TestRotIsNotCopied: the chore that copies live records forward meets the
// damage first.
func TestRotIsNotCopied(t *testing.T) {
	mem := vfs.NewMem()
	m := newModel(t, mem, small)
	rng := rand.New(rand.NewPCG(1, 4))
	m.append(1, 1, body(rng, 100)) // lives on
	m.commit()
	mem.Flip("j/"+segmentName(1), 70, 3)
	for i := uint64(1); i < 400; i++ {
		m.append(0, i, body(rng, 100))
		m.trim(0, i-1)
		if err := errors.Join(m.commit(), m.upkeep()); err != nil {
			t.Fatal(err)
		}
		m.again(1000)
	}
	if n, there := m.j.Rot(); n != 1 || there {
		t.Errorf("%d damaged segments found, one there: %v", n, there)
	}
	mem.Kill()
	if err := m.verify(mem, small); err != nil {
		t.Error(err)
	}
}
