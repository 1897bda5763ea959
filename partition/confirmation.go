package partition

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"slices"

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
	// Digest is Digester.Content of the reply.
	Digest     uint64
	MapVersion uint64
	Time       hlc.Timestamp
	Stages     Stages
}

// Digester makes digests of what final replies to one client say: outcome, value
// and error. One is a code of authentication (GMAC) under the client's id, which is
// random, so that nobody who may choose values can choose two with one digest;
// with a hash that is merely seeded that is easy, whatever the seed. What derives
// from the id alone, some 1.3 kB, is made once. It is not safe for concurrent use.
type Digester struct {
	client ids.Client
	mac    cipher.AEAD
	nonce  [12]byte
	tag    [16]byte
}

// NewDigester makes one for that client.
func NewDigester(c ids.Client) *Digester {
	block, err := aes.NewCipher(c[:])
	if err != nil {
		panic(err) // only for keys of other sizes
	}
	mac, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // only for blocks of other sizes
	}
	return &Digester{client: c, mac: mac}
}

// Content is the digest of a reply to the client's command with that sequence.
func (d *Digester) Content(seq ids.Sequence, o Outcome, value []byte, errName, errText string) uint64 {
	binary.LittleEndian.PutUint64(d.nonce[:], uint64(seq))
	d.nonce[8], d.nonce[9] = byte(o), 0
	said := value
	if len(errName)+len(errText) > 0 {
		d.nonce[9] = 1
		said = wire.AppendString(wire.AppendString(wire.AppendBytes(nil, value), errName), errText)
	}
	return binary.LittleEndian.Uint64(d.mac.Seal(d.tag[:0], d.nonce[:], nil, said))
}

// digesters keeps those of clients that were answered lately, each in the place
// that its id, which is random, gives it.
type digesters [256]*Digester

func (x *digesters) of(c ids.Client) *Digester {
	d := &x[c[0]]
	if *d == nil || (*d).client != c {
		*d = NewDigester(c)
	}
	return *d
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
	digest := r.digesters.of(c.Command.Client).Content(c.Command.Sequence, t.outcome, t.value, t.errName, t.errText)
	r.sends = append(r.sends, Send{ids.ToClient(c.Command.Client), &Confirmation{
		Command: c.Command, Attempt: c.Attempt, Digest: digest,
		MapVersion: r.version(), Time: r.present, Stages: Stages{c.proposed, c.delivered, c.startedAt, r.now.Wall},
	}})
}
