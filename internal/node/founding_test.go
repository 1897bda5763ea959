package node

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// foundingNet runs foundings over a network that delays, loses and doubles.
type foundingNet struct {
	rng   *rand.Rand
	now   hlc.Now
	lives []*founding // the present life of each process
	all   []*founding // every life there was
	fly   []flying
}

type flying struct {
	from ids.Process
	inc  ids.Incarnation
	to   ids.Process
	at   time.Duration
	msg  wire.Message
}

func newFoundingNet(seed uint64, n int) *foundingNet {
	w := &foundingNet{rng: rand.New(rand.NewPCG(seed, 1)), lives: make([]*founding, n)}
	for i := range w.lives {
		w.restart(i)
	}
	return w
}

func (w *foundingNet) restart(i int) {
	members := make([]ids.Process, len(w.lives))
	for j := range members {
		members[j] = ids.Process(j + 1)
	}
	f := newFounding(ids.Process(i+1), ids.Incarnation(w.rng.Uint64()|1), members)
	w.lives[i] = f
	w.all = append(w.all, f)
}

func (w *foundingNet) run(t *testing.T, d time.Duration, loss float64) {
	t.Helper()
	for end := w.now.Mono + d; w.now.Mono < end; w.now.Mono += time.Millisecond {
		for _, f := range w.lives {
			if f.err == nil {
				f.tick(w.now)
			}
			for _, s := range f.sends {
				for copies := 1 + w.rng.IntN(2); copies > 0; copies-- {
					if w.rng.Float64() < loss {
						continue
					}
					at := w.now.Mono + time.Duration(w.rng.IntN(80))*time.Millisecond
					w.fly = append(w.fly, flying{f.self, f.inc, s.To.Process, at, s.Msg})
				}
			}
			f.sends = f.sends[:0]
		}
		var rest []flying
		for _, m := range w.fly {
			if m.at > w.now.Mono {
				rest = append(rest, m)
			} else if f := w.lives[m.to-1]; f.err == nil {
				f.step(m.from, m.inc, m.msg)
			}
		}
		w.fly = rest
		w.check(t)
	}
}

// check: a life that started shares its list with every other that started.
func (w *foundingNet) check(t *testing.T) {
	t.Helper()
	var started *founding
	for _, f := range w.all {
		if !f.started {
			continue
		}
		if started != nil && life(started.list) != life(f.list) {
			t.Fatalf("processes %d and %d started with different lists", started.self, f.self)
		}
		started = f
	}
}

func TestFoundingCompletes(t *testing.T) {
	for seed := range uint64(50) {
		w := newFoundingNet(seed, 6)
		w.run(t, 500*time.Millisecond, 0.3)
		w.run(t, time.Second, 0)
		for _, f := range w.lives {
			if !f.started {
				t.Fatalf("seed %d: process %d: %s", seed, f.self, f.describe())
			}
		}
	}
}

// A restart before the founding is harmless; one after it is amnesia, and is
// refused with an explanation [R5].
func TestFoundingRefusesOtherLives(t *testing.T) {
	for seed := range uint64(200) {
		w := newFoundingNet(seed, 4)
		for range 6 {
			w.run(t, time.Duration(w.rng.IntN(200))*time.Millisecond, 0.2)
			w.restart(w.rng.IntN(4))
		}
		w.run(t, 2*time.Second, 0)
		witness := false // somebody is left who knows
		for _, f := range w.lives {
			witness = witness || f.founded && f.err == nil
		}
		if !witness {
			continue
		}
		for _, f := range w.lives {
			lonely := f.founded && f.known() <= 2 // half of the others forgot
			if !f.started && !lonely && !f.waiting {
				t.Fatalf("seed %d: process %d neither started nor was told why: %s", seed, f.self, f.describe())
			}
		}
	}
}
