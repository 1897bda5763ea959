package ssmr

import (
	"context"
	"errors"
	"fmt"
	"iter"
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
	// tallyEach updates what it declares.
	tallyEach = NewCommand("each", func(ks []int) Access {
		return Exactly(sumsOf.UpdatesEach(slices.Values(ks), plus), sumsOf.Reads(-1), titled.UpdatesEach(titles(ks), plus), sumsOf.Updates(-2, plus))
	}, func(tx Tx, ks []int) (int, error) {
		sumsOf.Update(tx, -2, plus.With(1))
		sumsOf.UpdateEach(tx, slices.Values(ks), plus.With(1))
		titled.UpdateEach(tx, titles(ks), plus.With(1))
		n, _ := sumsOf.Get(tx, -1)
		return n, nil
	})
	// tallyAway does so in another order, some of it one by one, and at the end, if there
	// is one above a hundred, what it has not declared. It reads one of those.
	tallyAway = NewCommand("away", func(ks []int) Access {
		low := make([]int, len(ks))
		for i, k := range ks {
			low[i] = min(k, 100)
		}
		return Exactly(sumsOf.UpdatesEach(slices.Values(low), plus), sumsOf.Reads(ks[0]))
	}, func(tx Tx, ks []int) (int, error) {
		before, _ := sumsOf.Get(tx, ks[0])
		sumsOf.UpdateEach(tx, slices.Values(ks[1:2]), plus.With(1))
		sumsOf.Update(tx, ks[0], plus.With(1))
		back := slices.Clone(ks)
		slices.Reverse(back)
		sumsOf.UpdateEach(tx, slices.Values(back[1:]), plus.With(1))
		sumsOf.UpdateEach(tx, slices.Values(ks), plus.With(1))
		after, _ := sumsOf.Get(tx, ks[0])
		return after - before, nil
	})
	// tallyAmid updates others while the keys of many updates are gone through: by another
	// operation, and by the same with another argument.
	tallyAmid = NewCommand("amid", func(ks []int) Access {
		return Exactly(sumsOf.UpdatesEach(slices.Values(ks), plus), maxima.UpdatesEach(slices.Values(ks), largest), titled.UpdatesEach(titles(ks), plus))
	}, func(tx Tx, ks []int) (int, error) {
		sumsOf.UpdateEach(tx, func(yield func(int) bool) {
			for _, k := range ks {
				maxima.Update(tx, k, largest.With(7))
				titled.UpdateEach(tx, titles([]int{k}), plus.With(5))
				if !yield(k) {
					return
				}
			}
		}, plus.With(1))
		return 0, nil
	})
	maxima  = NewCollection[int, int]("maxima")
	readAll = NewCommand("all", func(k int) Access {
		return Exactly(sumsOf.Reads(k), maxima.Reads(k), titled.Reads(fmt.Sprint("title ", k)))
	}, func(tx Tx, k int) ([]int, error) {
		a, _ := sumsOf.Get(tx, k)
		b, _ := maxima.Get(tx, k)
		c, _ := titled.Get(tx, fmt.Sprint("title ", k))
		return []int{a, b, c}, nil
	})
	titled  = NewCollection[string, int]("titled")
	readSum = NewCommand("sum", func(k int) Access { return Exactly(sumsOf.Reads(k)) }, func(tx Tx, k int) (int, error) {
		n, _ := sumsOf.Get(tx, k)
		return n, nil
	})
)

func titles(ks []int) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, k := range ks {
			if !yield(fmt.Sprint("title ", k)) {
				return
			}
		}
	}
}

// machineAndCluster are clients of a service on one machine, and on a cluster of three
// partitions.
func machineAndCluster(t *testing.T, s *Service) (machine, cluster *Client) {
	t.Helper()
	m, err := NewMachine(s)
	if err != nil {
		t.Fatal(err)
	}
	l, err := StartLocal(context.Background(), s, Config{Partitions: 3, Replicas: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return m.Client(), l.Client()
}

// Commands of several partitions that update the same variables, from several
// clients: all of it counts, and what is not declared is refused.
func TestUpdates(t *testing.T) {
	s := NewService("tallies", sumsOf, plus, largest, tallyAll, tallyOdd, tallyWrong, readSum)
	ctx := context.Background()
	machine, cluster := machineAndCluster(t, s)
	for _, c := range []*Client{machine, cluster} {
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

// Updates of many at a time are what they are one by one, in whatever order.
func TestUpdatesEach(t *testing.T) {
	s := NewService("tallies", sumsOf, titled, plus, tallyEach, tallyAway, readSum)
	ctx := context.Background()
	machine, cluster := machineAndCluster(t, s)
	for _, c := range []*Client{machine, cluster} {
		for k := range 40 {
			if _, err := tallyEach.Do(ctx, c, []int{k, k + 1, -1, k + 2, k + 3, k + 4, k}[:1+k%7]); err != nil {
				t.Fatal(err)
			}
			ks := []int{k, k + 1, k + 2, k + 3, k + 4}
			if n, err := tallyAway.Do(ctx, c, ks); n != 3 || err != nil {
				t.Error(n, err)
			}
			if _, err := tallyAway.Do(ctx, c, append(ks, 101)); !errors.Is(err, ErrAccess) {
				t.Error(err)
			}
		}
		want := map[int]int{}
		for k := range 40 {
			for _, j := range []int{k, k + 1, -1, k + 2, k + 3, k + 4, k}[:1+k%7] {
				want[j]++
			}
			want[-2]++
			want[k] += 3
			want[k+1] += 3
			want[k+2] += 2
			want[k+3] += 2
			want[k+4]++
		}
		for k, sum := range want {
			if n, err := readSum.Do(ctx, c, k); err != nil || n != sum {
				t.Errorf("%d: %d, not %d, %v", k, n, sum, err)
			}
		}
	}
	if _, err := tallyEach.Do(ctx, cluster, make([]int, 70_000)); !errors.Is(err, ErrBudget) {
		t.Error(err)
	}
}

// Keys of many updates may come of code that updates, too.
func TestUpdatesAmidUpdates(t *testing.T) {
	s := NewService("tallies", sumsOf, titled, maxima, plus, largest, tallyAmid, readAll)
	ctx := context.Background()
	machine, cluster := machineAndCluster(t, s)
	for name, c := range map[string]*Client{"machine": machine, "cluster": cluster} {
		for first := 0; first < 100; first += 10 {
			ks := []int{first, first + 1, first + 2, first + 3, first + 4, first + 5}
			for range 2 {
				if _, err := tallyAmid.Do(ctx, c, ks); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
			for _, k := range ks {
				if got, err := readAll.Do(ctx, c, k); err != nil || !slices.Equal(got, []int{2, 7, 10}) {
					t.Errorf("%s: %d: %v, %v", name, k, got, err)
				}
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
