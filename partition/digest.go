package partition

import (
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Digest is a digest of what the merged order determines (variables, the
// exactly-once table with its outcomes, the map's version) and the last
// delivered position. ok is false while a delivered command is unfinished,
// since what has finished beyond it depends on time [C3]. Replicas of a
// partition have equal digests at equal positions. It costs a pass over the
// whole state.
func (r *Replica) Digest() (p ids.Position, digest uint64, ok bool) {
	if r.queue.live > 0 || r.err != nil {
		return r.last, 0, false
	}
	h := xxhash.New()
	b := wire.AppendPosition(nil, r.last)
	b = wire.AppendUvarint(b, r.version())
	for i := range r.state.collections {
		m := &r.state.collections[i].ordered
		b = wire.AppendUvarint(b, uint64(m.Len()))
		m.Scan(func(name string, v *variable) bool {
			b = wire.AppendBytes(wire.AppendString(b, name), v.value)
			if len(b) > 1<<12 {
				h.Write(b)
				b = b[:0]
			}
			return true
		})
	}
	h.Write(r.table.append(b))
	return r.last, h.Sum64(), true
}

// append appends the table in a canonical order.
func (t *table) append(b []byte) []byte {
	clients := make([]ids.Client, 0, len(t.clients))
	for c := range t.clients {
		clients = append(clients, c)
	}
	slices.SortFunc(clients, func(a, b ids.Client) int { return slices.Compare(a[:], b[:]) })
	for _, c := range clients {
		rec := t.clients[c]
		b = append(b, c[:]...)
		b = wire.AppendUvarint(b, uint64(rec.mark))
		b = wire.AppendTimestamp(b, rec.expires)
		live := rec.live()
		b = wire.AppendUvarint(b, uint64(len(live)))
		for i := range live {
			e := &live[i]
			b = wire.AppendUvarint(b, uint64(e.seq))
			b = wire.AppendUvarint(b, uint64(e.attempt))
			if e.outcome != 0 {
				b = wire.AppendUint64(b, e.reply().Digest())
			}
		}
	}
	return b
}
