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
	// Of an Optimist: the latencies of first answers, and what was counted in
	// the window.
	Early Histogram
	Order *OrderCounts
	// OwnCPU is this process's part of CPU. ClientCPU is the client's part,
	// of a client in a process of its own.
	OwnCPU, ClientCPU time.Duration
	Stages            *StageSums // of a Stager
	EarlyStages       *StageSums // of an EarlyStager
	// Timelines that a Reader read, and how many posts they had.
	Timelines, Posts uint64
}

// errLost is the error of operations that were never answered.
var errLost = errors.New("lost: never answered")

// pause is how long a failed operation's slot rests, so that a system that
// refuses at once is not asked in a tight loop.
const pause = 5 * time.Millisecond

// sharedReading is how many submissions in a row share a reading of the clock,
// that before the first: the clock costs as much as all else that the generator
// does for an operation.
const sharedReading = 16

// load is a closed loop with one generator. Completions arrive on any goroutine,
// are gathered in a slice that the generator swaps whole, and free their slot.
//
// mu guards finished, running and wanted only; everything else belongs to the
// holder of the right to run the generator: see generator.go.
type load struct {
	sys   System
	c     Case
	draws draws
	op    Op // scratch

	base    time.Time
	started []time.Duration // since base, per slot
	done    []func(error)   // per slot, made once
	out     int             // operations outstanding
	resting []int           // slots of failed operations
	more    bool            // completions admit the next operations
	visits  bool            // whoever completes operations may run the generator
	window  bool            // latencies count
	latency Histogram
	pace    *pace // nil: a completion admits the next operation

	optimist  Optimist // sys, if it is one
	early     []func() // per slot
	answered  []bool   // per slot: its first answer has come
	earlyHist Histogram
	errors    uint64
	first     error
	seen      func(at time.Duration) // if not nil, called with each success

	batch []completion // scratch

	mu       sync.Mutex
	finished []completion
	running  bool // somebody has the right
	wanted   bool // run waits for it
	token    chan struct{}
}

type completion struct {
	slot  int
	at    time.Duration
	err   error
	early bool // an optimistic answer only
}

func newLoad(sys System, c Case, seed uint64) *load {
	l := &load{
		sys: sys, c: c,
		base:    time.Now(),
		started: make([]time.Duration, c.Outstanding),
		done:    make([]func(error), c.Outstanding),
		running: true, // the caller's
		token:   make(chan struct{}, 1),
	}
	l.draws = newDraws(sys, &l.c, rand.New(rand.NewPCG(seed, 1)), makeValue(c, seed))
	if b, ok := sys.(Batcher); ok && b.Batched(l.completed) {
		l.visits = true
		return l // there are no callbacks
	}
	if r, ok := sys.(Reentrant); ok {
		l.visits = r.Reentrant()
	}
	for slot := range l.done {
		l.done[slot] = func(err error) { l.finish(completion{slot: slot, err: err}) }
	}
	return l
}

// measure loads sys as the case says and returns what the window saw. The
// system must be started. Ending ctx cuts the measurement short.
func measure(ctx context.Context, sys System, c Case, ph Phases, seed uint64) *Result {
	if c.Workers {
		return measureWorkers(ctx, sys, c, ph, seed)
	}
	l := newLoad(sys, c, seed)
	l.prepare()
	l.run(ctx, ph.Warm, true)
	l.window = true
	counted := l.count()
	res := window(sys, func() { l.run(ctx, ph.Measure, true) })
	res.Order = counted()
	l.window = false
	l.run(ctx, ph.Drain, false)
	if l.pace != nil {
		l.pace.due.Close()
	}
	if l.out > 0 {
		l.fail(uint64(l.out), fmt.Errorf("%w: %d operations, %v after the window", errLost, l.out, ph.Drain))
	}
	res.Latency, res.Early, res.Errors, res.First = l.latency, l.earlyHist, l.errors, l.first
	return res
}

// window runs f between two readings of the clocks.
func window(sys System, f func()) *Result {
	stages, early := stagesOf(sys), earlyStagesOf(sys)
	reader, _ := sys.(Reader)
	var timelines, posts uint64
	if reader != nil {
		timelines, posts = reader.Timelines()
	}
	own, servers, machine, start := OwnCPU(), sys.CPU(), machineTime(), time.Now()
	f()
	own = OwnCPU() - own
	used := own + sys.CPU() - servers
	r := &Result{Seconds: time.Since(start).Seconds(), CPU: used, OwnCPU: own, Others: machineTime().others(machine, used)}
	if r.Stages = stagesOf(sys); r.Stages != nil {
		r.Stages.sub(*stages)
	}
	if r.EarlyStages = earlyStagesOf(sys); r.EarlyStages != nil {
		r.EarlyStages.sub(*early)
	}
	if reader != nil {
		r.Timelines, r.Posts = reader.Timelines()
		r.Timelines, r.Posts = r.Timelines-timelines, r.Posts-posts
	}
	return r
}

// prepare makes the first submissions, or the pace that will.
func (l *load) prepare() {
	if l.optimist, _ = l.sys.(Optimist); l.optimist != nil {
		l.early, l.answered = make([]func(), len(l.done)), make([]bool, len(l.done))
		for slot := range l.early {
			l.early[slot] = func() { l.finish(completion{slot: slot, early: true}) }
		}
	}
	if l.c.Rate > 0 {
		l.pace = newPace(l.c.Rate, len(l.done))
		return
	}
	for slot := range l.done {
		l.submit(slot)
	}
	l.sys.Flush()
}

// run handles completions for d, and while more, submits anew; without more,
// it returns as soon as nothing is outstanding. The caller has the right to run
// the generator, and keeps it.
func (l *load) run(ctx context.Context, d time.Duration, more bool) {
	l.more = more
	end := time.Since(l.base) + d
	timer := time.NewTicker(pause)
	defer timer.Stop()
	var due <-chan struct{} // the next operation at a pace
	if l.pace != nil {
		due = l.pace.due.C
	}
	for ctx.Err() == nil && time.Since(l.base) < end && (more || l.out > 0) {
		select {
		case <-timer.C:
			l.rested()
		default:
		}
		if l.turn(0) {
			continue
		}
		if l.pace != nil && more {
			l.pace.due.Reset(l.admit())
		}
		select {
		case <-l.token:
		case <-due:
		case <-timer.C:
			l.acquire()
			l.rested()
		}
	}
}

// handle takes completions, and submits what they admit; now is as turn's.
func (l *load) handle(batch []completion, now time.Duration) {
	for i, c := range batch {
		if i%sharedReading == 0 && (i > 0 || now == 0) {
			now = time.Since(l.base)
		}
		if c.early {
			l.firstAnswer(c)
			continue
		}
		l.record(c)
		switch {
		case l.pace != nil:
			l.pace.free = append(l.pace.free, c.slot)
		case c.err != nil:
			l.resting = append(l.resting, c.slot)
		case l.more:
			l.submitAt(c.slot, now)
		}
	}
	if l.more && l.pace == nil {
		l.sys.Flush()
	}
}

func (l *load) record(c completion) {
	l.out--
	if l.optimist != nil && c.err == nil {
		l.firstAnswer(c) // unless an optimistic answer came before
	}
	if c.err != nil {
		l.fail(1, c.err)
		return
	}
	if l.window {
		l.latency.Record(c.at - l.started[c.slot])
	}
	if l.seen != nil {
		l.seen(c.at)
	}
}

func (l *load) fail(n uint64, err error) {
	l.errors += n
	if l.first == nil {
		l.first = err
	}
}

// rested submits the slots that paused after a failure.
func (l *load) rested() {
	if !l.more || len(l.resting) == 0 {
		return
	}
	for _, slot := range l.resting {
		l.submit(slot)
	}
	l.resting = l.resting[:0]
	l.sys.Flush()
}

func (l *load) submit(slot int) { l.submitAt(slot, time.Since(l.base)) }

// submitAt submits what the generator set out to submit at a time just past.
func (l *load) submitAt(slot int, at time.Duration) {
	l.draws.next(&l.op, slot)
	l.out++
	l.started[slot] = at
	if l.optimist != nil {
		l.answered[slot] = false
		l.optimist.SubmitEarly(l.op, l.early[slot], l.done[slot])
		return
	}
	l.sys.Submit(l.op, l.done[slot])
}
