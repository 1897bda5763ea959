// Package transport carries messages between processes and between clients
// and processes.
//
// What it promises is little, and the protocols above are built on just that:
// a message arrives at most once per Send and unaltered, or not at all.
// Messages of one connection arrive in the order sent; when a connection is
// replaced, what was under way is lost, and nothing is said of the order of
// old and new. A full queue drops and counts, and never blocks: a sender that
// waited for one slow peer would hold back the votes for all others [R11].
//
// Nobody is authenticated: the checks of the handshake catch an operator's
// mistakes, not an enemy. Whatever arrives is nevertheless treated as hostile:
// it may cost its connection and a counter, never a panic, unbounded memory,
// or another connection.
package transport

import (
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Transport is a process's or client's way to the others. TCP is the real one,
// Memory one for tests.
//
// Send and Flush belong to one goroutine at a time, the loop of its owner;
// the other methods may be called from anywhere.
type Transport interface {
	// Send encodes m into the queue of the link to its destination. It
	// neither blocks nor fails: a message for which there is no link or no
	// room is dropped and counted. Nothing leaves before Flush.
	Send(to ids.Addr, m wire.Message)
	// Flush sends what was queued: all that one link got since the last
	// Flush leaves together.
	Flush()
	// Stats is a snapshot of the counters.
	Stats() Stats
	// Close ends all connections and goroutines, and returns when they have
	// ended; the handler is not called afterwards. It may be called again.
	Close() error
}

// Handler takes what has arrived from one sender: the messages of one read,
// size bytes together. Goroutines of different connections call it at once,
// and while it runs its connection is not read, so it must not wait for
// anything. It may keep the messages, but not the slice.
//
// The incarnation is the one the sender gave when it connected; a client's is
// zero.
type Handler func(from ids.Addr, inc ids.Incarnation, ms []wire.Message, size int)

// Stats are a transport's counters since its start, and the number of
// connections now. Each drop is a message.
type Stats struct {
	FramesIn, MessagesIn, BytesIn   uint64
	FramesOut, MessagesOut          uint64
	WritesOut, BytesOut             uint64
	Handovers                       uint64 // writes that a link's own goroutine had to do
	DroppedFull                     uint64 // the link's queue was full
	DroppedDown                     uint64 // there was no connection
	DroppedNobody                   uint64 // the destination is unknown, or a client that is gone
	DroppedTooLarge                 uint64
	DialsFailed, Refused, Handshook uint64 // connections that we dialed: failed, refused by the other side, made
	RefusedOthers                   uint64 // connections that we refused, with a reason
	BadHandshakes                   uint64 // closed without one: not Eyrie's bytes, or too slow
	Overflowed                      uint64 // handshakes closed to make room for newer ones
	BadFrames                       uint64 // connections closed for what came over them
	Silent, Stalled                 uint64 // connections closed for no bytes from, none taken by the other side
	Connections, Clients            int
}
