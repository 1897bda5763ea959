package client

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// call is a command from the low mark on.
type call struct {
	seq ids.Sequence
	// read, if not zero, is the number of the read that this was.
	read uint64
	// copy is the current attempt's proposal. Invariant: never changed once
	// sent, so that all its copies are identical; the receiver may hold it.
	copy    *outgoing
	retries int
	target  int           // index of the acceptor that the last copy went to
	copies  int           // copies of this attempt sent
	loose   int           // messages of this attempt that may yet have it ordered, for all that is known
	noRoom  bool          // one was refused for lack of room
	first   time.Duration // Mono of this attempt's first copy
	pause   time.Duration // until the next resend
	resend  time.Duration // Mono
	giveUp  time.Duration // Mono
	sent    hlc.Timestamp
	done    bool
	// optimistic: an optimistic reply was asked for; early is the one that came.
	optimistic bool
	early      *Early
	// other is the last optimistic reply that came after early.
	other *optimistic.Reply
	// confirmed: the conservative reply is the one with this digest.
	confirmed *partition.Confirmation
}

// outgoing is an attempt's proposal in one piece of memory.
type outgoing struct {
	proposal ridge.Proposal
	message  ridge.Message
}

func (c *call) message() *ridge.Message { return &c.copy.message }

// calls are the commands from mark to next, in a ring by sequence. A pointer
// into it is valid until the next add.
type calls struct {
	next ids.Sequence // the next command's
	mark ids.Sequence // Invariant: all below are finished or given up
	open int          // not done
	ring []call       // length a power of two, at least next - mark
}

func (c *calls) at(seq ids.Sequence) *call { return &c.ring[int(seq)&(len(c.ring)-1)] }

// get is an open command, nil if there is none with that sequence.
func (c *calls) get(seq ids.Sequence) *call {
	if seq < c.mark || seq >= c.next {
		return nil
	}
	if x := c.at(seq); !x.done {
		return x
	}
	return nil
}

// add makes room for the next command.
func (c *calls) add() *call {
	if n := len(c.ring); int(c.next-c.mark) == n {
		old := *c
		c.ring = make([]call, max(2*n, 16))
		for seq := c.mark; seq < c.next; seq++ {
			*c.at(seq) = *old.at(seq)
		}
	}
	x := c.at(c.next)
	*x = call{seq: c.next}
	c.next++
	c.open++
	return x
}

// finish ends a command, and moves the mark over all that have ended.
func (c *calls) finish(x *call) {
	x.done, x.copy, x.early, x.other, x.confirmed = true, nil, nil, nil, nil
	c.open--
	for c.mark < c.next && c.at(c.mark).done {
		c.mark++
	}
}
