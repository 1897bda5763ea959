// Package finetimer has a timer that is precise below a millisecond.
//
// The runtime's own timers are precise only as long as the program is busy: a
// thread that has nothing to do sleeps in epoll_wait, whose time is in whole
// milliseconds, so that 50 us become 1.1 ms. It is rounded down, so that each wait
// ends a moment too early, and is followed by another of a millisecond; and the
// runtime's monitor, a thread of its own, wakes for each of its timers. Where the
// operating system has timers as file descriptors (Linux), this uses one; elsewhere
// it is the runtime's timer.
package finetimer

import "time"

// Coarse makes all new timers the runtime's. It is for tests in which the
// runtime's time is not the machine's (testing/synctest), and is set before
// there is any timer.
var Coarse bool

// Timer tells when its time has come. It has to be closed. Its methods are
// for one goroutine at a time.
type Timer struct {
	// C has room for one, and is nil if a function is called instead. It may hold a token
	// of an earlier setting: who takes one looks whether it is time.
	C      <-chan struct{}
	f      func()
	coarse *time.Timer // nil where the descriptor serves
	fine   descriptor
}

// New is a timer that is not set, and sends on C.
func New() *Timer {
	c := make(chan struct{}, 1)
	t := Func(func() {
		select {
		case c <- struct{}{}:
		default:
		}
	})
	t.C = c
	return t
}

// Func is a timer that is not set, and calls f, on a goroutine that is not the
// caller's and, where there is a descriptor, the same each time. A call may be of an
// earlier setting, and come after Close.
func Func(f func()) *Timer {
	t := &Timer{f: f}
	if Coarse || !t.fine.open(f) {
		t.coarse = time.AfterFunc(time.Hour, f)
		t.coarse.Stop()
	}
	return t
}

// Reset sets the timer, whether it was set or not.
func (t *Timer) Reset(d time.Duration) {
	switch {
	case t.coarse == nil:
		t.fine.set(max(d, 1))
	case d <= 0:
		t.coarse.Stop()
		go t.f()
	default:
		t.coarse.Reset(d)
	}
}

// Close ends the timer. C is not closed.
func (t *Timer) Close() {
	if t.coarse != nil {
		t.coarse.Stop()
		return
	}
	t.fine.close()
}
