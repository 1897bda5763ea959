package bench

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"
)

// recorded are Servers that say what becomes of them.
type recorded struct {
	name string
	log  *[]string
	err  error // of Start
	dead error
}

func (r *recorded) Start(context.Context) error {
	*r.log = append(*r.log, "start "+r.name)
	return r.err
}
func (r *recorded) Address() any       { return r.name }
func (r *recorded) CPU() time.Duration { return 0 }
func (r *recorded) Err() error         { return r.dead }
func (r *recorded) Close() error {
	*r.log = append(*r.log, "close "+r.name)
	return nil
}

// Servers live as long as turns are of them, one at a time, and begin anew when
// they have failed.
func TestKeeper(t *testing.T) {
	var k Keeper
	var log []string
	trouble := errors.New("trouble")
	turn := func(name string, r *recorded) error {
		s := k.Servers(name, func() Servers { return r })
		err := s.Start(t.Context())
		if err == nil && s.Address() != name {
			t.Errorf("%v serves the turn of %s", s.Address(), name)
		}
		return err
	}
	a := &recorded{name: "a", log: &log}
	for _, err := range []error{
		turn("a", a), turn("a", nil), turn("b", &recorded{name: "b", log: &log}), turn("a", a),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	a.dead = trouble
	if err := turn("a", &recorded{name: "a", log: &log, err: trouble}); !errors.Is(err, trouble) {
		t.Errorf("a start that fails says %v", err)
	}
	if err := turn("a", &recorded{name: "a", log: &log}); err != nil {
		t.Fatal(err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	want := []string{"start a", "close a", "start b", "close b", "start a", "close a", "start a", "close a", "start a", "close a"}
	if !slices.Equal(log, want) {
		t.Errorf("%q, want %q", log, want)
	}
}

// Cases that belong together are one contender's turn after the other.
func TestTogether(t *testing.T) {
	p := &Plan{
		Cases:    []Case{{Partitions: 1, Load: 1}, {Partitions: 1, Load: 0.5}, {Partitions: 2, Load: 1}},
		Together: func(a, b Case) bool { return a.Partitions == b.Partitions },
	}
	var sizes []int
	for _, g := range p.groups() {
		sizes = append(sizes, len(g))
	}
	if !slices.Equal(sizes, []int{2, 1}) {
		t.Errorf("groups of %v", sizes)
	}
	if p.Together = nil; len(p.groups()) != 3 {
		t.Errorf("groups %v without a rule", p.groups())
	}
}
