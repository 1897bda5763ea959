package powercut

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/eyrie-dev/eyrie/internal/journal"
	"github.com/eyrie-dev/eyrie/partition"
)

// What writer and model both know: what operation n writes, and what
// checkpoint n changes.

var journalID = journal.ID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

// small makes much of what is rare in a journal happen often.
var small = journal.Options{SegmentSize: 64 << 10, Keep: 3, FrontierEvery: 5e6}

// appended is one record that the writer has given the journal. Instance 0 is
// the ensemble's state, whose body begins with the trim mark.
type appended struct {
	op       uint64
	ensemble uint32
	instance uint64
	size     int
	trim     uint64
}

// body is the record's, from nothing but its description. Every other one has
// long runs of zeros.
func (a appended) body() []byte {
	b := make([]byte, 16, 16+a.size)
	binary.LittleEndian.PutUint64(b, a.trim)
	binary.LittleEndian.PutUint64(b[8:], a.op)
	rng := rand.New(rand.NewPCG(a.op, uint64(a.ensemble)))
	for len(b) < 16+a.size {
		run := min(1+rng.IntN(2000), 16+a.size-len(b))
		if rng.IntN(2) == 0 {
			b = append(b, make([]byte, run)...)
			continue
		}
		for range run {
			b = append(b, byte(rng.Uint32()))
		}
	}
	return b
}

// items is the contents of a checkpoint.
type items map[string][]byte

// changes are what a checkpoint changes of what was before it; all there is, if whole.
func (m items) changes(number uint64, salt uint64, whole bool) []partition.StateItem {
	rng := rand.New(rand.NewPCG(number, salt))
	var out []partition.StateItem
	for i := range 1 + rng.IntN(60) {
		key := fmt.Appendf(nil, "key-%03d", rng.IntN(200))
		if slices.ContainsFunc(out, func(x partition.StateItem) bool { return bytes.Equal(x.Key, key) }) {
			continue
		}
		if _, there := m[string(key)]; there && !whole && rng.IntN(5) == 0 {
			out = append(out, partition.StateItem{Key: key, Gone: true})
			continue
		}
		size := rng.IntN(400)
		if i == 0 && rng.IntN(10) == 0 {
			size = 150_000 // in chunks
		}
		value := make([]byte, size)
		for k := range value {
			value[k] = byte(rng.Uint32())
		}
		out = append(out, partition.StateItem{Key: key, Value: value})
	}
	return out
}

func (m items) with(changes []partition.StateItem, whole bool) items {
	out := items{}
	if !whole {
		for k, v := range m {
			out[k] = v
		}
	}
	for _, c := range changes {
		if c.Gone {
			delete(out, string(c.Key))
		} else {
			out[string(c.Key)] = c.Value
		}
	}
	return out
}

func (m items) sum() (s partition.Sum) {
	for k, v := range m {
		s.Add(partition.StateItem{Key: []byte(k), Value: v})
	}
	return s
}
