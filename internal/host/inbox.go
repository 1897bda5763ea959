package host

import (
	"sync"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Bounds of an inbox. What exceeds them is dropped and counted: the protocols
// above live with loss, and waiting would stop the reading of a connection
// that also carries votes [R11]. Processes and clients have bounds of their
// own, so that no number of clients can push out what processes say.
const (
	maxProcessMessages = 1 << 18
	maxProcessBytes    = 128 << 20
	maxClientMessages  = 1 << 16
	maxClientBytes     = 32 << 20
)

// run is messages that came together from one sender.
type run struct {
	from ids.Addr
	inc  ids.Incarnation
	n    int
}

// work is what has gathered for a loop since it last looked.
type work struct {
	runs  []run
	ms    []wire.Message // of all runs, one after another
	calls []*Call
	asks  []func()
}

func (w *work) empty() bool { return len(w.runs)+len(w.calls)+len(w.asks) == 0 }

// reset forgets the contents and keeps the space, unless a burst made it
// large.
func (w *work) reset() {
	clear(w.ms)
	clear(w.calls)
	clear(w.asks)
	w.runs, w.ms, w.calls, w.asks = w.runs[:0], w.ms[:0], w.calls[:0], w.asks[:0]
	if cap(w.ms) > 1<<14 {
		w.runs, w.ms = nil, nil
	}
}

// inbox is where connections' readers and callers leave work for a loop, which
// takes all of it at once: under load one lock and one wake-up serve whatever
// has gathered. Appending never waits.
type inbox struct {
	mu     sync.Mutex
	w      work
	closed bool
	// asleep: the loop waits for a token, and the next one to add work sends
	// it. Invariant: signal holds a token only if asleep has gone from true
	// to false and the loop has not seen it yet.
	asleep bool
	signal chan struct{}
	counts [2]bound // of processes and clients

	dropped [2]uint64
}

type bound struct{ messages, bytes int }

func (b *inbox) init() { b.signal = make(chan struct{}, 1) }

// wakeUp is called with the lock held, after adding.
func (b *inbox) wakeUp() {
	if b.asleep {
		b.asleep = false
		b.signal <- struct{}{}
	}
}

// deliver is the transport's Handler.
func (b *inbox) deliver(from ids.Addr, inc ids.Incarnation, ms []wire.Message, size int) {
	class, limit := 0, bound{maxProcessMessages, maxProcessBytes}
	if from.Process == 0 {
		class, limit = 1, bound{maxClientMessages, maxClientBytes}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	have := &b.counts[class]
	if b.closed || have.messages+len(ms) > limit.messages || have.bytes+size > limit.bytes && have.messages > 0 {
		b.dropped[class] += uint64(len(ms))
		return
	}
	have.messages += len(ms)
	have.bytes += size
	b.w.runs = append(b.w.runs, run{from, inc, len(ms)})
	b.w.ms = append(b.w.ms, ms...)
	b.wakeUp()
}

// ask has f called by the loop; false when that has ended.
func (b *inbox) ask(f func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.w.asks = append(b.w.asks, f)
	b.wakeUp()
	return true
}

// take swaps the work with w, which must have been reset; false when the loop
// is to end.
func (b *inbox) take(w *work) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.w, *w = *w, b.w
	b.counts = [2]bound{}
	return true
}

// rest is what a closed inbox was left with.
func (b *inbox) rest() work {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := b.w
	b.w = work{}
	return w
}

// close ends the loop after its current round.
func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.wakeUp()
}

// wait returns when there is work or timer has fired, and says whether it has.
func (b *inbox) wait(timer *time.Timer) (fired bool) {
	b.mu.Lock()
	if b.closed || !b.w.empty() {
		b.mu.Unlock()
		return false
	}
	b.asleep = true
	b.mu.Unlock()
	select {
	case <-b.signal:
		return false
	case <-timer.C:
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.asleep {
		<-b.signal // somebody added work just then
	}
	b.asleep = false
	return true
}

// drops are the messages dropped so far, from processes and from clients.
func (b *inbox) drops() (processes, clients uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dropped[0], b.dropped[1]
}

// submit leaves a command for the loop; false when that has ended.
func (b *inbox) submit(c *Call) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.w.calls = append(b.w.calls, c)
	b.wakeUp()
	return true
}
