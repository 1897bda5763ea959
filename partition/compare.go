package partition

import (
	"encoding/binary"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// sums are how replicas of a partition notice that one of them has diverged: a
// service that is not deterministic, or damage in memory. At every so many
// deliveries, counted since genesis, each tells the others the sum of what the
// merged order determines: variables and outcomes. What depends on time (the
// exchange, the outbox) is not in it; and where something below is unfinished
// when something above comes, there is nothing to compare [C3].
type sums struct {
	every uint64
	// due: nothing has been delivered since the last of so many.
	due bool
	// heard[i] are the last ones of replica i of this partition, by count.
	heard [][sumsKept]StateSum
}

const (
	// sumEvery so many deliveries replicas compare.
	sumEvery = 1024
	// sumsKept of each replica: others may be that far behind.
	sumsKept = 16
)

// StateSum tells a replica of the same partition what the sender's state was
// after Count deliveries, all that had been delivered finished.
type StateSum struct {
	Count    uint64
	Position ids.Position
	Sum      uint64
}

func newSums(c *Config) sums {
	s := sums{every: sumEvery}
	if replicas := c.Replicas[c.Partition]; c.Durable && len(replicas) > 1 {
		s.heard = make([][sumsKept]StateSum, len(replicas))
	}
	return s
}

// sumUp tells the others the sum, if it can be told.
func (r *Replica) sumUp() {
	if r.queue.live > 0 || r.err != nil {
		return
	}
	r.sums.due = false
	r.counters.Compared++
	m := &StateSum{Count: r.delivered, Position: r.last, Sum: r.stateSum()}
	replicas := r.config.Replicas[r.config.Partition]
	for _, p := range replicas {
		if p != r.config.Self {
			r.send(p, m)
		}
	}
	r.hear(slices.Index(replicas, r.config.Self), m)
}

func (r *Replica) stateSum() uint64 {
	var b [64]byte
	h := binary.LittleEndian.AppendUint64(b[:0], r.state.sum.Hash)
	h = binary.LittleEndian.AppendUint64(h, r.state.sum.Count)
	h = binary.LittleEndian.AppendUint64(h, r.outcomes)
	h = binary.LittleEndian.AppendUint64(h, r.version())
	return xxhash.Sum64(wire.AppendPosition(h, r.last))
}

// onStateSum takes another replica's sum.
func (r *Replica) onStateSum(from ids.Process, m *StateSum) {
	if r.sums.heard == nil || m.Count == 0 || m.Count%r.sums.every != 0 {
		r.counters.Invalid++
		return
	}
	r.hear(slices.Index(r.config.Replicas[r.config.Partition], from), m)
}

// hear compares what replicas have said of one count. One that differs from
// f+1 others, and two at least, that agree has diverged and stops. Of two that
// differ nobody knows which is right.
func (r *Replica) hear(i int, m *StateSum) {
	at := m.Count / r.sums.every % sumsKept
	heard := r.sums.heard
	if m.Count < heard[i][at].Count {
		return
	}
	heard[i][at] = *m
	own := &heard[slices.Index(r.config.Replicas[r.config.Partition], r.config.Self)][at]
	if own.Count != m.Count {
		return
	}
	differ := false
	for i := range heard {
		other, agree := &heard[i][at], 0
		if other.Count != own.Count || *other == *own {
			continue
		}
		differ = true
		for j := range heard {
			if heard[j][at] == *other {
				agree++
			}
		}
		if agree >= max(2, (len(heard)-1)/2+1) {
			r.stop("the state after %d deliveries, at %v, has sum %016x here and %016x, at %v, at %d other replicas: this one has diverged",
				own.Count, own.Position, own.Sum, other.Sum, other.Position, agree)
			return
		}
	}
	if differ {
		r.counters.Diverged++
	}
}

// foldOutcome folds in how a command ended. Commands end in different orders at
// different replicas.
func (r *Replica) foldOutcome(c *command) {
	var b [256]byte
	t := &c.tx
	h := wire.AppendPosition(b[:0], c.Position)
	h = wire.AppendCommand(h, c.Command)
	h = wire.AppendUint32(h, uint32(c.Attempt))
	h = append(h, byte(t.outcome))
	if t.outcome != OutcomeOK {
		h = wire.AppendString(h, t.errName)
		h = wire.AppendString(h, t.errText)
		h = wire.AppendSet(h, t.needed)
	}
	r.outcomes += hashWith(h, t.value)
}

// Kind implements wire.Message.
func (*StateSum) Kind() wire.Kind { return KindStateSum }

// Append implements wire.Message.
func (m *StateSum) Append(b []byte) []byte {
	return wire.AppendUint64(wire.AppendPosition(wire.AppendUvarint(b, m.Count), m.Position), m.Sum)
}
