package ssmr

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// tallies is a service whose replies tell their place in the order.
type tallies struct {
	service *Service
	cells   *Collection[int, int]
	// bump adds one to some cells and returns what they have then.
	bump *Command[[]int, []int]
	// find is bump of the cell that the first of the arguments points to: no
	// access tells which.
	find *Command[int, []int]
	// add adds one and returns nothing that it would have to read.
	add *Command[int, struct{}]
	// sum is of all cells, ordered like all.
	sum *Command[struct{}, int]
	// stamp keeps the time and returns the one before.
	stamp *Command[int, [2]int64]
	// odd fails when a cell's value is odd, after writing; trip panics.
	odd, trip *Command[int, int]
}

var errOddCell = NewError("odd cell", "odd")

func newTallies() *tallies {
	s := &tallies{cells: NewCollection[int, int]("cells")}
	times := NewCollection[int, int64]("times")
	inc := NewOperation("inc", func(old int, _ bool, by int) int { return old + by })
	exactly := func(ks []int) Access {
		var items []Item
		for _, k := range ks {
			items = append(items, s.cells.Writes(k))
		}
		return Exactly(items...)
	}
	bump := func(tx Tx, ks []int) (out []int, err error) {
		for _, k := range ks {
			v, _ := s.cells.Get(tx, k)
			s.cells.Put(tx, k, v+1)
			out = append(out, v+1)
		}
		return out, nil
	}
	s.bump = NewCommand("bump", exactly, bump)
	s.find = NewCommand("find",
		func(k int) Access { return AtLeast(s.cells.Writes(k)) },
		func(tx Tx, k int) ([]int, error) {
			v, _ := s.cells.Get(tx, k)
			return bump(tx, []int{(k + v) % cells, k})
		})
	s.add = NewCommand("add",
		func(k int) Access { return Exactly(s.cells.Writes(k)) },
		func(tx Tx, k int) (none struct{}, err error) {
			s.cells.Update(tx, k, inc.With(1))
			return none, nil
		})
	s.sum = NewCommand("sum",
		func(struct{}) Access { return Exactly(s.cells.ReadsAll()) },
		func(tx Tx, _ struct{}) (n int, err error) {
			for _, v := range s.cells.Range(tx, s.cells.All()) {
				n += v
			}
			return n, nil
		})
	s.stamp = NewCommand("stamp",
		func(k int) Access { return Exactly(times.Writes(k)) },
		func(tx Tx, k int) ([2]int64, error) {
			before, _ := times.Get(tx, k)
			now := tx.Now().UnixMicro()
			times.Put(tx, k, now)
			return [2]int64{before, now}, nil
		})
	s.odd = NewCommand("odd",
		func(k int) Access { return Exactly(s.cells.Writes(k), s.cells.Reads(k+1)) },
		func(tx Tx, k int) (int, error) {
			v, _ := s.cells.Get(tx, k)
			w, _ := s.cells.Get(tx, k+1)
			s.cells.Put(tx, k, v+1000)
			return w, fmt.Errorf("%w: %d", errOddCell, v)
		})
	s.trip = NewCommand("trip",
		func(k int) Access { return Exactly(s.cells.Writes(k)) },
		func(tx Tx, k int) (int, error) {
			v, _ := s.cells.Get(tx, k)
			s.cells.Put(tx, k, -1)
			panic(v)
		})
	s.service = NewService("tallies", s.cells, times, inc, errOddCell, s.bump, s.find, s.add, s.sum, s.stamp, s.odd, s.trip)
	return s
}

const cells = 12

// observation is a value that a cell had just after a command.
type observation struct {
	cell, value int
	began, done time.Time
}

// tally is what callers saw.
type tally struct {
	t *testing.T
	s *tallies
	c *Client

	early, wrong, calls atomic.Int64
	// Increments begun and ended, whose outcome is known.
	begun, ended atomic.Int64

	mu   sync.Mutex
	seen []observation
}

// ask has a command executed with both replies, and compares them.
func ask[A, R any](t *tally, c *Command[A, R], arg A) (R, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	call := c.Go(ctx, t.c, arg, Optimistic())
	first, err := call.Optimistic(ctx)
	if err != nil {
		t.t.Errorf("%s: no reply: %v", c.Name(), err)
	}
	value, err := call.Result(ctx)
	if errors.Is(err, ErrOutcomeUnknown) {
		t.t.Errorf("%s: %v", c.Name(), err)
	}
	r := call.Replies()
	same := fmt.Sprint(value, err) == fmt.Sprint(first.Value, first.Err)
	if first.Final == r.Early || r.Early && r.Agreed != same || first.Final && !same || r.Optimistic > r.Conservative {
		t.t.Errorf("%s: first %+v, then %v, %v: %+v", c.Name(), first, value, err, r)
	}
	t.calls.Add(1)
	if r.Early {
		t.early.Add(1)
		if !same {
			t.wrong.Add(1)
		}
	}
	return value, err
}

// step does something at random.
func (t *tally) step(r *rand.Rand) {
	began, k := time.Now(), r.IntN(cells)
	note := func(n int, ks, vs []int) {
		done := time.Now()
		t.ended.Add(int64(n))
		t.mu.Lock()
		defer t.mu.Unlock()
		for i, v := range vs {
			t.seen = append(t.seen, observation{ks[i], v, began, done})
		}
	}
	switch n := r.IntN(20); {
	case n < 9:
		ks := r.Perm(cells)[:1+r.IntN(3)]
		t.begun.Add(int64(len(ks)))
		vs, err := ask(t, t.s.bump, ks)
		if err != nil || len(vs) != len(ks) {
			t.t.Errorf("bump: %v, %v", vs, err)
			return
		}
		note(len(ks), ks, vs)
	case n < 11:
		t.begun.Add(2)
		if _, err := ask(t, t.s.find, k); err != nil {
			t.t.Errorf("find: %v", err)
		}
		note(2, nil, nil)
	case n < 14:
		t.begun.Add(1)
		if _, err := ask(t, t.s.add, k); err != nil {
			t.t.Errorf("add: %v", err)
		}
		note(1, nil, nil)
	case n < 15:
		least := t.ended.Load()
		got, err := ask(t, t.s.sum, struct{}{})
		if most := t.begun.Load(); err != nil || int64(got) < least || int64(got) > most {
			t.t.Errorf("sum is %d, %v; it must be %d to %d", got, err, least, most)
		}
	case n < 17:
		if got, err := ask(t, t.s.stamp, k); err != nil || got[0] > got[1] {
			t.t.Errorf("stamp: %v, %v", got, err)
		}
	case n < 19:
		if _, err := ask(t, t.s.odd, k); !errors.Is(err, errOddCell) {
			t.t.Errorf("odd: %v", err)
		}
	default:
		if _, err := ask(t, t.s.trip, k); !errors.Is(err, ErrPanicked) {
			t.t.Errorf("trip: %v", err)
		}
	}
}

// check looks for an order that respects real time: a cell never has a value
// twice, and none after a smaller one that was seen to follow.
func (t *tally) check() {
	slices.SortFunc(t.seen, func(a, b observation) int {
		if a.cell != b.cell {
			return a.cell - b.cell
		}
		return a.value - b.value
	})
	for i := len(t.seen) - 2; i >= 0; i-- {
		a, b := &t.seen[i], &t.seen[i+1]
		if a.cell != b.cell {
			continue
		}
		if a.value == b.value {
			t.t.Errorf("cell %d has become %d twice", a.cell, a.value)
		}
		if b.done.Before(a.began) {
			t.t.Errorf("cell %d was %d before a command began that made it %d", a.cell, b.value, a.value)
		}
		a.done = minTime(a.done, b.done) // of all later ones
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if got, err := t.s.sum.Do(ctx, t.c, struct{}{}); err != nil || int64(got) != t.ended.Load() || t.ended.Load() != t.begun.Load() {
		t.t.Errorf("sum is %d, %v, after %d increments", got, err, t.ended.Load())
	}
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Whatever executes before its turn, conservative replies are those of one
// machine; and most optimistic ones come.
func TestOptimisticClusters(t *testing.T) {
	for _, execution := range []Execution{Baseline, Full} {
		for _, partitions := range []int{1, 3} {
			t.Run(fmt.Sprintf("%v on %d", execution, partitions), func(t *testing.T) {
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
				defer cancel()
				s := newTallies()
				c, err := StartLocal(ctx, s.service, Config{
					Partitions: partitions, Execution: execution, Checks: true, Client: ClientConfig{Window: 64},
				})
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				all := &tally{t: t, s: s, c: c.Client()}
				var wg sync.WaitGroup
				for i := range 8 {
					r := rand.New(rand.NewPCG(uint64(i), 7))
					wg.Go(func() {
						for n := 0; n < 150 && !t.Failed(); n++ {
							all.step(r)
						}
					})
				}
				wg.Wait()
				all.check()
				t.Logf("%d calls, %d optimistic replies, %d wrong", all.calls.Load(), all.early.Load(), all.wrong.Load())
				status, err := c.Status(ctx)
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range status {
					if p.Err != nil {
						t.Errorf("process %d: %v", p.Process, p.Err)
					}
				}
			})
		}
	}
}
