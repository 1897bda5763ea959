package ridge

import (
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// question asks an ensemble's coordinator for its position. Number names it
// among those of the asker.
type question struct {
	Ensemble ids.Ensemble
	Number   uint64
}

// position answers a question. Instance is the highest proposed in Round, by
// its coordinator, if Confirmed; otherwise the sender does not coordinate, and
// Round is the highest it knows of.
type position struct {
	Ensemble  ids.Ensemble
	Number    uint64
	Round     Round
	Instance  ids.Instance
	Confirmed bool
}

// confirm asks an acceptor whether it has promised anything above Round.
type confirm struct {
	Ensemble ids.Ensemble
	Round    Round
	Number   uint64
}

// confirmed says that the sender had not when the confirm came. Otherwise it
// sends a refuse.
type confirmed struct {
	Ensemble ids.Ensemble
	Round    Round
	Number   uint64
}

func (*question) Kind() wire.Kind  { return kindQuestion }
func (*position) Kind() wire.Kind  { return kindPosition }
func (*confirm) Kind() wire.Kind   { return kindConfirm }
func (*confirmed) Kind() wire.Kind { return kindConfirmed }

// Append implements wire.Message.
func (m *question) Append(b []byte) []byte {
	return wire.AppendUvarint(appendEnsemble(b, m.Ensemble), m.Number)
}

// Append implements wire.Message.
func (m *position) Append(b []byte) []byte {
	b = wire.AppendUvarint(appendEnsemble(b, m.Ensemble), m.Number)
	b = appendInstance(appendRound(b, m.Round), m.Instance)
	return wire.AppendBool(b, m.Confirmed)
}

// Append implements wire.Message.
func (m *confirm) Append(b []byte) []byte {
	return wire.AppendUvarint(appendRound(appendEnsemble(b, m.Ensemble), m.Round), m.Number)
}

// Append implements wire.Message.
func (m *confirmed) Append(b []byte) []byte {
	return wire.AppendUvarint(appendRound(appendEnsemble(b, m.Ensemble), m.Round), m.Number)
}

func readPosition(r *wire.Reader) *position {
	return &position{
		Ensemble: readEnsemble(r), Number: r.Uvarint(), Round: readRound(r),
		Instance: readInstance(r), Confirmed: r.Bool(),
	}
}
