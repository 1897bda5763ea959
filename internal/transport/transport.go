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
// Send, Post and the flushes belong to one goroutine at a time, the loop of its owner;
// the other methods may be called from anywhere.
type Transport interface {
	// Send encodes m into the queue of the link to its destination. It
	// neither blocks nor fails: a message for which there is no link or no
	// room is dropped and counted. Nothing leaves before Flush.
	Send(to ids.Addr, m wire.Message)
	// Post is Send for what nobody waits for: it leaves with the next message
	// to the same destination that is flushed, with FlushPosted, or when much
	// has gathered.
	Post(to ids.Addr, m wire.Message)
	// Flush sends what was queued: all that one link got since the last
	// Flush leaves together.
	Flush()
	// FlushPosted sends what was posted.
	FlushPosted()
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
	FramesIn    uint64 `json:"frames_in"`
	MessagesIn  uint64 `json:"messages_in"`
	BytesIn     uint64 `json:"bytes_in"`
	FramesOut   uint64 `json:"frames_out"`
	MessagesOut uint64 `json:"messages_out"`
	WritesOut   uint64 `json:"writes_out"`
	BytesOut    uint64 `json:"bytes_out"`
	// Handovers are flushes that a goroutine had to finish.
	Handovers uint64 `json:"handovers"`

	DroppedFull     uint64 `json:"dropped_full"`      // the link's queue was full
	DroppedDown     uint64 `json:"dropped_down"`      // there was no connection
	DroppedNobody   uint64 `json:"dropped_nobody"`    // the destination is unknown, or a client that is gone
	DroppedTooLarge uint64 `json:"dropped_too_large"` // over MaxMessage

	// Connections that this side dialed: made, failed, refused by the other.
	Handshook   uint64 `json:"handshook"`
	DialsFailed uint64 `json:"dials_failed"`
	Refused     uint64 `json:"refused"`

	// Connections that this side refused with a reason; that ended without
	// a handshake, being somebody else's bytes or too slow; that were closed
	// without one to make room for newer ones.
	RefusedOthers uint64 `json:"refused_others"`
	BadHandshakes uint64 `json:"bad_handshakes"`
	Overflowed    uint64 `json:"overflowed"`

	// Connections closed for what came over them; for nothing having come;
	// for the other side taking nothing.
	BadFrames uint64 `json:"bad_frames"`
	Silent    uint64 `json:"silent"`
	Stalled   uint64 `json:"stalled"`

	Connections int `json:"connections"`
	Clients     int `json:"clients"`
}
