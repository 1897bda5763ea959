package node

import (
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/session"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// Kinds of this package: the founding of a cluster, and the transfer of states
// between replicas of a partition.
const (
	KindRoll wire.Kind = wire.KindNode + iota
	KindList
	KindAccept
	KindFounded
	KindKnown
	KindRefused
	KindReplaced
	KindWant
	KindDecline
	KindOffer
	KindFetch
	KindChunk
	KindJournal
)

// Roll says "here I am"; the sender's incarnation travels with every message.
type Roll struct{}

// List proposes the incarnations that count, in ascending order of process.
type List struct{ List []ids.Incarnation }

// Accept accepts the list whose life that is.
type Accept struct{ Life uint64 }

// Founded tells the list that all accepted.
type Founded struct{ List []ids.Incarnation }

// Known tells the founder that the sender knows the founded list.
type Known struct{}

// Refused tells a process that this incarnation of it does not count.
type Refused struct {
	Incarnation ids.Incarnation
	// Generation is how often the process was replaced, as the sender knows it.
	Generation uint64
}

func (*Roll) Kind() wire.Kind    { return KindRoll }
func (*List) Kind() wire.Kind    { return KindList }
func (*Accept) Kind() wire.Kind  { return KindAccept }
func (*Founded) Kind() wire.Kind { return KindFounded }
func (*Known) Kind() wire.Kind   { return KindKnown }
func (*Refused) Kind() wire.Kind { return KindRefused }

func (*Roll) Append(b []byte) []byte      { return b }
func (m *List) Append(b []byte) []byte    { return appendList(b, m.List) }
func (m *Accept) Append(b []byte) []byte  { return wire.AppendUint64(b, m.Life) }
func (m *Founded) Append(b []byte) []byte { return appendList(b, m.List) }
func (*Known) Append(b []byte) []byte     { return b }
func (m *Refused) Append(b []byte) []byte {
	return wire.AppendUvarint(wire.AppendUint64(b, uint64(m.Incarnation)), m.Generation)
}

func appendList(b []byte, l []ids.Incarnation) []byte {
	b = wire.AppendUvarint(b, uint64(len(l)))
	for _, inc := range l {
		b = wire.AppendUint64(b, uint64(inc))
	}
	return b
}

func readList(r *wire.Reader) []ids.Incarnation {
	l := make([]ids.Incarnation, r.Count(8))
	for i := range l {
		l[i] = ids.Incarnation(r.Uint64())
		if l[i] == 0 {
			r.Fail("incarnation zero")
		}
	}
	return l
}

// Decode decodes every message that a process or a client may receive.
func Decode(kind wire.Kind, body []byte) (wire.Message, error) {
	switch {
	case kind >= wire.KindClient:
		return session.Decode(kind, body)
	case kind >= wire.KindNode:
		return decode(kind, body)
	case kind >= wire.KindOptimistic:
		return optimistic.Decode(kind, body)
	case kind >= wire.KindPartition:
		return partition.Decode(kind, body)
	}
	return ridge.Decode(kind, body)
}

func decode(kind wire.Kind, body []byte) (wire.Message, error) {
	r := wire.NewReader(body)
	var m wire.Message
	switch kind {
	case KindRoll:
		m = &Roll{}
	case KindList:
		m = &List{List: readList(&r)}
	case KindAccept:
		m = &Accept{Life: r.Uint64()}
	case KindFounded:
		m = &Founded{List: readList(&r)}
	case KindKnown:
		m = &Known{}
	case KindRefused:
		m = &Refused{Incarnation: ids.Incarnation(r.Uint64()), Generation: r.Uvarint()}
	case KindReplaced:
		m = &Replaced{List: readList(&r), Members: readMembers(&r)}
	case KindJournal:
		m = readJournal(&r)
	case KindWant, KindDecline, KindOffer, KindFetch, KindChunk:
		m = decodeTransfer(kind, &r)
	default:
		r.Fail("unknown kind of message")
	}
	return m, r.Done()
}
