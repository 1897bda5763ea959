package ridge

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"

	"github.com/eyrie-dev/eyrie/internal/hlc"
)

// digestOf is the digest of the message whose encoding is raw and ends with body.
// A long body enters it as a digest of its own, since it may lie elsewhere than
// what precedes it (Value.cuts).
func digestOf(raw, body []byte) uint64 {
	if len(body) < referred {
		return xxh3.Hash(raw)
	}
	return longDigest(raw[:len(raw)-len(body)], body)
}

// longDigest is digestOf for a long body and what precedes it.
func longDigest(head, body []byte) uint64 {
	var room [256]byte
	return xxh3.Hash(binary.LittleEndian.AppendUint64(append(room[:0], head...), xxh3.Hash(body)))
}

// listDigest computes the digest of a list: the hash of its entries, and before
// them of its head or, if it is long, of the hash of those that went before.
type listDigest struct {
	room [24 + 16*64]byte
	used int
}

func newListDigest(proposed, null hlc.Timestamp, n int) *listDigest {
	d := &listDigest{used: 24}
	binary.LittleEndian.PutUint64(d.room[0:], uint64(proposed))
	binary.LittleEndian.PutUint64(d.room[8:], uint64(null))
	binary.LittleEndian.PutUint64(d.room[16:], uint64(n))
	return d
}

// add adds an entry.
func (d *listDigest) add(t hlc.Timestamp, digest uint64) {
	if d.used+16 > len(d.room) {
		binary.LittleEndian.PutUint64(d.room[:], d.sum())
		d.used = 8
	}
	binary.LittleEndian.PutUint64(d.room[d.used:], uint64(t))
	binary.LittleEndian.PutUint64(d.room[d.used+8:], digest)
	d.used += 16
}

func (d *listDigest) sum() uint64 { return xxh3.Hash(d.room[:d.used]) }
