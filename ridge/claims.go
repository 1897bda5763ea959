package ridge

import (
	"slices"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Claim is what a message or a record says of an acceptor's memory: that Round is
// promised if Instance is zero, else a vote. It is for checkers: what is claimed
// must be durable.
type Claim struct {
	Ensemble ids.Ensemble
	Instance ids.Instance
	Round    Round
	ID       ValueID
	// Cast: said to have the vote counted, not for others' information.
	Cast bool
	// Decided: not a vote, but what is decided; it takes the place of one.
	Decided bool
}

// Claims appends what a message that process self sends claims of self.
func Claims(self ids.Process, m wire.Message, claims []Claim) []Claim {
	votes := func(e ids.Ensemble, vs []vote) {
		for i := range vs {
			if v := &vs[i]; !v.Decided {
				claims = append(claims, Claim{Ensemble: e, Instance: v.Instance, Round: v.Round, ID: v.Value.ID})
			}
		}
	}
	switch m := m.(type) {
	case *promise:
		votes(m.Ensemble, m.Votes)
		claims = append(claims, Claim{Ensemble: m.Ensemble, Round: m.Round})
	case *accept:
		if slices.Contains(m.Voters, self) {
			claims = append(claims, Claim{Ensemble: m.Ensemble, Instance: m.Instance, Round: m.Round, ID: m.Value.ID, Cast: true})
		}
	case *voted:
		for _, b := range m.Votes {
			claims = append(claims, Claim{Ensemble: m.Ensemble, Instance: b.Instance, Round: m.Round, ID: b.ID, Cast: true})
		}
	case *learn:
		votes(m.Ensemble, m.Votes)
	}
	return claims
}

// Claim is what a record makes durable. A decided value counts as a vote.
func (r Record) Claim() (c Claim, ok bool) {
	d := wire.NewReader(r.Bytes())
	format := d.Byte()
	c = Claim{Ensemble: r.Ensemble, Instance: r.Instance, Round: readRound(&d)}
	if r.Instance > 0 {
		c.ID = readValueID(&d)
	}
	c.Decided = format == recordDecided
	switch format {
	case recordVote, recordDecided:
		ok = r.Instance > 0
	case recordState, recordMembers:
		ok = r.Instance == 0
	}
	return c, ok && d.Err() == nil
}

// Begins is the round that a message of Phase 1 begins.
func Begins(m wire.Message) (e ids.Ensemble, r Round, ok bool) {
	p, ok := m.(*prepare)
	if !ok {
		return 0, Round{}, false
	}
	return p.Ensemble, p.Round, true
}
