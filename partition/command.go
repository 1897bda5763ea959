package partition

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// command is an accepted command on its way to its end.
//
// A command that goes to this partition alone and conflicts with nothing
// unfinished lives in Replica.scratch and ends within Deliver. Every other is
// in Replica.queue until it is finished.
type command struct {
	Tag
	dests    ids.Set
	proposed hlc.Timestamp
	nearest  ids.Process
	origin   ids.Process
	asks     bool // its client, for an optimistic reply
	spec     *CommandSpec
	number   uint16 // of spec
	version  uint32 // of the service, whose code executes it
	upgrade  uint32 // the version that is in force from here on; 0: as before
	code     Code   // nil: spec.Run with arg
	arg      []byte // nil if code is not
	body     []byte // the delivery's, for checkpoints
	bytes    int    // of the body, for the bound on unfinished commands
	exact    bool
	items    []Item
	lent     []Item // lent to Prepare; items need not be in it
	// needed are dests and what the items need besides, nil if that is nothing.
	needed ids.Set
	// held says of each item whether this partition holds something of it; nothing
	// if there is no other partition.
	held []bool
	// spares: what is only updated elsewhere is nothing to this partition.
	spares bool

	// Scheduling. blockers counts the edges from unfinished earlier commands
	// that conflict with this one; waiters are the edges to later ones.
	// Invariant: blockers is zero iff all earlier conflicting commands are
	// finished, their gates included; only then it starts.
	blockers int
	waiters  []waiter
	// hopes are commands that wait for a version that this one brings along;
	// resuming: this one is in Replica.runnable, since such a wait is over.
	hopes    []hope
	resuming bool
	// local lists the items that this partition holds something of; only they
	// make conflicts, since every conflict is seen by whoever holds the
	// variable. Set when the command is entered in the index.
	local []int32
	// used are the numbers of the users of the variables among local, while the command
	// is in the index. ranged: there are ranges, too.
	used   []uint32
	ranged bool
	// barrier: it conflicts with every other command (AtLeast, Sequential).
	barrier bool
	// mayWait: the code may need a value from elsewhere, so a coroutine runs it.
	mayWait bool
	// gathers: with a coroutine only if what it has declared to read has not come by
	// the time that all signals have, or it has been run before its turn; see gathered.
	gathers  bool
	started  bool
	finished bool
	asked    bool // it has pulled
	// kept: a checkpoint has it. changed: since then, or never kept.
	kept, changed bool

	// Exchange; out is nil for a command of one destination.
	out *outgoing
	in  incoming

	// Execution. run, if not nil, is what was executed before the turn.
	tx  transaction
	run *Run

	delivered, startedAt hlc.Timestamp // this process's wall clock
	begun                time.Duration // Mono of the start, if there is an exchange
}

// waiter is an edge of the schedule: a command that waits for the owner of
// the edge to finish, to start (read < 0) or to send the value of its read-th
// early read.
type waiter struct {
	c    *command
	read int32
}

func (c *command) at() ids.Position { return c.Position }
func (c *command) gone() bool       { return c.finished }
