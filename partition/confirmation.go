package partition

import (
	"encoding/binary"
	"slices"

	"github.com/minio/highwayhash"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Confirmation is the conservative reply to an attempt for a client that has, or
// is about to have, the same as an optimistic reply: it has a digest instead of
// the content. What the client holds is the reply exactly if it has that digest;
// else the whole reply comes, or is asked for again.
type Confirmation struct {
	Command ids.Command
	Attempt ids.Attempt
	// Digest is Content of the reply.
	Digest     uint64
	MapVersion uint64
	Time       hlc.Timestamp
	Stages     Stages
}

// Content is a digest of what a final reply to a client's command says: outcome,
// value and error. It is a HighwayHash under the client's id, which is random, so that
// nobody who may choose values can choose two with one digest: with a hash that is
// merely seeded that is easy, whatever the seed. Of what is as fast as that one, it
// alone is made to withstand who chooses what is hashed; a code of authentication
// (GMAC) takes twice the time.
func Content(c ids.Command, o Outcome, value []byte, errName, errText string) uint64 {
	var key [highwayhash.Size]byte
	copy(key[:], c.Client[:])
	binary.LittleEndian.PutUint64(key[len(c.Client):], uint64(c.Sequence))
	key[24] = byte(o)
	said := value
	if len(errName)+len(errText) > 0 {
		key[25] = 1
		said = wire.AppendString(wire.AppendString(wire.AppendBytes(nil, value), errName), errText)
	}
	return highwayhash.Sum64(said, key[:])
}

// Reply is the reply that is confirmed, given its content.
func (m *Confirmation) Reply(o Outcome, value []byte, errName, errText string) *Reply {
	return &Reply{
		Command: m.Command, Attempt: m.Attempt, Outcome: o, Value: value, ErrorName: errName, ErrorText: errText,
		MapVersion: m.MapVersion, Time: m.Time, Stages: m.Stages,
	}
}

// Kind implements wire.Message.
func (*Confirmation) Kind() wire.Kind { return KindConfirmation }

// Append implements wire.Message.
func (m *Confirmation) Append(b []byte) []byte {
	b = wire.AppendCommand(b, m.Command)
	b = wire.AppendUint32(b, uint32(m.Attempt))
	b = wire.AppendUint64(b, m.Digest)
	b = wire.AppendUvarint(b, m.MapVersion)
	b = wire.AppendTimestamp(b, m.Time)
	return AppendStages(b, m.Stages)
}

func decodeConfirmation(r *wire.Reader) *Confirmation {
	return &Confirmation{
		Command: r.Command(), Attempt: ids.Attempt(r.Uint32()), Digest: r.Uint64(), MapVersion: r.Uvarint(),
		Time: r.Timestamp(), Stages: ReadStages(r),
	}
}

// telling is what a replica tells a command's client.
type telling uint8

const (
	tellNothing telling = iota
	tellDigest
	tellAll
)

// tells says what falls to this replica. Of a command whose client asked for an
// optimistic reply that was for its herald to send, the coordinator that proposed
// it, the one that answers tells the digest, and the herald all unless it has told
// the very same before: together that is the reply. Whatever is lost of it, or by
// whom who answers or leads is mistaken, the client's next copy is a duplicate,
// and is answered in full (turnAway).
func (r *Replica) tells(c *command, again bool) telling {
	answers := r.answerer(c.Command, c.dests, c.nearest) == r.config.Self
	t := &c.tx
	switch {
	case again:
		return tellAll
	case !c.asks || r.speculator == nil || len(c.dests) != 1 || !t.outcome.Final() || len(t.value)+len(t.errText) < r.tuning.MinConfirmed:
	case c.origin == r.config.Self:
		m := &r.ending.Reply // lent
		*m = Reply{
			Outcome: t.outcome, Value: t.value, ErrorName: t.errName, ErrorText: t.errText, MapVersion: r.version(),
		}
		if !r.speculator.Told(c.Command, c.Attempt, m) {
			return tellAll
		}
		if !answers {
			return tellNothing
		}
		return tellDigest
	case answers && slices.Contains(r.config.Replicas[r.config.Partition], c.origin) && !r.slow(c.origin):
		return tellDigest
	}
	if answers {
		return tellAll
	}
	return tellNothing
}

// sendDigest confirms what the client was told before.
func (r *Replica) sendDigest(c *command) {
	t := &c.tx
	r.counters.Confirmations++
	digest := Content(c.Command, t.outcome, t.value, t.errName, t.errText)
	r.sends = append(r.sends, Send{ids.ToClient(c.Command.Client), &Confirmation{
		Command: c.Command, Attempt: c.Attempt, Digest: digest,
		MapVersion: r.version(), Time: r.present, Stages: Stages{c.proposed, c.delivered, c.startedAt, r.now.Wall},
	}})
}
