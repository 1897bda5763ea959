package transport

import (
	"sync"

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
// goroutine that lives until the queue is empty. An idle link holds neither a
// goroutine nor a buffer. With a goroutine for every flush, ping-pong of one
// message took a fifth more CPU.
type link struct {
	t  *TCP
	to ids.Addr
	// touched and posted are for the flushes alone: the link is in their list.
	touched, posted bool

	mu sync.Mutex
	// c is nil while there is no connection. Invariant: while it is not,
	// pending is not empty only between Send and Flush, or Post and FlushPosted,
	// or while c.writing.
	c      *conn
	closed bool
	addr   string // of a process we dial; empty for those who dialed us
	// pending is whole frames and perhaps, last, the one being filled.
	pending  outgoing
	messages int // in pending
}

// push encodes m into the queue, and returns how many bytes wait in it.
func (l *link) push(m wire.Message) (waiting int) {
	t := l.t
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		t.count.droppedNobody.Add(1)
		return 0
	}
	limit, dropped := t.tuning.LinkBytes, &t.count.droppedFull
	switch {
	case l.c == nil:
		limit, dropped = t.tuning.DownBytes, &t.count.droppedDown
	case l.to.Process == 0:
		limit = t.clientLimit()
	}
	if l.pending.size() >= limit {
		dropped.Add(1)
		return 0
	}
	before := l.pending.size()
	l.buffer()
	if !l.pending.add(m) {
		t.count.droppedTooLarge.Add(1)
	} else {
		l.messages++
	}
	if l.to.Process == 0 {
		t.clientBytes.Add(int64(l.pending.size() - before))
	}
	return l.pending.size()
}

// clientLimit is how much may wait for a client now.
func (t *TCP) clientLimit() int {
	switch all, most := t.clientBytes.Load(), int64(t.tuning.ClientBytes); {
	case all >= most:
		return 0
	case all > most/2:
		return t.tuning.ClientLinkBytes / crowdedShare
	}
	return t.tuning.ClientLinkBytes
}

// crowdedShare: see Tuning.ClientLinkBytes.
const crowdedShare = 16

// buffer sees to a buffer for what is pending.
func (l *link) buffer() {
	if l.pending.b == nil {
		l.pending.take()
	}
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
	if l.pending.b != nil {
		l.written(&l.pending)
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
