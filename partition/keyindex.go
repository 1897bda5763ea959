package partition

import (
	"hash/maphash"
	"math/bits"
)

// keyIndex finds places in a list by the keys of what is there: a small hash
// table, whose memory is used again. It knows nothing of the list: who asks
// looks whether what it finds has the key.
type keyIndex struct {
	slots []int32 // places from 1 on, 0 being none; a power of two of them
	used  bool
}

// empty says whether it has been reset since it was cleared.
func (x *keyIndex) empty() bool { return !x.used }

// cleared is an index that is not in use, of the same memory.
func (x *keyIndex) cleared() keyIndex { return keyIndex{slots: x.slots} }

// spared is the memory of an index that is not in use any more, if it is little.
func (x *keyIndex) spared() keyIndex {
	if len(x.slots) > 1<<10 {
		return keyIndex{}
	}
	return x.cleared()
}

// reset makes room for twice as many as n.
func (x *keyIndex) reset(n int) {
	size := 64
	for size < 4*n {
		size *= 2
	}
	if len(x.slots) != size {
		x.slots = make([]int32, size)
	} else {
		clear(x.slots)
	}
	x.used = true
}

// room says whether one more of so many can be added.
func (x *keyIndex) room(n int) bool { return 2*n < len(x.slots) }

func (x *keyIndex) add(k Key, place int) {
	mask := uint64(len(x.slots) - 1)
	at := hashKey(k) & mask
	for x.slots[at] != 0 {
		at = (at + 1) & mask
	}
	x.slots[at] = int32(place + 1)
}

// first is the place of the first that may have the key, or -1; after is the
// next one.
func (x *keyIndex) first(k Key) (at uint64, place int) {
	at = hashKey(k) & uint64(len(x.slots)-1)
	return at, int(x.slots[at]) - 1
}

func (x *keyIndex) after(at uint64) (uint64, int) {
	at = (at + 1) & uint64(len(x.slots)-1)
	return at, int(x.slots[at]) - 1
}

// Seeds keep those who choose keys from choosing what collides. Nothing depends on
// them but time.
var (
	keySeed  = maphash.MakeSeed()
	wordSeed = [2]uint64{maphash.Comparable(keySeed, 1), maphash.Comparable(keySeed, 2) | 1}
)

func hashKey(k Key) uint64 {
	if w, ok := word(k.Name); ok {
		high, low := bits.Mul64(w^uint64(k.Collection)<<48^wordSeed[0], wordSeed[1])
		return high ^ low
	}
	return maphash.String(keySeed, k.Name)
}
