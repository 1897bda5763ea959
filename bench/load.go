package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Phases are the lengths of one measurement.
type Phases struct {
	Warm    time.Duration // load before the window
	Measure time.Duration // the window
	Drain   time.Duration // at most; what is unanswered then is lost
}

// Result is what one measurement saw.
type Result struct {
	Latency Histogram     // of operations completed in the window
	Seconds float64       // length of the window
	CPU     time.Duration // used in the window, all processes
	Errors  uint64        // failed or lost, in all phases
	First   error         // the first of them
	Others  float64       // share of the machine used by others in the window
}

// errLost is the error of operations that were never answered.
var errLost = errors.New("lost: never answered")

// pause is how long a failed operation's slot rests, so that a system that
// refuses at once is not asked in a tight loop.
const pause = 5 * time.Millisecond

// load is a closed loop with one generator goroutine. Completions arrive on
// any goroutine, are gathered in a slice that the generator swaps whole, and
// free their slot.
//
// mu guards finished and asleep only; everything else belongs to the
// generator.
type load struct {
	sys    System
	c      Case
	random *rand.Rand
	value  []byte

	base    time.Time
	started []time.Duration // since base, per slot
	done    []func(error)   // per slot, made once
	out     int             // operations outstanding
	resting []int           // slots of failed operations
	window  bool            // latencies count
	latency Histogram
	errors  uint64
	first   error

	mu       sync.Mutex
	finished []completion
	asleep   bool
	wake     chan struct{}
}

type completion struct {
	slot int
	at   time.Duration
	err  error
}

// measure loads sys as the case says and returns what the window saw. The
// system must be started. Ending ctx cuts the measurement short.
func measure(ctx context.Context, sys System, c Case, ph Phases, seed uint64) *Result {
	if c.Workers {
		return measureWorkers(ctx, sys, c, ph, seed)
	}
	l := &load{
		sys: sys, c: c,
		random:  rand.New(rand.NewPCG(seed, 1)),
		value:   makeValue(c, seed),
		base:    time.Now(),
		started: make([]time.Duration, c.Outstanding),
		done:    make([]func(error), c.Outstanding),
		wake:    make(chan struct{}, 1),
	}
	for slot := range l.done {
		l.done[slot] = func(err error) { l.finish(slot, err) }
	}
	for slot := range l.done {
		l.submit(slot)
	}
	sys.Flush()
	l.run(ctx, ph.Warm, true)
	l.window = true
	res := window(sys, func() { l.run(ctx, ph.Measure, true) })
	l.window = false
	l.run(ctx, ph.Drain, false)
	if l.out > 0 {
		l.fail(uint64(l.out), fmt.Errorf("%w: %d operations, %v after the window", errLost, l.out, ph.Drain))
	}
	res.Latency, res.Errors, res.First = l.latency, l.errors, l.first
	return res
}

// window runs f between two readings of the clocks.
func window(sys System, f func()) *Result {
	cpu, machine, start := ownCPU()+sys.CPU(), machineTime(), time.Now()
	f()
	used := ownCPU() + sys.CPU() - cpu
	return &Result{Seconds: time.Since(start).Seconds(), CPU: used, Others: machineTime().others(machine, used)}
}

// nextOp draws an operation.
func nextOp(random *rand.Rand, c Case, slot int, value []byte) Op {
	r := random.Uint64()
	op := Op{Slot: slot, Key: uint32(r % Keys), Value: value, Destinations: 1}
	if c.MultiShare > 0 && random.Float64() < c.MultiShare {
		op.Multi, op.Other, op.Destinations = true, uint32(r>>32%Keys), max(c.Destinations, 2)
	}
	return op
}

func makeValue(c Case, seed uint64) []byte {
	random, v := rand.New(rand.NewPCG(seed, 0)), make([]byte, c.Size)
	for i := range v {
		v[i] = byte(random.Uint32())
	}
	return v
}

// run handles completions for d, and while more, submits anew; without more,
// it returns as soon as nothing is outstanding.
func (l *load) run(ctx context.Context, d time.Duration, more bool) {
	var batch []completion
	end := time.Since(l.base) + d
	timer := time.NewTicker(pause)
	defer timer.Stop()
	for ctx.Err() == nil && time.Since(l.base) < end && (more || l.out > 0) {
		select {
		case <-timer.C:
			l.rested(more)
		default:
		}
		if batch = l.take(batch[:0]); len(batch) == 0 {
			select {
			case <-l.wake:
			case <-timer.C:
				l.rested(more)
			}
			continue
		}
		for _, c := range batch {
			l.record(c)
			switch {
			case c.err != nil:
				l.resting = append(l.resting, c.slot)
			case more:
				l.submit(c.slot)
			}
		}
		if more {
			l.sys.Flush()
		}
	}
}

func (l *load) record(c completion) {
	l.out--
	if c.err != nil {
		l.fail(1, c.err)
	} else if l.window {
		l.latency.Record(c.at - l.started[c.slot])
	}
}

func (l *load) fail(n uint64, err error) {
	l.errors += n
	if l.first == nil {
		l.first = err
	}
}

// rested submits the slots that paused after a failure.
func (l *load) rested(more bool) {
	if !more || len(l.resting) == 0 {
		return
	}
	for _, slot := range l.resting {
		l.submit(slot)
	}
	l.resting = l.resting[:0]
	l.sys.Flush()
}

func (l *load) submit(slot int) {
	op := nextOp(l.random, l.c, slot, l.value)
	l.out++
	l.started[slot] = time.Since(l.base)
	l.sys.Submit(op, l.done[slot])
}

// finish is an operation's completion, on any goroutine.
func (l *load) finish(slot int, err error) {
	at := time.Since(l.base)
	l.mu.Lock()
	l.finished = append(l.finished, completion{slot, at, err})
	wake := l.asleep
	l.asleep = false
	l.mu.Unlock()
	if wake {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// take swaps the finished operations for the empty spare. If there are none,
// the next completion will send on wake.
func (l *load) take(spare []completion) []completion {
	l.mu.Lock()
	defer l.mu.Unlock()
	batch := l.finished
	l.finished = spare
	l.asleep = len(batch) == 0
	return batch
}
