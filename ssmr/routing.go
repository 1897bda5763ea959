package ssmr

import (
	"errors"

	"github.com/eyrie-dev/eyrie/oracle"
)

// Placer makes a part that replaces the hash by which places get their slots;
// see oracle.Placer. A service has at most one. Every process and client of a
// cluster must have the same.
func Placer(p oracle.Placer) Part { return &routing{placer: p} }

// Guesser makes a part that guesses where commands with AtLeast access will
// need to go; see oracle.Guesser. A service has at most one.
func Guesser(g oracle.Guesser) Part { return &routing{guesser: g} }

// routing is a replaced placement or guess.
type routing struct {
	placer  oracle.Placer
	guesser oracle.Guesser
}

func (r *routing) addTo(s *Service, _ string) {
	set := func(which string, part **routing) {
		if *part != nil && *part != r {
			s.complain(errors.New("two " + which))
		}
		*part = r
	}
	if r.placer != nil {
		set("Placers", &s.placer)
	}
	if r.guesser != nil {
		set("Guessers", &s.guesser)
	}
}

// Map is the map by which a cluster of so many partitions starts: all its
// processes and clients make it for themselves.
func (s *Service) Map(partitions int) *oracle.Map {
	var options []oracle.Option
	if s.placer != nil {
		options = append(options, oracle.WithPlacer(s.placer.placer))
	}
	if s.guesser != nil {
		options = append(options, oracle.WithGuesser(s.guesser.guesser))
	}
	return oracle.New(1, partitions, s.Definition(), options...)
}
