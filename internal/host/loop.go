package host

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/eyrie-dev/eyrie/internal/finetimer"
	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// batch is how many messages a core takes before its output is sent: long
// enough to share system calls, short enough to keep the others busy.
const batch = 256

// A visitor runs the core for so many rounds, each of so many messages, at
// most: a microsecond or two each. Then the loop's own goroutine takes over,
// so that neither a connection stays unread, nor a caller away, for long.
const (
	visitRounds   = 8
	visitMessages = batch
)

// driven is a core as its loop sees it. It is called by the holder of the
// right to run alone.
type driven interface {
	step(now hlc.Now, from ids.Addr, inc ids.Incarnation, m wire.Message)
	call(now hlc.Now, c *Call)
	cast(now hlc.Now, c cast)
	// synced takes a batch of the journal; its error is the core's end.
	synced(now hlc.Now, c committed) error
	tick(now hlc.Now)
	wake() time.Duration
	// paused tells of a round that took node.PauseFloor or more.
	paused(now hlc.Now, took time.Duration)
	// out sends what the core has said. It reports whether there is more to
	// do at once, and the core's own end.
	out(now hlc.Now) (again bool, err error)
}

// loop drives one core: it steps it with all that has come, sends what it
// says, and ticks it when it asked for that.
//
// Nobody touches the core without the right to run, inbox.running, of which
// there is one. Whoever brings input adds it to the inbox and, if nobody has
// the right, takes it and runs the core at once, as a visitor: at low load a
// command so passes from the socket through the core to the next socket
// without waking a second goroutine, which costs a wake-up each time. If somebody runs already, the input is all that he is left; nobody ever
// waits for the right, and so no connection for another's messages [R11]. The
// holder runs rounds until the inbox is empty, and gives the right back under
// the lock under which the next to bring input finds it free.
//
// A visitor, who may be the timer's goroutine, that finds more than its share passes the
// right to the loop's own goroutine, by a token in relay, and goes. That goroutine
// alone ends the loop: a visitor that finds the inbox closed, or the core ended,
// leaves that to it.
//
// Rejected: a goroutine for the core alone, woken by all others: a fifth more CPU
// for callers that wait, alone or 64 of them. And a lock around the core for
// which input waits: one command, one round, no batches; nearly that is what
// comes of callers that always visit (half again as much CPU with 64 of them),
// so that a caller visits only when he is the client's only one.
type loop struct {
	inbox inbox
	core  driven
	start time.Time
	// relay carries the right to run to the loop's goroutine. Invariant: it
	// holds a token only while nobody else has the right.
	relay chan struct{}

	// The holder's of the right:
	w   work
	err error // the core's end

	// armed is when the timer fires. It is left as it is when the core wants
	// to be woken a little later, or was postponed a little while ago: a wake-up for
	// nothing is rarer, and cheaper, than a change of the timer in every round.
	// Guarded by inbox.mu.
	armed, postponed time.Duration
	timer            *finetimer.Timer

	// gathers: visitors too let all that is runnable leave its work first. The
	// order of what comes over several connections matters then, and a reader
	// would act on what one of them brought. With a service each command comes over
	// one, and this would cost a fifth of the CPU.
	gathers bool
}

// later is by how much later a core must want to be woken for the timer to be changed,
// and how long after it was last changed so.
const later = 4 * time.Millisecond

const never = time.Duration(1<<63 - 1)

// now is both clocks from one reading. Mono counts from the loop's start.
func (l *loop) now() hlc.Now {
	t := time.Now()
	return hlc.Now{Mono: t.Sub(l.start), Wall: hlc.Timestamp(t.UnixMicro())}
}

// init must be called before anything is left in the inbox, which gathers
// until run is called.
func (l *loop) init(core driven) {
	l.core = core
	l.inbox.running = true
	l.relay = make(chan struct{}, 1)
	l.start = time.Now()
	l.timer, l.armed = finetimer.Func(l.fired), never
}

// deliver is the transport's Handler.
func (l *loop) deliver(from ids.Addr, inc ids.Incarnation, ms []wire.Message, size int) {
	if l.inbox.deliver(from, inc, ms, size) {
		l.visit()
	}
}

// leave is deliver for those who must not run the core.
func (l *loop) leave(from ids.Addr, inc ids.Incarnation, ms []wire.Message, size int) {
	if l.inbox.deliver(from, inc, ms, size) {
		l.relay <- struct{}{}
	}
}

// submit leaves a command; false when the loop has ended. The caller runs the
// core if it is to, here, and nobody else does.
func (l *loop) submit(c *Call, here bool) bool {
	ok, mine := l.inbox.submit(c)
	switch {
	case mine && here:
		l.visit()
	case mine:
		l.relay <- struct{}{}
	}
	return ok
}

// multicast leaves messages; false when the loop has ended. The caller runs the
// core if nobody else does.
func (l *loop) multicast(c cast) bool {
	ok, mine := l.inbox.multicast(c)
	if mine {
		l.visit()
	}
	return ok
}

// committed leaves a batch of the journal. The caller runs the core if nobody
// else does.
func (l *loop) committed(c committed) {
	if l.inbox.committed(c) {
		l.visit()
	}
}

// ask has f called with the right to run; false when the loop has ended.
func (l *loop) ask(f func()) bool {
	ok, mine := l.inbox.ask(f)
	if mine {
		l.relay <- struct{}{}
	}
	return ok
}

// close ends the loop after the round under way.
func (l *loop) close() {
	if l.inbox.close() {
		l.relay <- struct{}{}
	}
}

// visit runs the core for a while. The caller has the right to run; when visit
// returns it is free, or with the loop's goroutine.
func (l *loop) visit() {
	passOn, err := true, errAborted
	defer func() {
		if !passOn {
			return
		}
		p := recover()
		if p != nil {
			err = fmt.Errorf("%w: %v\n%s", errAborted, p, debug.Stack())
		}
		l.err = err
		l.relay <- struct{}{}
		if p != nil {
			panic(p) // the caller's to deal with; the loop's end says where it was
		}
	}()
	for range visitRounds {
		if l.gathers {
			runtime.Gosched()
		}
		if !l.inbox.take(&l.w, visitMessages) {
			break
		}
		again, e := l.round(&l.w)
		if err = e; err != nil {
			return
		}
		err = errAborted
		l.w.reset()
		if !again && l.rest() {
			passOn = false
			return
		}
	}
	err = nil
}

// errAborted is the end of a core under which a visitor's goroutine panicked,
// in a callback or in the service's code: whoever recovers from that, the core
// is in no state to go on.
var errAborted = errors.New("host: stopped by a panic")

// run is the loop's goroutine, until the core ends or the inbox is closed. It
// returns the core's error. It begins with the right to run, and ends with it.
func (l *loop) run() error {
	defer l.timer.Close()
	for l.err == nil {
		// Let all that is runnable leave its work first: readers, and callers
		// that the last round's results have woken. Otherwise each of them
		// gets a round, and a system call, of its own; with 64 callers that
		// cost three times the CPU.
		runtime.Gosched()
		if !l.inbox.take(&l.w, -1) {
			return nil
		}
		again, err := l.round(&l.w)
		l.w.reset()
		if l.err = err; err == nil && !again && l.rest() {
			<-l.relay
		}
	}
	return l.err
}

// fired is called when the timer has: it may be time. The caller runs the core if
// nobody else does; else whoever does arms the timer again.
func (l *loop) fired() {
	l.inbox.mu.Lock()
	l.armed = never
	mine := l.inbox.claim()
	l.inbox.mu.Unlock()
	if mine {
		l.visit()
	}
}

// rest gives the right to run back, having set the timer for the time that the
// core asked for; false if there is more to do.
func (l *loop) rest() bool {
	wake := l.core.wake()
	l.inbox.mu.Lock()
	defer l.inbox.mu.Unlock()
	if l.inbox.closed || !l.inbox.w.empty() {
		return false
	}
	if !l.arm(wake) {
		return false
	}
	l.inbox.running = false
	return true
}

// arm sets the timer, if it is to be changed; false if it is time already.
func (l *loop) arm(wake time.Duration) bool {
	postpone := wake-l.armed > later && wake != never
	if wake >= l.armed && !postpone {
		return true
	}
	now := time.Since(l.start)
	switch {
	case wake <= now:
		return false
	case postpone && now-l.postponed < later:
		return true
	case postpone:
		l.postponed = now
	}
	l.timer.Reset(wake - now)
	l.armed = wake
	return true
}

// round does all of w. It says whether the core has more to do.
func (l *loop) round(w *work) (again bool, err error) {
	now := l.now()
	if again, err = l.perform(now, w); err == nil {
		end := l.now()
		if took := end.Mono - now.Mono; took >= node.PauseFloor {
			l.core.paused(end, took)
		}
	}
	return again, err
}

func (l *loop) perform(now hlc.Now, w *work) (again bool, err error) {
	for _, c := range w.synced {
		if err := l.core.synced(now, c); err != nil {
			return false, err
		}
	}
	for _, f := range w.asks {
		f()
	}
	for i, c := range w.calls {
		l.core.call(now, c)
		w.calls[i] = nil // the core's, whatever happens now
	}
	for _, c := range w.casts {
		l.core.cast(now, c)
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
