package bench

import (
	"context"
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
	multi  float64
	random *rand.Rand
	value  []byte

	base    time.Time
	started []time.Duration // since base, per slot
	done    []func(error)   // per slot, made once
	out     int             // operations outstanding
	resting []int           // slots of failed operations
	res     *Result
	window  bool

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
	l := &load{
		sys: sys, multi: c.MultiShare,
		random:  rand.New(rand.NewPCG(seed, 1)),
		value:   make([]byte, c.Size),
		base:    time.Now(),
		started: make([]time.Duration, c.Outstanding),
		done:    make([]func(error), c.Outstanding),
		res:     new(Result),
		wake:    make(chan struct{}, 1),
	}
	for i := range l.value {
		l.value[i] = byte(l.random.Uint32())
	}
	for slot := range l.done {
		l.done[slot] = func(err error) { l.finish(slot, err) }
	}
	for slot := range l.done {
		l.submit(slot)
	}
	sys.Flush()
	l.run(ctx, ph.Warm, true)
	l.measured(ctx, ph.Measure)
	l.run(ctx, ph.Drain, false)
	if l.out > 0 {
		l.fail(uint64(l.out), fmt.Errorf("%d operations lost: unanswered %v after the window", l.out, ph.Drain))
	}
	return l.res
}

// measured runs the window between two readings of the clocks.
func (l *load) measured(ctx context.Context, d time.Duration) {
	l.window = true
	cpu, machine, start := l.cpu(), machineTime(), time.Now()
	l.run(ctx, d, true)
	l.window = false
	used := l.cpu() - cpu
	l.res.CPU = used
	l.res.Seconds = time.Since(start).Seconds()
	l.res.Others = machineTime().others(machine, used)
}

func (l *load) cpu() time.Duration { return ownCPU() + l.sys.CPU() }

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
		l.res.Latency.Record(c.at - l.started[c.slot])
	}
}

func (l *load) fail(n uint64, err error) {
	l.res.Errors += n
	if l.res.First == nil {
		l.res.First = err
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
	r := l.random.Uint64()
	op := Op{Slot: slot, Key: uint32(r % Keys), Value: l.value}
	if l.multi > 0 && l.random.Float64() < l.multi {
		op.Multi, op.Other = true, uint32(r>>32%Keys)
	}
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
