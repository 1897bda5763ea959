package ssmr

import (
	"strings"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
)

// first places by the first byte.
type first struct{}

func (first) Slot(place string) int { return int(place[0]) }

// hunch guesses partition 2.
type hunch struct{}

func (hunch) Guess(partition.Access) ids.Set { return ids.Set{2} }

func TestAServiceReplacesPlacementAndGuess(t *testing.T) {
	x := newCounter("x", 1)
	place, guess := Placer(first{}), Guesser(hunch{})
	s := Compose("outer", NewService("inner", x.cells, place, guess), NewService("again", place))
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	m := s.Map(4096)
	if got := m.Owners(partition.Key{Name: "\x07abc"}); !got.Equal(ids.Set{7}) {
		t.Errorf("placed at %v", got)
	}
	access, err := resolved(AtLeast(x.cells.Reads("\x07")), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Route(access, nil); !got.Equal(ids.Set{2, 7}) {
		t.Errorf("guessed %v", got)
	}
	err = NewService("s", place, Placer(first{}), guess, Guesser(hunch{})).Validate()
	if err == nil || !strings.Contains(err.Error(), "two Placers") || !strings.Contains(err.Error(), "two Guessers") {
		t.Errorf("no complaint: %v", err)
	}
}
