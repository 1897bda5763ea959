package host

import (
	"sync"

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
	runs   []run
	ms     []wire.Message // of all runs, one after another
	calls  []*Call
	casts  []cast
	asks   []func()
	synced []committed
}

func (w *work) empty() bool {
	return len(w.runs)+len(w.calls)+len(w.casts)+len(w.asks)+len(w.synced) == 0
}

// reset forgets the contents and keeps the space, unless a burst made it
// large.
func (w *work) reset() {
	clear(w.ms)
	clear(w.calls)
	clear(w.casts)
	clear(w.asks)
	clear(w.synced)
	w.runs, w.ms, w.calls, w.casts, w.asks, w.synced = w.runs[:0], w.ms[:0], w.calls[:0], w.casts[:0], w.asks[:0], w.synced[:0]
	if cap(w.ms) > 1<<14 {
		w.runs, w.ms = nil, nil
	}
}

// inbox is where connections' readers and callers leave work for whoever runs
// the core, who takes all of it at once: under load one lock serves whatever
// has gathered. Appending never waits. Methods that add return, as mine,
// whether the caller now has the right to run the core (see loop).
type inbox struct {
	mu     sync.Mutex
	w      work
	closed bool
	// running: somebody has the right to run the core. Invariant: while
	// nobody has, w is empty.
	running bool
	counts  [2]bound // of processes and clients

	dropped [2]uint64
}

type bound struct{ messages, bytes int }

// claim is called with the lock held.
func (b *inbox) claim() (mine bool) {
	mine = !b.running
	b.running = true
	return mine
}

// deliver adds messages.
func (b *inbox) deliver(from ids.Addr, inc ids.Incarnation, ms []wire.Message, size int) (mine bool) {
	class, limit := 0, bound{maxProcessMessages, maxProcessBytes}
	if from.Process == 0 {
		class, limit = 1, bound{maxClientMessages, maxClientBytes}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	have := &b.counts[class]
	if b.closed || have.messages+len(ms) > limit.messages || have.bytes+size > limit.bytes && have.messages > 0 {
		b.dropped[class] += uint64(len(ms))
		return false
	}
	have.messages += len(ms)
	have.bytes += size
	b.w.runs = append(b.w.runs, run{from, inc, len(ms)})
	b.w.ms = append(b.w.ms, ms...)
	return b.claim()
}

// ask adds a function; not ok when the inbox is closed.
func (b *inbox) ask(f func()) (ok, mine bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false, false
	}
	b.w.asks = append(b.w.asks, f)
	return true, b.claim()
}

// committed adds a batch of the journal. A closed inbox takes it too: rest has it.
func (b *inbox) committed(c committed) (mine bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.w.synced = append(b.w.synced, c)
	return !b.closed && b.claim()
}

// submit adds a command; not ok when the inbox is closed.
func (b *inbox) submit(c *Call) (ok, mine bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false, false
	}
	b.w.calls = append(b.w.calls, c)
	return true, b.claim()
}

// multicast adds messages of this process; not ok when the inbox is closed.
func (b *inbox) multicast(c cast) (ok, mine bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false, false
	}
	b.w.casts = append(b.w.casts, c)
	return true, b.claim()
}

// take swaps the work with w, which must have been reset; false when the inbox
// is closed or, with a limit that is not negative, holds more messages.
func (b *inbox) take(w *work, limit int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || limit >= 0 && len(b.w.ms) > limit {
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

// close lets nothing more in.
func (b *inbox) close() (mine bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return b.claim()
}

// drops are the messages dropped so far, from processes and from clients.
func (b *inbox) drops() (processes, clients uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dropped[0], b.dropped[1]
}
