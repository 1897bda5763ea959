package bench

import (
	"context"
	"errors"
	"sync"
	"time"
)

// fake serves every operation after a latency that the test chooses.
type fake struct {
	latency  func(op Op, n int) time.Duration
	failure  func(op Op, n int) error // nil: succeeds
	lose     func(op Op, n int) bool  // nil: answers
	startErr error
	closeErr error

	mu          sync.Mutex
	n           int
	multi       int
	outstanding map[int]bool
	most        int
	twice       bool // a slot was submitted while outstanding
	started     bool
	closed      bool
}

var errFake = errors.New("fake failure")

func (f *fake) Start(context.Context) error { f.started = true; return f.startErr }
func (f *fake) Flush()                      {}
func (f *fake) CPU() time.Duration          { return 0 }
func (f *fake) Close() error                { f.closed = true; return f.closeErr }

func (f *fake) Submit(op Op, done func(error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.n
	f.n++
	if op.Multi {
		f.multi++
	}
	if f.outstanding == nil {
		f.outstanding = make(map[int]bool)
	}
	f.twice = f.twice || f.outstanding[op.Slot]
	f.outstanding[op.Slot] = true
	f.most = max(f.most, len(f.outstanding))
	if f.lose != nil && f.lose(op, n) {
		return
	}
	var err error
	if f.failure != nil {
		err = f.failure(op, n)
	}
	latency := f.latency(op, n)
	go func() { // not time.AfterFunc, tens of thousands of which crash the race detector under synctest (Go 1.26)
		time.Sleep(latency)
		f.mu.Lock()
		delete(f.outstanding, op.Slot)
		f.mu.Unlock()
		done(err)
	}()
}

func constant(d time.Duration) func(Op, int) time.Duration {
	return func(Op, int) time.Duration { return d }
}
