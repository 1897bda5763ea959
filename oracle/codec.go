package oracle

import (
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/partition"
)

// format is the first byte of an encoded map.
const format = 1

// Append appends the map's encoding: format, version, number of partitions,
// and the slots as runs (length, partition). Equal maps have equal encodings;
// the service and the options are not in it.
func (m *Map) Append(b []byte) []byte {
	b = append(b, format)
	b = wire.AppendUint64(b, m.version)
	b = wire.AppendUvarint(b, uint64(len(m.all)))
	for s := 0; s < Slots; {
		end := s + 1
		for end < Slots && m.owner[end] == m.owner[s] {
			end++
		}
		b = wire.AppendUvarint(b, uint64(end-s))
		b = wire.AppendUint16(b, uint16(m.owner[s]))
		s = end
	}
	return b
}

// Decode reads what Append wrote, and nothing else: each map has one encoding.
// Errors wrap wire.ErrMalformed.
func Decode(b []byte, service *partition.Service, options ...Option) (*Map, error) {
	r := wire.NewReader(b)
	if r.Byte() != format {
		r.Fail("unknown format of a map")
	}
	m := &Map{service: service, version: r.Uint64()}
	partitions := r.Uvarint()
	if partitions < 1 || partitions > Slots {
		r.Fail("number of partitions out of range")
	}
	for s := 0; s < Slots && r.Err() == nil; {
		run := r.Uvarint()
		p := r.Uint16()
		switch {
		case run < 1 || run > uint64(Slots-s):
			r.Fail("run of slots out of range")
		case uint64(p) >= partitions:
			r.Fail("slot of a partition that does not exist")
		case s > 0 && m.owner[s-1] == ids.Partition(p):
			r.Fail("run of slots is cut in two")
		default:
			for range run {
				m.owner[s] = ids.Partition(p)
				s++
			}
		}
	}
	if err := r.Done(); err != nil {
		return nil, err
	}
	m.finish(int(partitions), options)
	return m, nil
}
