package node

import (
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// Manifest says what a checkpoint is. It becomes durable after all the
// checkpoint's items: without it they do not count.
type Manifest struct {
	// Number rises with each checkpoint of this process, from 1.
	Number    uint64
	Partition ids.Partition
	// Service is the fingerprint of the service whose code made the state: no
	// other may go on from it [C7].
	Service uint64
	// Version is that of the service in force [C7].
	Version uint32
	// MapVersion is that of the partition map in force.
	MapVersion uint64
	// Positions say where the merge goes on [C1].
	Positions ridge.Positions
	// Sum is over all items. It is known when the last one has been encoded.
	Sum partition.Sum
}

const (
	manifestMagic  = 0x45_59_4d_46
	manifestFormat = 3
	// manifestMembers is the format of one with members that have changed.
	manifestMembers = 4
)

// Append appends the manifest's bytes, which prove themselves.
func (m *Manifest) Append(b []byte) []byte {
	start := len(b)
	b = wire.AppendUint32(b, manifestMagic)
	format := byte(manifestFormat)
	if m.Positions.Members != nil {
		format = manifestMembers
	}
	b = append(b, format)
	b = wire.AppendUint64(b, m.Number)
	b = wire.AppendUint16(b, uint16(m.Partition))
	b = wire.AppendUint64(b, m.Service)
	b = wire.AppendUint64(wire.AppendUint32(b, m.Version), m.MapVersion)
	b = wire.AppendUint64(b, m.Sum.Count)
	b = wire.AppendUint64(b, m.Sum.Hash)
	b = wire.AppendPosition(b, m.Positions.Key)
	b = appendAt(b, m.Positions.Ensembles)
	if format == manifestMembers {
		b = appendMembers(b, m.Positions.Members)
	}
	return wire.AppendUint64(b, xxhash.Sum64(b[start:]))
}

// DecodeManifest reads what Append wrote; its errors wrap wire.ErrMalformed.
func DecodeManifest(b []byte) (*Manifest, error) {
	if len(b) < 8 {
		return nil, fmt.Errorf("%w: a manifest of %d bytes", wire.ErrMalformed, len(b))
	}
	body := b[:len(b)-8]
	sum := wire.NewReader(b[len(b)-8:])
	r := wire.NewReader(body)
	if sum.Uint64() != xxhash.Sum64(body) {
		r.Fail("the manifest's digest does not fit")
	}
	if r.Uint32() != manifestMagic {
		r.Fail("no manifest")
	}
	format := r.Byte()
	if format != manifestFormat && format != manifestMembers {
		r.Fail(fmt.Sprintf("a manifest of format %d; this program knows %d and %d", format, manifestFormat, manifestMembers))
	}
	m := &Manifest{
		Number: r.Uint64(), Partition: ids.Partition(r.Uint16()), Service: r.Uint64(), Version: r.Uint32(), MapVersion: r.Uint64(),
		Sum: partition.Sum{Count: r.Uint64(), Hash: r.Uint64()},
	}
	m.Positions.Key = r.Position()
	m.Positions.Ensembles = readAt(&r)
	if format == manifestMembers {
		m.Positions.Members = readMembers(&r)
	}
	return m, r.Done()
}

func appendAt(b []byte, list []ridge.At) []byte {
	b = wire.AppendUvarint(b, uint64(len(list)))
	for _, at := range list {
		b = wire.AppendUint16(b, uint16(at.Ensemble))
		b = wire.AppendUint64(b, uint64(at.Instance))
		b = wire.AppendTimestamp(b, at.Last)
	}
	return b
}

// readAt reads what appendAt wrote; ensembles must ascend.
func readAt(r *wire.Reader) []ridge.At {
	list := make([]ridge.At, r.Count(18))
	for i := range list {
		list[i] = ridge.At{Ensemble: ids.Ensemble(r.Uint16()), Instance: ids.Instance(r.Uint64()), Last: r.Timestamp()}
		if i > 0 && list[i].Ensemble <= list[i-1].Ensemble {
			r.Fail("ensembles out of order")
		}
	}
	return list
}
