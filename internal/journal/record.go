package journal

import (
	"encoding/binary"
	"hash/crc32"
)

// A record on disk, little endian, at an offset that is a multiple of 8:
//
//	 0 length of the body, 32 bits; check of the length, 24; magic, 8
//	 8 sequence
//	16 synced
//	24 journal id, 16 bytes
//	40 segment, 32 bits; ensemble, 32 bits
//	48 instance
//	56 mask
//	64 body, zero padded
//	   CRC-32C of all before it; magic, 32 bits: the last 8 bytes
//
// The first 8 bytes lie in one sector, so they are there or zero, and prove
// the length without the rest: a flipped length cannot make a record seem to
// reach into what was never written.
//
// Every sector that a record touches holds at least two bytes of it that are
// not zero: the head and the end by their magic, those between by the mask, with
// which the body's words are xored when it is not 0. So a sector of zeros in
// the midst of a record was never written, whatever clients put into values,
// and no flip of a single bit makes one.
const (
	headSize = 64
	endSize  = 8
	sector   = 512
	headMark = 0xE7
	endMark  = 0xE1D5B7A9
	// MaxBody bounds a record's body, in bytes.
	MaxBody = 1 << 30
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	le         = binary.LittleEndian
)

// ID names a journal, so that another's file is recognised.
type ID [16]byte

// Record is one promise, vote or state.
type Record struct {
	// Seq counts all records of the journal, from 1 without gaps.
	Seq uint64
	// Synced is a sequence up to which all was durable when this record was written.
	Synced   uint64
	Ensemble uint32
	// Instance is 0 for the ensemble's state.
	Instance uint64
	// Body is valid until the call that was handed the record returns.
	Body []byte

	id      ID
	segment uint32
}

func span(body int) int { return (headSize + body + endSize + 7) &^ 7 }

// firstWord proves the length of a body.
func firstWord(body uint32) uint64 {
	check := (body + 1) * 0x9E3779B1 >> 8 // an odd factor: a flipped bit moves the upper ones
	return uint64(body) | uint64(check)<<32 | headMark<<56
}

// bodyLen reads the first word of a record.
func bodyLen(b []byte) (int, bool) {
	if len(b) < 8 {
		return 0, false
	}
	w := le.Uint64(b)
	return int(uint32(w)), uint32(w) <= MaxBody && w == firstWord(uint32(w))
}

// put encodes all but what seal adds. buf has the record's span and is zero.
func put(buf []byte, id *ID, seq uint64, segment, ensemble uint32, instance uint64, body [][]byte, size int) {
	le.PutUint64(buf, firstWord(uint32(size)))
	le.PutUint64(buf[8:], seq)
	copy(buf[24:], id[:])
	le.PutUint32(buf[40:], segment)
	le.PutUint32(buf[44:], ensemble)
	le.PutUint64(buf[48:], instance)
	at := headSize
	for _, p := range body {
		at += copy(buf[at:], p)
	}
}

// seal completes a record that will be written at offset off.
func seal(rec []byte, off int64, synced uint64) {
	end := len(rec) - endSize
	le.PutUint64(rec[16:], synced)
	le.PutUint32(rec[end+4:], endMark)
	for try := uint64(1); poor(rec, off) && try <= 8; try++ {
		xor(rec[headSize:end], le.Uint64(rec[56:]))
		m := mask(rec, try)
		le.PutUint64(rec[56:], m)
		xor(rec[headSize:end], m)
	}
	le.PutUint32(rec[end:], crc32.Checksum(rec[:end], castagnoli))
}

// poor says whether a sector that begins within the record has less than two
// bytes that are not zero.
func poor(rec []byte, off int64) bool {
	for at := int(-off & (sector - 1)); at < len(rec); at += sector {
		found := 0
		for _, c := range rec[at:min(at+sector, len(rec))] {
			if c != 0 {
				if found++; found == 2 {
					break
				}
			}
		}
		if found < 2 {
			return true
		}
	}
	return false
}

// mask depends on the journal's id: no client can choose bytes that it zeroes.
// No byte of it is zero.
func mask(rec []byte, try uint64) uint64 {
	x := le.Uint64(rec[24:]) ^ le.Uint64(rec[32:])*0x9E3779B97F4A7C15 ^ le.Uint64(rec[8:])<<4 ^ try
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31 | 0x0101010101010101
}

func xor(b []byte, m uint64) {
	if m == 0 {
		return
	}
	for ; len(b) >= 8; b = b[8:] {
		le.PutUint64(b, le.Uint64(b)^m)
	}
}

// decode reads the record at the beginning of b, whose body it unmasks in
// place when clear is set. It returns the record's span, or 0 if there is no
// whole and true record.
func decode(b []byte, clear bool) (Record, int) {
	body, ok := bodyLen(b)
	if !ok || span(body) > len(b) {
		return Record{}, 0
	}
	size := span(body)
	end := size - endSize
	if le.Uint32(b[end+4:]) != endMark || le.Uint32(b[end:]) != crc32.Checksum(b[:end], castagnoli) {
		return Record{}, 0
	}
	r := Record{
		Seq: le.Uint64(b[8:]), Synced: le.Uint64(b[16:]), segment: le.Uint32(b[40:]), Ensemble: le.Uint32(b[44:]),
		Instance: le.Uint64(b[48:]), Body: b[headSize : headSize+body : headSize+body], id: ID(b[24:40]),
	}
	if clear {
		xor(b[headSize:end], le.Uint64(b[56:]))
		le.PutUint64(b[56:], 0)
	}
	return r, size
}
