package host

import (
	"runtime"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// batch is how many messages a core takes before its output is sent: long
// enough to share system calls, short enough to keep the others busy.
const batch = 256

// driven is a core as its loop sees it. Only the loop's goroutine calls it.
type driven interface {
	step(now hlc.Now, from ids.Addr, inc ids.Incarnation, m wire.Message)
	call(now hlc.Now, c *Call)
	tick(now hlc.Now)
	wake() time.Duration
	// out sends what the core has said. It reports whether there is more to
	// do at once, and the core's own end.
	out(now hlc.Now) (again bool, err error)
}

// loop drives one core: it steps it with all that has come, sends what it
// says, and ticks it when it asked for that.
//
// Rejected: letting a connection's reader step an idle core itself. It saves a
// switch of goroutines, but the round trip of one command was no shorter.
type loop struct {
	inbox inbox
	core  driven
	start time.Time
	// armed is when the timer fires. It is left as it is when the core wants
	// to be woken later: a wake-up for nothing is rarer, and cheaper, than
	// a change of the timer in every round.
	armed time.Duration
	timer *time.Timer
}

const never = time.Duration(1<<63 - 1)

// now is both clocks from one reading. Mono counts from the loop's start.
func (l *loop) now() hlc.Now {
	t := time.Now()
	return hlc.Now{Mono: t.Sub(l.start), Wall: hlc.Timestamp(t.UnixMicro())}
}

// init must be called before anything is delivered to the inbox.
func (l *loop) init(core driven) {
	l.core = core
	l.inbox.init()
	l.start = time.Now()
}

// run drives the core until it ends or the inbox is closed. It returns the
// core's error.
func (l *loop) run() error {
	l.timer = time.NewTimer(time.Hour)
	l.armed = never
	defer l.timer.Stop()
	var w work
	for {
		// Let all that is runnable leave its work first: readers, and callers
		// that the last round's results have woken. Otherwise each of them
		// gets a round, and a system call, of its own; with 64 callers that
		// cost three times the CPU.
		runtime.Gosched()
		if !l.inbox.take(&w) {
			return nil
		}
		again, err := l.round(&w)
		w.reset()
		if err != nil {
			return err
		}
		if !again {
			l.sleep()
		}
	}
}

// round does all of w. It says whether the core has more to do.
func (l *loop) round(w *work) (again bool, err error) {
	now := l.now()
	for _, f := range w.asks {
		f()
	}
	for _, c := range w.calls {
		l.core.call(now, c)
	}
	ms, since := w.ms, 0
	for _, r := range w.runs {
		for _, m := range ms[:r.n] {
			l.core.step(now, r.from, r.inc, m)
			if since++; since == batch {
				since = 0
				if _, err := l.finish(now); err != nil {
					return false, err
				}
				now = l.now()
			}
		}
		ms = ms[r.n:]
	}
	return l.finish(now)
}

// finish ticks the core if it is time, and sends.
func (l *loop) finish(now hlc.Now) (again bool, err error) {
	if l.core.wake() <= now.Mono {
		l.core.tick(now)
	}
	return l.core.out(now)
}

// sleep waits for work or for the time that the core asked for.
func (l *loop) sleep() {
	wake := l.core.wake()
	if wake < l.armed {
		d := wake - time.Since(l.start)
		if d <= 0 {
			return
		}
		l.timer.Reset(d)
		l.armed = wake
	}
	if l.inbox.wait(l.timer) {
		l.armed = never
	}
}
