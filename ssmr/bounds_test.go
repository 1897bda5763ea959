package ssmr

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/eyrie-dev/eyrie/partition"
)

var (
	swell = NewOperation("swell", func(_ string, _ bool, n int) string { return strings.Repeat("x", n) })
	bound = NewCollection[string, string]("bound")

	putLong = NewCommand("long", func(n int) Access { return Exactly(bound.WritesAll()) }, func(tx Tx, n int) (int, error) {
		bound.Put(tx, strings.Repeat("n", n), "x")
		return n, nil
	})
	declareMany = NewCommand("many", func(n int) Access { return ExactlyAll(slices.Repeat([]Item{bound.Reads("few")}, n)) }, func(Tx, int) (int, error) { return 0, nil })
	growBig     = NewCommand("grow", func(int) Access { return Exactly(bound.Writes("big")) }, func(tx Tx, n int) (int, error) {
		bound.Update(tx, "big", swell.With(n))
		v, _ := bound.Get(tx, "big")
		return len(v), nil
	})
)

// What a cluster bounds, a Machine does.
func TestBounds(t *testing.T) {
	s := NewService("bounds", bound, swell, putLong, declareMany, growBig)
	ctx, tuning := context.Background(), partition.DefaultTuning()
	machine, cluster := machineAndCluster(t, s)
	for name, c := range map[string]*Client{"machine": machine, "cluster": cluster} {
		for _, x := range []struct {
			what string
			do   *Command[int, int]
			n    int
			want error
		}{
			{"a name", putLong, partition.MaxName - 1, nil}, // and one byte behind each name
			{"a long name", putLong, partition.MaxName + 1, ErrBudget},
			{"items", declareMany, tuning.MaxAccesses, nil},
			{"too many items", declareMany, tuning.MaxAccesses + 1, ErrBudget},
			{"a value", growBig, tuning.MaxBytes / 2, nil},
		} {
			if _, err := x.do.Do(ctx, c, x.n); !errors.Is(err, x.want) {
				t.Errorf("%s: %s: %v, not %v", name, x.what, err, x.want)
			}
		}
		if n, err := growBig.Do(ctx, c, tuning.MaxBytes+1); n != tuning.MaxBytes/2 || err != nil {
			t.Errorf("%s: %d, %v: what is too big has come into being", name, n, err)
		}
	}
}

// Who has another type for a result learns that the command was executed.
func TestResultOfAnotherVersion(t *testing.T) {
	decode := func([]byte, bool) (int, error) { return 0, ErrValue }
	c := &Call[int]{decode: decode}
	_, err := c.result(nil)
	if !errors.Is(err, ErrResult) || !errors.Is(err, ErrValue) || HadNoEffect(err) || Retryable(err) {
		t.Errorf("%v: no effect %v, retryable %v", err, HadNoEffect(err), Retryable(err))
	}
}
