package store

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/eyrie-dev/eyrie/partition"
)

// A database holds, by first byte: items, in chunks, and manifests.
const (
	prefixItem     = 'i'
	prefixManifest = 'm'
)

// maxKey is what Badger takes as a key. Any variable's fits, if each of its bytes
// is to be escaped.
const maxKey = 65000

const _ = uint(maxKey - len("i") - 2*(len("v")+2+partition.MaxName) - 4)

// chunkSize bounds the values in the database: below its threshold, so that
// they stay in its tables, and never enter its value log.
const chunkSize = 128 << 10

// appendKey appends the database's key of an item's chunk. Invariant: encoded
// keys are in the order of (key, chunk), whatever bytes are in keys: a zero is
// escaped, and the end is below every continuation.
func appendKey(b, key []byte, chunk uint16) []byte {
	b = append(b, prefixItem)
	for _, c := range key {
		if c == 0 {
			b = append(b, 0, 0xff)
		} else {
			b = append(b, c)
		}
	}
	return binary.BigEndian.AppendUint16(append(b, 0, 1), chunk)
}

// cutKey appends the item's key to buf.
func cutKey(b, buf []byte) (key []byte, chunk uint16, ok bool) {
	if len(b) < 5 || b[0] != prefixItem {
		return buf, 0, false
	}
	end := len(b) - 4
	for i := 1; i < end; i++ {
		if buf = append(buf, b[i]); b[i] == 0 {
			if i++; i >= end || b[i] != 0xff {
				return buf, 0, false
			}
		}
	}
	return buf, binary.BigEndian.Uint16(b[end+2:]), b[end] == 0 && b[end+1] == 1
}

// manifest is what a database has of a checkpoint besides its items.
type manifest struct {
	Checkpoint
	version uint64
}

const manifestFormat = 1

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func manifestKey(version uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefixManifest}, version)
}

func (m *manifest) encode() []byte {
	b := []byte{manifestFormat}
	for _, v := range []uint64{m.version, m.Number, m.Sum.Count, m.Sum.Hash} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	b = append(b, m.Manifest...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func decodeManifest(b []byte) (m manifest, err error) {
	const head = 1 + 4*8
	end := len(b) - 4
	if end < head || crc32.Checksum(b[:end], castagnoli) != binary.LittleEndian.Uint32(b[end:]) {
		return m, errors.New("a manifest does not have its checksum")
	}
	if b[0] != manifestFormat {
		return m, errors.New("a manifest is of another format; a newer program wrote it")
	}
	m.version, m.Number = binary.LittleEndian.Uint64(b[1:]), binary.LittleEndian.Uint64(b[9:])
	m.Sum.Count, m.Sum.Hash = binary.LittleEndian.Uint64(b[17:]), binary.LittleEndian.Uint64(b[25:])
	m.Manifest = append([]byte(nil), b[head:end]...)
	return m, nil
}
