package ridge

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// minMessage is the size of the smallest encoded Message.
const minMessage = 16 + 1 + 1 + 8 + 1 + 8 + 1 + 1

// Append appends m's encoding to b.
func (m *Message) Append(b []byte) []byte { return wire.AppendBytes(m.appendHead(b), m.Body) }

// appendHead appends all but the body and its length.
func (m *Message) appendHead(b []byte) []byte {
	b = wire.AppendCommand(b, m.Command)
	b = wire.AppendUvarint(b, uint64(m.Attempt))
	b = wire.AppendTimestamp(b, m.T0)
	b = wire.AppendUvarint(b, uint64(m.Mark))
	b = wire.AppendTimestamp(b, m.Guard)
	return wire.AppendSet(b, m.Dests)
}

// Digest is a hash over all of m's bytes, T0, Mark and Guard included: equal
// for copies, different for anything else that bears the same name.
func (m *Message) Digest() uint64 {
	return digestOf(m.Append(make([]byte, 0, m.size())), m.Body)
}

// sealed is a message with what is known of its encoding.
type sealed struct {
	message *Message
	// raw is the encoding, or nil.
	raw []byte
	// digest is the message's, or zero if it is not known yet.
	digest uint64
	// cast: its proposer sent it straight to all replicas of its destinations.
	cast bool
	// arrived is when it came to this process.
	arrived time.Duration
	// place is where it belongs in the optimistic order, and among what waits to be
	// proposed: at its T0 or, at the ensemble's coordinator, behind all that is
	// proposed or opt-delivered when it comes.
	place hlc.Timestamp
}

// before is the order of optimistic delivery: by place, and by T0 and name between
// equal ones.
func (s *sealed) before(o *sealed) bool {
	if s.place != o.place {
		return s.place < o.place
	}
	return s.message.before(o.message)
}

// size is what m counts for in queues and batches: at least its encoding.
func (m *Message) size() int { return len(m.Body) + 2*len(m.Dests) + 64 }

// copied is how much of size a value copies of m.
func (m *Message) copied() int {
	if len(m.Body) >= referred {
		return m.size() - len(m.Body)
	}
	return m.size()
}

// read decodes one message into m. Its sets of destinations are cut from
// *sets, so that a batch needs few allocations.
func (m *Message) read(r *wire.Reader, sets *[]ids.Partition) {
	m.Command = r.Command()
	m.Attempt = readAttempt(r)
	m.T0 = r.Timestamp()
	m.Mark = ids.Sequence(r.Uvarint())
	m.Guard = r.Timestamp()
	m.Dests = readSet(r, sets)
	m.Body = r.Bytes()
	checkName(r, m.Command, m.Dests)
}

// readSet reads a set into *slab and returns the part that holds it.
func readSet(r *wire.Reader, slab *[]ids.Partition) ids.Set {
	n := r.Count(2)
	if n > wire.MaxDests {
		r.Fail("too many partitions")
		return nil
	}
	at := len(*slab)
	for range n {
		*slab = append(*slab, ids.Partition(r.Uint16()))
	}
	s := ids.Set((*slab)[at:len(*slab):len(*slab)])
	if r.Err() == nil && !s.Valid() {
		r.Fail("partitions out of order")
	}
	return s
}
