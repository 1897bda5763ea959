package bench

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// phases keep a run small: a fake operation is a goroutine, and many thousands
// of them are hard on the race detector.
var phases = Phases{Warm: 20 * time.Millisecond, Measure: 200 * time.Millisecond, Drain: 200 * time.Millisecond}

// both runs a test for callbacks and for waiting goroutines.
func both(t *testing.T, f func(t *testing.T, workers bool)) {
	for _, workers := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) { f(t, workers) })
	}
}

// With time standing still between events, a system of known latency gives
// known figures: N / latency operations a second, all of that latency.
func TestKnownLatency(t *testing.T) {
	for _, c := range []Case{{Outstanding: 1}, {Outstanding: 7}, {Outstanding: 64}, {Outstanding: 7, Workers: true}, {Outstanding: 64, Workers: true}} {
		synctest.Test(t, func(t *testing.T) {
			n := c.Outstanding
			f := &fake{latency: constant(2 * time.Millisecond)}
			r := measure(t.Context(), f, c, phases, 1)
			want := float64(n) * r.Seconds / 0.002
			if got := float64(r.Latency.Total()); math.Abs(got-want) > float64(2*n) {
				t.Errorf("%d outstanding: %v operations, want about %v", n, got, want)
			}
			if p := r.Latency.Quantile(0.5); p < 1970*time.Microsecond || p > 2030*time.Microsecond {
				t.Errorf("%d outstanding: median %v, want 2 ms", n, p)
			}
			if r.Latency.Max() != 2*time.Millisecond {
				t.Errorf("%d outstanding: maximum %v, want 2 ms", n, r.Latency.Max())
			}
			if math.Abs(r.Seconds-0.2) > 0.01 || r.Errors != 0 {
				t.Errorf("window of %v s with %d errors", r.Seconds, r.Errors)
			}
			if f.most != n || f.twice {
				t.Errorf("%d operations at once, want %d; a slot was used twice: %v", f.most, n, f.twice)
			}
		})
	}
}

// At a pace, throughput is the rate, whatever the latency, until all that may
// be outstanding is.
func TestPace(t *testing.T) {
	for _, c := range []struct {
		rate, want float64
		limit      int
	}{{1000, 1000, 100}, {1000, 500, 1}} { // one at a time, 1 ms each, and then 1 ms until the next
		synctest.Test(t, func(t *testing.T) {
			f := &fake{latency: constant(time.Millisecond)}
			r := measure(t.Context(), f, Case{Outstanding: c.limit, Rate: c.rate}, Phases{Warm: 100 * time.Millisecond, Measure: 2 * time.Second, Drain: time.Second}, 1)
			if got := float64(r.Latency.Total()) / r.Seconds; math.Abs(got-c.want) > c.want/8 || r.Errors > 0 {
				t.Errorf("%v/s with %d errors, want %v", got, r.Errors, c.want)
			}
			if p := r.Latency.Quantile(0.99); p > 1030*time.Microsecond {
				t.Errorf("99th percentile %v, want 1 ms", p)
			}
		})
	}
}

// optimist gives an early answer to two operations of three.
type optimist struct {
	fake
	n int
}

func (o *optimist) Order() OrderCounts { return OrderCounts{} }

func (o *optimist) SubmitEarly(op Op, early func(), done func(error)) {
	if o.n++; o.n%3 > 0 {
		go func() { time.Sleep(time.Millisecond); early() }()
	}
	o.Submit(op, done)
}

// The first answer is the optimistic one, or the conservative one where none
// came.
func TestEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &optimist{fake: fake{latency: constant(3 * time.Millisecond)}}
		r := measure(t.Context(), o, Case{Outstanding: 8}, phases, 1)
		if d := math.Abs(float64(r.Early.Total()) - float64(r.Latency.Total())); d > 8 {
			t.Errorf("%d first answers to %d operations", r.Early.Total(), r.Latency.Total())
		}
		if a, b := r.Early.Quantile(0.5), r.Early.Quantile(0.9); a.Round(100*time.Microsecond) != time.Millisecond || b < 2970*time.Microsecond {
			t.Errorf("first answers: median %v, want 1 ms, 90th percentile %v, want 3 ms", a, b)
		}
		if p := r.Latency.Quantile(0.5); p < 2970*time.Microsecond {
			t.Errorf("median %v, want 3 ms", p)
		}
	})
}

// One operation in a hundred is slow: the percentiles must tell.
func TestTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{latency: func(_ Op, n int) time.Duration {
			if n%50 == 0 {
				return 40 * time.Millisecond
			}
			return time.Millisecond
		}}
		r := measure(t.Context(), f, Case{Outstanding: 16, Size: 10}, phases, 1)
		if p := r.Latency.Quantile(0.5); p > 1030*time.Microsecond {
			t.Errorf("median %v, want 1 ms", p)
		}
		if p := r.Latency.Quantile(0.99); p < 39*time.Millisecond {
			t.Errorf("99th percentile %v, want 40 ms", p)
		}
	})
}

// Failures count, are not in the latencies, and their slots go on.
func TestFailuresCount(t *testing.T) {
	both(t, func(t *testing.T, workers bool) {
		f := &fake{latency: constant(time.Millisecond), failure: func(_ Op, n int) error {
			if n%10 == 3 {
				return errFake
			}
			return nil
		}}
		r := measure(t.Context(), f, Case{Outstanding: 4, Size: 10, Workers: workers}, phases, 1)
		// Every tenth of all submitted fails; those still out at the end too.
		if want := uint64(f.n) / 10; r.Errors < want || r.Errors > want+1 {
			t.Errorf("%d errors of %d operations, want %d", r.Errors, f.n, want)
		}
		if r.First != errFake {
			t.Errorf("first error is %v", r.First)
		}
		if r.Latency.Total() < 300 {
			t.Errorf("only %d operations: slots stop at a failure", r.Latency.Total())
		}
	})
}

// A system that refuses everything at once is not asked in a tight loop.
func TestRefusalRests(t *testing.T) {
	both(t, func(t *testing.T, workers bool) {
		f := &fake{latency: constant(0), failure: func(Op, int) error { return errFake }}
		r := measure(t.Context(), f, Case{Outstanding: 2, Size: 10, Workers: workers}, phases, 1)
		if f.n > 200 || r.Errors != uint64(f.n) || r.Latency.Total() != 0 {
			t.Errorf("%d operations, %d errors, %d successes", f.n, r.Errors, r.Latency.Total())
		}
	})
}

// Operations that are never answered are errors.
func TestLostCount(t *testing.T) {
	both(t, func(t *testing.T, workers bool) {
		f := &fake{latency: constant(time.Millisecond), lose: func(op Op, n int) bool { return op.Slot == 2 && n > 100 }}
		r := measure(t.Context(), f, Case{Outstanding: 4, Size: 10, Workers: workers}, phases, 1)
		if r.Errors != 1 || !errors.Is(r.First, errLost) {
			t.Errorf("%d errors (%v), want the one lost operation", r.Errors, r.First)
		}
	})
}

// doer never answers one operation.
type doer struct{ fake }

func (d *doer) Do(op Op) error {
	if op.Slot == 2 {
		select {}
	}
	time.Sleep(time.Millisecond)
	return nil
}

// A goroutine that waits for ever in a system of its own is an error too, and
// does not hold the measurement up.
func TestLostDoer(t *testing.T) {
	r := measure(t.Context(), &doer{}, Case{Outstanding: 4, Size: 10, Workers: true}, Phases{Measure: 50 * time.Millisecond, Drain: 50 * time.Millisecond}, 1)
	if r.Errors != 1 || !errors.Is(r.First, errLost) || r.Latency.Total() == 0 {
		t.Errorf("%d errors (%v) beside %d operations, want the one lost operation", r.Errors, r.First, r.Latency.Total())
	}
}

func TestMultiShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{latency: constant(time.Millisecond)}
		measure(t.Context(), f, Case{Outstanding: 64, Size: 10, MultiShare: 0.1}, phases, 1)
		if share := float64(f.multi) / float64(f.n); share < 0.08 || share > 0.12 {
			t.Errorf("share of operations on two partitions is %v, want 0.1", share)
		}
	})
}

func TestCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		begin := time.Now()
		measure(ctx, &fake{latency: constant(time.Millisecond)}, Case{Outstanding: 4, Size: 10}, phases, 1)
		if d := time.Since(begin); d > 20*time.Millisecond {
			t.Errorf("went on for %v after the context had ended", d)
		}
		time.Sleep(time.Millisecond) // for the last operations
	})
}

// batcher completes together what was submitted together.
type batcher struct {
	fake
	pending []uint32 // slots
	all     func(slots []uint32, err error)
	err     error
	calling atomic.Int32
	inside  atomic.Bool // it has been submitted to from within all
}

func (b *batcher) Batched(all func(slots []uint32, err error)) bool { b.all = all; return true }

func (b *batcher) Submit(op Op, _ func(error)) {
	if b.calling.Load() > 0 {
		b.inside.Store(true)
	}
	b.pending = append(b.pending, uint32(op.Slot))
}

func (b *batcher) Flush() {
	slots := b.pending
	b.pending = nil
	if len(slots) == 0 {
		return
	}
	go func() {
		time.Sleep(2 * time.Millisecond)
		b.calling.Add(1)
		b.all(slots, b.err)
		b.calling.Add(-1)
	}()
}

// reentrant calls back for each operation by itself.
type reentrant struct {
	*batcher
	done []func(error) // by slot
}

func (r *reentrant) Reentrant() bool { return true }

// Batched hides the batcher's.
func (r *reentrant) Batched(func(slots []uint32, err error)) bool {
	r.all = func(slots []uint32, err error) {
		for _, slot := range slots {
			r.done[slot](err)
		}
	}
	return false
}

func (r *reentrant) Submit(op Op, done func(error)) {
	r.done[op.Slot] = done
	r.batcher.Submit(op, nil)
}

// Who completes many operations at a time, or one after the other where others may be
// submitted, runs the generator, with the same figures as a goroutine of its own. What
// fails rests all the same.
func TestVisitors(t *testing.T) {
	for i, err := range []error{nil, errors.New("refused"), nil, errors.New("refused")} {
		for _, n := range []int{1, 2, 4, 64} {
			synctest.Test(t, func(t *testing.T) {
				fails, b := err != nil, &batcher{err: err}
				sys := System(b)
				if i >= 2 {
					sys = &reentrant{b, make([]func(error), n)}
				}
				r := measure(t.Context(), sys, Case{Outstanding: n}, phases, 1)
				want := float64(n) * r.Seconds / 0.002
				if got := float64(r.Latency.Total()); !fails && (math.Abs(got-want) > float64(2*n) || r.Errors > 0 || !b.inside.Load()) {
					t.Errorf("%d outstanding: %v operations, want about %v; %d errors; from within a callback: %v", n, got, want, r.Errors, b.inside.Load())
				}
				if most := uint64(n) * uint64((phases.Warm+phases.Measure+phases.Drain)/pause+2); fails && (r.Errors < uint64(n) || r.Errors > most) {
					t.Errorf("%d outstanding, all refused: %d errors, want at most %d", n, r.Errors, most)
				}
			})
		}
	}
}
