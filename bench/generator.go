package bench

import "time"

// The generator is run by whoever has the right to, of whom there is one: the
// goroutine of load.run or, of a Batcher or a Reentrant system in a closed loop,
// whoever says that operations have completed, as programs do that go on where they
// are called back. To wake a goroutine costs a system call, of 15 µs where a processor
// is idle, and so most with a system that needs only one of them.
//
// Nobody is woken for what admits nothing: a first answer, and completions of a load
// that has a pace.
//
// token carries the right to run. Invariant: it is there only while nobody else has
// the right.

// A visitor runs the generator visitorsTurns times at most: the system's goroutine has
// its own work.
const visitorsTurns = 4

// finish is an operation's completion, or its optimistic answer, on any
// goroutine.
func (l *load) finish(c completion) {
	c.at = time.Since(l.base)
	l.mu.Lock()
	l.finished = append(l.finished, c)
	mine := !c.early && l.claim()
	l.mu.Unlock()
	if mine {
		l.proceed(c.at)
	}
}

// completed is the completion of operations that a Batcher completes together.
func (l *load) completed(slots []uint32, err error) {
	if len(slots) == 0 {
		return
	}
	at := time.Since(l.base)
	l.mu.Lock()
	for _, slot := range slots {
		l.finished = append(l.finished, completion{slot: int(slot), at: at, err: err})
	}
	mine := l.claim()
	l.mu.Unlock()
	if mine {
		l.proceed(at)
	}
}

// proceed runs the generator, or has run do so. The caller has the right, and has just
// read the clock.
func (l *load) proceed(now time.Duration) {
	if l.visits && l.more {
		for range visitorsTurns {
			if !l.turn(now) {
				return
			}
			now = 0
		}
	}
	l.token <- struct{}{}
}

// claim takes the right if nobody has it, which at a pace somebody always has. It is
// called with the lock held.
func (l *load) claim() bool {
	mine := !l.running
	l.running = true
	return mine
}

// acquire waits for the right, which at a pace nobody else ever has.
func (l *load) acquire() {
	if l.pace != nil {
		return
	}
	l.mu.Lock()
	mine := l.claim()
	l.wanted = !mine
	l.mu.Unlock()
	if !mine {
		<-l.token
	}
}

// turn handles what has finished. If that is nothing it gives the right back, unless
// there is a pace, or passes it to run, and returns false. now is 0 if the clock has to
// be read.
func (l *load) turn(now time.Duration) bool {
	l.mu.Lock()
	batch := l.finished
	l.finished = l.batch[:0]
	pass := len(batch) == 0 && l.wanted
	if len(batch) == 0 && l.pace == nil {
		l.running, l.wanted = pass, false
	}
	l.batch = batch
	l.mu.Unlock()
	if pass {
		l.token <- struct{}{}
	}
	if len(batch) == 0 {
		return false
	}
	l.handle(batch, now)
	return true
}
