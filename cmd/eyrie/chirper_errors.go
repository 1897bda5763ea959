package main

import (
	"fmt"

	"github.com/eyrie-dev/eyrie/apps/chirper"
	"github.com/eyrie-dev/eyrie/apps/chirper/graph"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// hint is what to do about an error, or "".
func (v *chirperCall) hint(err error, code int) string {
	switch {
	case is(err, chirper.ErrNoUser):
		return fmt.Sprintf("`eyrie chirper join USER%s` makes a user; `eyrie chirper load%[1]s` many.", v.clusterFlag())
	case is(err, chirper.ErrBadText):
		return fmt.Sprintf("A text has 1 to %d characters and at most %d bytes of UTF-8, and no control characters.", chirper.MaxText, chirper.MaxTextBytes)
	case is(err, graph.ErrFormat):
		return "Each line has the numbers of two users, with a blank between; lines that begin with # are left out."
	case is(err, graph.ErrDamaged):
		return "It is not a whole gzip file. Nothing was loaded."
	case is(err, ssmr.ErrBudget):
		return "It concerns too much for one command."
	case code == exitUnknown:
		return v.unknownHint(fmt.Sprintf("eyrie chirper timeline %s%s", v.arg(0), v.clusterFlag()))
	}
	return v.clusterHint(err, code)
}
