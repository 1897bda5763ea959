package transport

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// conn is one connection. The reads and writes of its goroutines are counted
// for the watch, which looks once per tick whether the counts have moved: that
// spares a deadline per call.
type conn struct {
	net.Conn
	raw rawWriter
	// pieces is for the holder of the right to write alone.
	pieces [][]byte
	from   ids.Addr // the other side
	inc    ids.Incarnation
	link   *link // what we send over it
	// writing: somebody holds the right to write. Guarded by link.mu.
	writing bool
	reads   atomic.Uint64
	writes  atomic.Uint64
	busy    atomic.Bool // a write is under way
	// hot: so much is read that reads which find nothing are left out (see
	// intake.run).
	hot atomic.Bool
	// due: a beat is, and leaves with the next read, while this process is
	// awake in any case, or else at the watch's next look.
	due atomic.Bool

	// What the watch saw last, and since when it has not changed.
	seenReads, seenWrites  uint64
	quietSince, mutedSince time.Time
}

// buffers holds write buffers of links that have nothing to send.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// keepBuffer is the largest buffer that goes back to the pool.
const keepBuffer = 1 << 20

func getBuffer() []byte { return (*buffers.Get().(*[]byte))[:0] }

func putBuffer(b []byte) {
	if cap(b) <= keepBuffer {
		buffers.Put(&b)
	}
}

// Close closes the connection, at the latest when what it has just brought is
// handled: the handler, who may be the caller, does not wait for itself.
func (c *conn) Close() error {
	go c.Conn.Close()
	return nil
}

// cool ends the time of a connection that was hot: it is read once more, which
// finds the end if that came unnoticed.
func (c *conn) cool() {
	c.hot.Store(false)
	// An error is the connection's end.
	_ = c.SetReadDeadline(time.Unix(1, 0))
}
