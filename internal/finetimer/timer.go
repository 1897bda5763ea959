// Package finetimer has a timer that is precise below a millisecond.
//
// The runtime's own timers are precise only as long as the program is busy: a
// thread that has nothing to do sleeps in epoll_wait, whose time is in whole
// milliseconds, so that 50 us become 1.1 ms. Where the operating system has
// timers as file descriptors (Linux), short waits use one; elsewhere this is
// the runtime's timer.
package finetimer

import "time"

// Short is the longest wait that is worth a descriptor of its own.
const Short = 4 * time.Millisecond

// Coarse makes all new timers the runtime's. It is for tests in which the
// runtime's time is not the machine's (testing/synctest), and is set before
// there is any timer.
var Coarse bool

// Timer sends on C when its time has come. It has to be closed. Its methods are
// for one goroutine at a time.
type Timer struct {
	// C has room for one. It may hold a token of an earlier setting: who takes
	// one looks whether it is time.
	C      <-chan struct{}
	c      chan struct{}
	coarse *time.Timer
	fine   descriptor
	armed  bool // the descriptor
}

// New is a timer that is not set.
func New() *Timer {
	c := make(chan struct{}, 1)
	t := &Timer{C: c, c: c}
	t.coarse = time.AfterFunc(time.Hour, t.fire)
	t.coarse.Stop()
	if !Coarse {
		t.fine.open(t.fire)
	}
	return t
}

func (t *Timer) fire() {
	select {
	case t.c <- struct{}{}:
	default:
	}
}

// Reset sets the timer, whether it was set or not.
func (t *Timer) Reset(d time.Duration) {
	if d <= 0 {
		t.fire()
		return
	}
	if d <= Short && t.fine.set(d) {
		t.armed = true
		t.coarse.Stop()
		return
	}
	if t.armed {
		t.fine.set(0)
		t.armed = false
	}
	t.coarse.Reset(d)
}

// Close ends the timer. C is not closed.
func (t *Timer) Close() {
	t.coarse.Stop()
	t.fine.close()
}
