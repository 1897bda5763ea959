package transport

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
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
	// operator: the other side is a client without a service.
	operator bool
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

	// What the watch saw last, since when it has not changed, and whether it has
	// closed the connection.
	seenReads, seenWrites  uint64
	quietSince, mutedSince time.Time
	ended                  bool
}

// room is what an outgoing's slices use.
type room struct {
	b    []byte
	cuts []wire.Cut
}

// rooms has those of links that have nothing to send.
var rooms = sync.Pool{New: func() any { return &room{b: make([]byte, 0, 4<<10)} }}

// keepBuffer is the largest buffer that goes back to the pool, keepCuts the most cuts.
const (
	keepBuffer = 1 << 20
	keepCuts   = 1 << 10
)

// take gives an empty outgoing room.
func (o *outgoing) take() {
	r := rooms.Get().(*room)
	*o = outgoing{room: r, b: r.b[:0], cuts: r.cuts[:0], open: -1}
}

// leave ends the use of o, and of what it refers to.
func (o *outgoing) leave() {
	clear(o.cuts)
	if o.room != nil && cap(o.b) <= keepBuffer && cap(o.cuts) <= keepCuts {
		o.room.b, o.room.cuts = o.b, o.cuts
		rooms.Put(o.room)
	}
	*o = outgoing{}
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
