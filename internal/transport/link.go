package transport

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// A link is a queue of encoded frames to one destination, and the connection
// that empties it, if there is one now.
//
// The queue is a buffer that grows while a write is under way and is swapped
// whole for an empty one by the next write: what gathers meanwhile leaves
// together, in one system call. At most one write per link is under way, done
// by whoever has taken the right to it (writing): Flush, which tries without
// waiting, or, when the socket is full or Flush has other links to see to, a
// goroutine that lives until the queue is empty. An idle
// link holds neither a goroutine nor a buffer. With a goroutine woken for every
// flush, ping-pong of one message took a fifth more CPU.
type link struct {
	t    *TCP
	to   ids.Addr
	addr string // of a process we dial; empty for those who dialed us
	// touched is for Flush alone: the link is in its list.
	touched bool

	mu sync.Mutex
	// c is nil while there is no connection. Invariant: while it is not,
	// pending is not empty only between Send and Flush, or while c.writing.
	c      *conn
	closed bool
	// pending is whole frames and, from open, the one being filled; open is
	// negative if there is none.
	pending  []byte
	open     int
	messages int // in pending
}

// conn is one connection. The reads and writes of its goroutines are counted
// for the watch, which looks once per tick whether the counts have moved: that
// spares a deadline per call.
type conn struct {
	net.Conn
	raw  rawWriter
	from ids.Addr // the other side
	inc  ids.Incarnation
	link *link // what we send over it
	// writing: somebody holds the right to write. Guarded by link.mu.
	writing bool
	reads   atomic.Uint64
	writes  atomic.Uint64
	busy    atomic.Bool // a write is under way

	// What the watch saw last, and since when it has not changed.
	seenReads, seenWrites  uint64
	quietSince, mutedSince time.Time
}

// buffers holds write buffers of links that have nothing to send.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// keepBuffer is the largest buffer that goes back to the pool.
const keepBuffer = 256 << 10

func getBuffer() []byte { return (*buffers.Get().(*[]byte))[:0] }

func putBuffer(b []byte) {
	if cap(b) <= keepBuffer {
		buffers.Put(&b)
	}
}

// push encodes m into the queue.
func (l *link) push(m wire.Message) {
	t := l.t
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		t.count.droppedNobody.Add(1)
		return
	}
	limit, dropped := t.tuning.LinkBytes, &t.count.droppedFull
	switch {
	case l.c == nil:
		limit, dropped = t.tuning.DownBytes, &t.count.droppedDown
	case l.to.Process == 0:
		limit = t.tuning.ClientLinkBytes
	}
	if len(l.pending) >= limit || l.to.Process == 0 && t.clientBytes.Load() >= int64(t.tuning.ClientBytes) {
		dropped.Add(1)
		return
	}
	before := len(l.pending)
	b := l.frame()
	b, ok := appendMessage(b, m)
	l.pending = b
	if !ok {
		t.count.droppedTooLarge.Add(1)
	} else {
		l.messages++
	}
	if l.to.Process == 0 {
		t.clientBytes.Add(int64(len(b) - before))
	}
}

// frame returns pending with an open frame that has room.
func (l *link) frame() []byte {
	if l.pending == nil {
		l.pending, l.open = getBuffer(), -1
	}
	if l.open >= 0 && len(l.pending)-l.open > frameTarget {
		l.sealOpen()
	}
	if l.open < 0 {
		l.open = len(l.pending)
		l.pending = openFrame(l.pending)
	}
	return l.pending
}

func (l *link) sealOpen() {
	if l.open >= 0 {
		seal(l.pending[l.open:])
		l.t.count.framesOut.Add(1)
		l.open = -1
	}
}

// take takes the right to write and what is to be written; nil if there is
// nothing, no connection, or somebody else is at it. A right that has been
// taken ends with release.
func (l *link) take() (*conn, []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.c == nil || l.c.writing || len(l.pending) == 0 {
		return nil, nil
	}
	l.c.writing = true
	return l.c, l.swap()
}

func (l *link) swap() []byte {
	l.sealOpen()
	b := l.pending
	l.pending = nil
	l.t.count.messagesOut.Add(uint64(l.messages))
	l.messages = 0
	return b
}

// release gives the right to write back, unless more has come meanwhile for
// the same connection: then it returns that.
func (l *link) release(c *conn, written []byte) []byte {
	l.written(written)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.c == c && len(l.pending) > 0 {
		return l.swap()
	}
	c.writing = false
	return nil
}

func (l *link) written(b []byte) {
	if l.to.Process == 0 {
		l.t.clientBytes.Add(-int64(len(b)))
	}
	putBuffer(b)
}

// flush writes what is pending. Inline it writes what the socket takes at
// once; the rest is a goroutine's.
func (l *link) flush(inline bool) {
	c, b := l.take()
	if b == nil {
		return
	}
	if !inline {
		l.handOver(c, b, 0)
		return
	}
	for b != nil {
		n, err := c.raw.try(b)
		c.writes.Add(1)
		l.t.count.wrote(n)
		if err != nil {
			c.Close() // its reader ends and clears up
		} else if n < len(b) {
			l.handOver(c, b, n)
			return
		}
		b = l.release(c, b)
	}
}

// handOver lets a goroutine write b from byte n on, and what gathers
// meanwhile. The caller holds the right to write.
func (l *link) handOver(c *conn, b []byte, n int) {
	t := l.t
	if !t.spawn() {
		l.release(c, b)
		return
	}
	t.count.handovers.Add(1)
	go func() {
		defer t.wg.Done()
		for b != nil {
			c.busy.Store(true)
			m, err := c.Write(b[n:])
			c.busy.Store(false)
			c.writes.Add(1)
			t.count.wrote(m)
			if err != nil {
				c.Close()
			}
			n = 0
			b = l.release(c, b)
		}
	}()
}

// attach gives the link a connection, replacing one that it has.
func (l *link) attach(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	if l.c != nil {
		l.c.Close()
	}
	l.c = c
	return true
}

// detach takes the connection away, and with it all that waited for it.
func (l *link) detach(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.c == c {
		l.c = nil
		l.clear()
	}
}

// clear drops what waits. The caller holds the lock.
func (l *link) clear() {
	l.t.count.droppedDown.Add(uint64(l.messages))
	l.messages = 0
	if l.pending != nil {
		l.written(l.pending)
		l.pending, l.open = nil, -1
	}
}

// close ends the link for good.
func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.clear()
	if l.c != nil {
		l.c.Close()
		l.c = nil
	}
}

// beat queues an empty frame and has it written.
func (l *link) beat() {
	l.mu.Lock()
	if l.c != nil && !l.c.writing && len(l.pending) == 0 {
		b := l.frame()
		if l.to.Process == 0 {
			l.t.clientBytes.Add(int64(len(b)))
		}
	}
	l.mu.Unlock()
	l.flush(false)
}
