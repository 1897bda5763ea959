package node

import (
	"hash/crc32"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// Need is what a checkpoint must have for a replica to go on from it.
type Need struct {
	// Key: the checkpoint is at it or above.
	Key ids.Position
	// At are the lowest instances, of some ensembles, that can still be had.
	At []ridge.At
	// Fresh: it was taken after this need was told. What the receiver waits for
	// is gone, and the donor may have finished with it only of late.
	Fresh bool
}

// Want asks a replica of the same partition for its state. Transfer names the
// attempt, drawn at random. With Base, which is the number of a checkpoint that
// the receiver has just had of this donor, only for what a newer one has
// otherwise.
type Want struct {
	Transfer uint64
	Base     uint64
	Need     Need
}

// Reason says why there is no Offer.
type Reason uint8

const (
	// Making: a checkpoint that serves is being made; ask again.
	Making Reason = iota + 1
	// Busy: others are being served.
	Busy
	// Lost: the process lacks something itself.
	Lost
	// Unknown: no such transfer (any more).
	Unknown
	lastReason = Unknown
)

func (r Reason) String() string {
	return [...]string{"", "makes a checkpoint", "serves others", "lacks a state itself", "has given the transfer up"}[min(r, lastReason)]
}

// Decline answers a Want or a Fetch that brings nothing.
type Decline struct {
	Transfer uint64
	Why      Reason
}

// Offer answers a Want: this checkpoint may be fetched.
type Offer struct {
	Transfer uint64
	Manifest *Manifest
}

// Fetch acknowledges all chunks below Next and asks for those below Until.
type Fetch struct {
	Transfer    uint64
	Next, Until uint32
}

// Chunk is a piece of a checkpoint, or of what it has otherwise than another:
// items in ascending order of key, above those of the chunk before. A large item
// goes on in the next chunk.
type Chunk struct {
	Transfer uint64
	Index    uint32
	More     bool // Data ends amid an item
	Last     bool
	Sum      partition.Sum // of the checkpoint, in the last chunk
	CRC      uint32        // over all other fields
	Data     []byte        // encoded items
}

func (*Want) Kind() wire.Kind    { return KindWant }
func (*Decline) Kind() wire.Kind { return KindDecline }
func (*Offer) Kind() wire.Kind   { return KindOffer }
func (*Fetch) Kind() wire.Kind   { return KindFetch }
func (*Chunk) Kind() wire.Kind   { return KindChunk }

func (m *Want) Append(b []byte) []byte {
	b = wire.AppendUint64(wire.AppendUint64(b, m.Transfer), m.Base)
	b = wire.AppendPosition(b, m.Need.Key)
	return wire.AppendBool(appendAt(b, m.Need.At), m.Need.Fresh)
}

func (m *Decline) Append(b []byte) []byte {
	return append(wire.AppendUint64(b, m.Transfer), byte(m.Why))
}

func (m *Offer) Append(b []byte) []byte {
	return m.Manifest.Append(wire.AppendUint64(b, m.Transfer))
}

func (m *Fetch) Append(b []byte) []byte {
	return wire.AppendUint32(wire.AppendUint32(wire.AppendUint64(b, m.Transfer), m.Next), m.Until)
}

func (m *Chunk) Append(b []byte) []byte {
	return wire.AppendBytes(wire.AppendUint32(m.appendHead(b), m.CRC), m.Data)
}

func (m *Chunk) appendHead(b []byte) []byte {
	b = wire.AppendBool(wire.AppendUint32(wire.AppendUint64(b, m.Transfer), m.Index), m.More)
	b = wire.AppendBool(b, m.Last)
	return wire.AppendUint64(wire.AppendUint64(b, m.Sum.Count), m.Sum.Hash)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// crc is what CRC must be.
func (m *Chunk) crc() uint32 {
	return crc32.Update(crc32.Checksum(m.appendHead(nil), castagnoli), castagnoli, m.Data)
}

func decodeTransfer(kind wire.Kind, r *wire.Reader) wire.Message {
	id := r.Uint64()
	switch kind {
	case KindWant:
		return &Want{Transfer: id, Base: r.Uint64(), Need: Need{Key: r.Position(), At: readAt(r), Fresh: r.Bool()}}
	case KindDecline:
		m := &Decline{Transfer: id, Why: Reason(r.Byte())}
		if m.Why == 0 || m.Why > lastReason {
			r.Fail("no such reason")
		}
		return m
	case KindOffer:
		m, err := DecodeManifest(r.Rest())
		if err != nil {
			r.Fail("bad manifest: " + err.Error())
		}
		return &Offer{Transfer: id, Manifest: m}
	case KindFetch:
		m := &Fetch{Transfer: id, Next: r.Uint32(), Until: r.Uint32()}
		if m.Until < m.Next {
			r.Fail("asks for less than nothing")
		}
		return m
	}
	return &Chunk{
		Transfer: id, Index: r.Uint32(), More: r.Bool(), Last: r.Bool(),
		Sum: partition.Sum{Count: r.Uint64(), Hash: r.Uint64()}, CRC: r.Uint32(), Data: r.Bytes(),
	}
}

// appendItems encodes items.
func appendItems(b []byte, items []partition.StateItem) []byte {
	b = wire.AppendUvarint(b, uint64(len(items)))
	for i := range items {
		b = wire.AppendBytes(wire.AppendBool(wire.AppendBytes(b, items[i].Key), items[i].Gone), items[i].Value)
	}
	return b
}

// readItems reads what appendItems wrote, into items. The result aliases b.
func readItems(b []byte, items []partition.StateItem) ([]partition.StateItem, error) {
	r := wire.NewReader(b)
	items = items[:0]
	for n := r.Count(3); n > 0 && r.Err() == nil; n-- {
		items = append(items, partition.StateItem{Key: r.Bytes(), Gone: r.Bool(), Value: r.Bytes()})
	}
	return items, r.Done()
}
