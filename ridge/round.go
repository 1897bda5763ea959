package ridge

import (
	"cmp"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Round names one attempt of one coordinator to order (the dissertation's
// c-rnd). Rounds are totally ordered by Counter, Coordinator, Life.
// Invariant: a coordinator never uses a round twice, in any of its lives: a
// life raises Counter for each new round, and lives differ in Life [R2]: also
// those of a process that remembers, since its last rounds may not be durable.
// The zero Round is below all others and is nobody's.
type Round struct {
	// Counter has the members' version as its high part, see Version.
	Counter     uint64      `json:"counter"`
	Coordinator ids.Process `json:"coordinator"`
	Life        uint64      `json:"life"`
}

// Compare orders rounds.
func (r Round) Compare(s Round) int {
	if c := cmp.Compare(r.Counter, s.Counter); c != 0 {
		return c
	}
	if c := cmp.Compare(r.Coordinator, s.Coordinator); c != 0 {
		return c
	}
	return cmp.Compare(r.Life, s.Life)
}

// Less says whether r is below s.
func (r Round) Less(s Round) bool { return r.Compare(s) < 0 }

// versionBits are those of Counter below the version of the ensemble's members in
// which the round acts. Invariant: a round of a later membership is above all of
// an earlier one.
const versionBits = 40

// Version is the number of changes of the members before the round.
func (r Round) Version() uint64 { return r.Counter >> versionBits }

// Number is the counter within the version.
func (r Round) Number() uint64 { return r.Counter & (1<<versionBits - 1) }

// IsZero says whether r is nobody's round.
func (r Round) IsZero() bool { return r == Round{} }

const roundSize = 18

// maxCounter leaves room for higher rounds than any from outside: one that
// wrapped around would be below what is promised.
const maxCounter = 1 << 62

func appendRound(b []byte, r Round) []byte {
	b = wire.AppendUint64(b, r.Counter)
	b = wire.AppendUint16(b, uint16(r.Coordinator))
	return wire.AppendUint64(b, r.Life)
}

func readRound(r *wire.Reader) Round {
	d := Round{
		Counter:     r.Uint64(),
		Coordinator: ids.Process(r.Uint16()),
		Life:        r.Uint64(),
	}
	if d.Counter > maxCounter {
		r.Fail("round out of range")
		return Round{}
	}
	return d
}
