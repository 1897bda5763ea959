package ssmr

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

var (
	sumsOf   = NewCollection[int, int]("sums")
	plus     = NewOperation("plus", func(old int, _ bool, n int) int { return old + n }, Commutative())
	largest  = NewOperation("largest", func(old int, _ bool, n int) int { return max(old, n) }, Commutative())
	behind   = NewOperation("behind", func(old []int, _ bool, n int) []int { return append(old, n) }, Commutative())
	tallyAll = NewCommand("tally", func(ks []int) Access {
		items := make([]Item, len(ks))
		for i, k := range ks {
			items[i] = sumsOf.Updates(k, plus)
		}
		return Exactly(items...)
	}, func(tx Tx, ks []int) (int, error) {
		for _, k := range ks {
			sumsOf.Update(tx, k, plus.With(1))
		}
		return len(ks), nil
	})
	tallyWrong = NewCommand("wrong", func(k int) Access { return Exactly(sumsOf.Updates(k, plus)) }, func(tx Tx, k int) (int, error) {
		switch {
		case k%3 == 0:
			sumsOf.Update(tx, k, largest.With(1))
		case k%3 == 1:
			sumsOf.Put(tx, k, 1)
		default:
			sumsOf.Get(tx, k)
		}
		return 0, nil
	})
	// tallyOdd updates in another order than it has declared, and more often, and at
	// the end, if there is one above a hundred, what it has not declared.
	tallyOdd = NewCommand("odd", func(ks []int) Access {
		items := []Item{sumsOf.Updates(ks[0], largest), sumsOf.Reads(-1)}
		for _, k := range ks {
			items = append(items, sumsOf.Updates(min(k, 100), plus))
		}
		return ExactlyAll(items)
	}, func(tx Tx, ks []int) (int, error) {
		sumsOf.Update(tx, ks[0], largest.With(1))
		for i := range ks {
			sumsOf.Update(tx, ks[len(ks)-1-i], plus.With(1))
			sumsOf.Update(tx, min(100, ks[i]), plus.With(1))
		}
		n, _ := sumsOf.Get(tx, -1)
		return n, nil
	})
	readSum = NewCommand("sum", func(k int) Access { return Exactly(sumsOf.Reads(k)) }, func(tx Tx, k int) (int, error) {
		n, _ := sumsOf.Get(tx, k)
		return n, nil
	})
)

// Commands of several partitions that update the same variables, from several
// clients: all of it counts, and what is not declared is refused.
func TestUpdates(t *testing.T) {
	s := NewService("tallies", sumsOf, plus, largest, tallyAll, tallyOdd, tallyWrong, readSum)
	m, err := NewMachine(s)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	l, err := StartLocal(ctx, s, Config{Partitions: 3, Replicas: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, c := range []*Client{m.Client(), l.Client()} {
		var calls []*Call[int]
		for range 100 {
			calls = append(calls, tallyAll.Go(ctx, c, []int{1, 2, 3, 4, 5}))
		}
		for _, call := range calls {
			if _, err := call.Result(ctx); err != nil {
				t.Fatal(err)
			}
		}
		for k := 10; k < 60; k++ {
			if _, err := tallyOdd.Do(ctx, c, []int{k, k + 1, k + 2, k + 3, k + 4}); err != nil {
				t.Error(err)
			}
			if _, err := tallyOdd.Do(ctx, c, []int{k, k + 1, k + 2, 101}); !errors.Is(err, ErrAccess) {
				t.Error(err)
			}
		}
		for k := 20; k < 60; k++ {
			if n, err := readSum.Do(ctx, c, k); err != nil || n != 10 {
				t.Errorf("%d: %d, %v", k, n, err)
			}
		}
		for k := range 6 {
			if n, err := readSum.Do(ctx, c, k); err != nil || n != min(k, 1)*100 {
				t.Errorf("%d: %d, %v", k, n, err)
			}
			if _, err := tallyWrong.Do(ctx, c, k); !errors.Is(err, ErrAccess) {
				t.Errorf("%d: %v", k, err)
			}
		}
	}
}

// An operation that is not a part of the service is no access.
func TestUpdatesOfAnotherService(t *testing.T) {
	s := NewService("tallies", sumsOf, tallyAll)
	if _, err := s.Definition().Commands[0].Access(must(tallyAll.arg.append(nil, []int{1}))); err == nil || !strings.Contains(err.Error(), `"plus"`) {
		t.Error(err)
	}
}

func TestCheckCommutative(t *testing.T) {
	args := []int{3, 1, 4, 1, 5}
	if err := errors.Join(plus.CheckCommutative(args...), largest.CheckCommutative(slices.Clone(args)...)); err != nil {
		t.Error(err)
	}
	if err := behind.CheckCommutative(args...); err == nil {
		t.Error("appending commutes")
	}
}
