package partition

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// wordMap is a testMap that finds owners of many words.
type wordMap struct{ testMap }

func (m wordMap) OwnersOf(collection uint16, name []byte) ids.Set {
	return m.Owners(Key{collection, string(name)})
}

func (m wordMap) OwnerEach(collection uint16, words []uint64, owners []ids.Partition) bool {
	for i, w := range words {
		set := m.Owners(Key{collection, string(binary.BigEndian.AppendUint64(nil, w))})
		if len(set) != 1 {
			return false
		}
		owners[i] = set[0]
	}
	return true
}

// Many updates at a time are what each is by itself: left out, found, and named.
func TestUpdatesInWords(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	outs, heres, named := 0, 0, 0
	for _, place := range []Placement{testMap{n: 4, version: 3}, wordMap{testMap{n: 4, version: 3}}} {
		l := newLab(t, 4, 1, func(c *Config) { c.Placement = place })
		r := l.node(2)
		for range 400 {
			words := make([]uint64, rng.IntN(200))
			for i := range words {
				words[i] = rng.Uint64N(1000)
			}
			collection := uint16(rng.IntN(collections + 1)) // the last does not exist
			for i := range words {
				if k := (Key{collection, string(binary.BigEndian.AppendUint64(nil, words[i]))}); collection < collections && rng.IntN(9) == 0 {
					r.state.set(k, []byte("value"))
				}
			}
			lent := r.lend(&command{spec: &CommandSpec{}, dests: []ids.Set{{1}, {0, 1}, {0, 1, 3}, {0, 1, 2, 3}, {0, 2}}[rng.IntN(5)]}, nil)
			var left []uint64
			if rng.IntN(4) > 0 {
				left = make([]uint64, (len(words)+63)/64)
			}
			got, count := lent.Updates(nil, collection, 1, words, left)
			var want []Item
			for i, w := range words {
				name := binary.BigEndian.AppendUint64(nil, w)
				out := left != nil && lent.Elsewhere(collection, name)
				if is := left != nil && left[i>>6]>>(i&63)&1 != 0; is != out {
					t.Fatalf("word %d of collection %d is left out: %v", w, collection, is)
				}
				if out {
					count--
					outs++
					continue
				}
				it := Item{Write: true, Blind: true, Op: 1}
				if !lent.Find(&it, collection, name) {
					it.Key.Name = string(name)
					named++
				}
				want = append(want, it)
			}
			for i := range got {
				if got[i].here {
					heres++
					if needed, held := r.place(&got[i], lent.dests); !held || needed != nil {
						t.Fatalf("%v is not here", got[i].Key)
					}
				}
				got[i].here = false
			}
			if count != 0 || !slices.Equal(got, want) {
				t.Fatalf("collection %d: %v, not %v, and %d more left out", collection, got, want, count)
			}
		}
	}
	if outs == 0 || heres == 0 || named == 0 {
		t.Error(fmt.Sprint(outs, heres, named))
	}
}
