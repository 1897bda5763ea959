package partition

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// The map and the tree of a collection hold the same variables, whatever came
// and went, and the counts are theirs.
func TestStateIsOneThing(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	s := newState(2)
	for step := range 4000 {
		k := Key{uint16(rng.IntN(2)), fmt.Sprint(rng.IntN(60))}
		if rng.IntN(2) == 0 {
			k.Name = fmt.Sprintf("%08s", k.Name)
		}
		if v, had := s.get(k); had && s.findBytes(k.Collection, []byte(k.Name)) != s.find(k) {
			t.Fatalf("step %d: %q, %x, is found by its name alone", step, k.Name, v)
		}
		if rng.IntN(3) == 0 {
			s.delete(k)
		} else {
			s.set(k, make([]byte, rng.IntN(9)))
		}
		count, bytes := 0, 0
		for i := range s.collections {
			c := &s.collections[i]
			if c.ordered.Len() != len(c.named)+len(c.words) {
				t.Fatalf("step %d: %d in order, %d by name", step, c.ordered.Len(), len(c.named)+len(c.words))
			}
			c.ordered.Scan(func(name string, v *variable) bool {
				if s.find(Key{uint16(i), name}) != v || v.name != name {
					t.Fatalf("step %d: %q is two variables", step, name)
				}
				count, bytes = count+1, bytes+len(name)+len(v.value)
				return true
			})
		}
		if count != s.count || bytes != s.bytes {
			t.Fatalf("step %d: %d variables of %d bytes, counted %d of %d", step, count, bytes, s.count, s.bytes)
		}
	}
}
