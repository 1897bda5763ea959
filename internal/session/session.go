// Package session holds the messages that a client and a process exchange
// outside the protocols: the greeting, from which a client learns the
// service's time and life, and the question for a process's status.
package session

import (
	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Kinds of this package.
const (
	KindHello wire.Kind = wire.KindClient + iota
	KindWelcome
	KindStatusQuery
	KindStatus
	KindReplace
)

// Hello asks a process for a Welcome. A process that is not ready to order
// does not answer; the client asks again.
type Hello struct{}

// Welcome tells a client what it needs before its first command.
type Welcome struct {
	// Life names this life of the cluster: with memory-only processes, a
	// cluster that was started again has forgotten everything and has another.
	Life uint64
	// Time is the ensembles' time as the process knows it [X5].
	Time hlc.Timestamp
	// MapVersion is the version of the partition map in force.
	MapVersion uint64
	// Horizon and Window are H and W of the cluster, in microseconds.
	Horizon, Window uint64
	// Coordinators of the ensembles, in the topology's order, as far as the
	// process knows; zero where it does not.
	Coordinators []ids.Process
}

// StatusQuery asks a process for its Status.
type StatusQuery struct{ Nonce uint64 }

// Status answers a StatusQuery: a JSON document.
type Status struct {
	Nonce uint64
	JSON  []byte
}

// Replace asks a process to have another's incarnation replaced in an ensemble, if
// the members' version there is the given one. The answer is a Status, with a
// Replacing as its document. It is to be asked of all, again and again, until it
// is done: only the ensemble's coordinator can do it.
type Replace struct {
	Nonce       uint64
	Ensemble    ids.Ensemble
	Process     ids.Process
	Incarnation ids.Incarnation // the new one
	Version     uint64
	Addr        string // the new one; empty: as before
}

// Replacing says what became of a Replace.
type Replacing struct {
	// Done: the ensemble names the new incarnation.
	Done bool `json:"done"`
	// Conflict: somebody else has changed the members.
	Conflict bool   `json:"conflict,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

// Kind implements wire.Message.
func (*Replace) Kind() wire.Kind { return KindReplace }

// Append implements wire.Message.
func (m *Replace) Append(b []byte) []byte {
	b = wire.AppendUint16(wire.AppendUint64(b, m.Nonce), uint16(m.Ensemble))
	b = wire.AppendUint64(wire.AppendUint16(b, uint16(m.Process)), uint64(m.Incarnation))
	return wire.AppendString(wire.AppendUvarint(b, m.Version), m.Addr)
}

func (*Hello) Kind() wire.Kind       { return KindHello }
func (*Welcome) Kind() wire.Kind     { return KindWelcome }
func (*StatusQuery) Kind() wire.Kind { return KindStatusQuery }
func (*Status) Kind() wire.Kind      { return KindStatus }

func (*Hello) Append(b []byte) []byte { return b }

func (m *Welcome) Append(b []byte) []byte {
	b = wire.AppendUint64(b, m.Life)
	b = wire.AppendTimestamp(b, m.Time)
	b = wire.AppendUint64(b, m.MapVersion)
	b = wire.AppendUint64(b, m.Horizon)
	b = wire.AppendUint64(b, m.Window)
	b = wire.AppendUvarint(b, uint64(len(m.Coordinators)))
	for _, p := range m.Coordinators {
		b = wire.AppendUint16(b, uint16(p))
	}
	return b
}

func decodeWelcome(r *wire.Reader) *Welcome {
	m := &Welcome{Life: r.Uint64(), Time: r.Timestamp(), MapVersion: r.Uint64(), Horizon: r.Uint64(), Window: r.Uint64()}
	m.Coordinators = make([]ids.Process, r.Count(2))
	for i := range m.Coordinators {
		m.Coordinators[i] = ids.Process(r.Uint16())
	}
	return m
}

func (m *StatusQuery) Append(b []byte) []byte { return wire.AppendUint64(b, m.Nonce) }

func (m *Status) Append(b []byte) []byte {
	return wire.AppendBytes(wire.AppendUint64(b, m.Nonce), m.JSON)
}

// Decode decodes this package's messages.
func Decode(kind wire.Kind, body []byte) (wire.Message, error) {
	r := wire.NewReader(body)
	var m wire.Message
	switch kind {
	case KindHello:
		m = &Hello{}
	case KindWelcome:
		m = decodeWelcome(&r)
	case KindStatusQuery:
		m = &StatusQuery{Nonce: r.Uint64()}
	case KindStatus:
		m = &Status{Nonce: r.Uint64(), JSON: r.Bytes()}
	case KindReplace:
		m = &Replace{
			Nonce: r.Uint64(), Ensemble: ids.Ensemble(r.Uint16()), Process: ids.Process(r.Uint16()),
			Incarnation: ids.Incarnation(r.Uint64()), Version: r.Uvarint(), Addr: r.String(),
		}
	default:
		r.Fail("unknown kind of message")
	}
	return m, r.Done()
}
