package bench

import (
	"context"
	"time"
)

// Op is one operation: store a value of the case's size at a key, or, if
// Multi, at two keys that live on different partitions.
type Op struct {
	// Slot is the operation's place among those outstanding, 0 to N-1. No
	// two outstanding operations share one.
	Slot int
	// Key is below Keys. Other is a second key, for Multi only.
	Key, Other uint32
	Multi      bool
	// Destinations is the number of partitions the operation is addressed
	// to: 1, or if Multi, 2 or more.
	Destinations int
	// Action is what the operation does on a social network; NoAction: none of it.
	Action Action
	// Value is shared by all operations and never changes, so a system may
	// keep it without copying.
	Value []byte
}

// Keys is the number of distinct keys that operations touch; fewer if values
// are so large that those would take more than stateBytes.
const Keys = 4096

// stateBytes bounds a replica's state to what the warm-up writes over. With more
// the window would measure how fast the kernel gives a process its first pages,
// and the slower a system is, the larger a part of its operations would pay that.
const stateBytes = 16 << 20

// keys is the number of keys that operations of a case touch.
func (c *Case) keys() uint64 {
	if c.Span > 0 {
		return uint64(c.Span)
	}
	return uint64(max(64, min(Keys, stateBytes/max(c.Size, 1))))
}

// System is what is measured. A System is started once and closed once.
type System interface {
	// Start returns when operations are served, or fails. The context
	// bounds the start only.
	Start(ctx context.Context) error
	// Submit begins an operation and does not wait for it. The system calls
	// done exactly once, when the operation has taken effect where its
	// client learns of it, or has failed. It may call it on any goroutine,
	// also within Submit; done does not block. Submit and Flush are safe for
	// concurrent use.
	Submit(op Op, done func(error))
	// Flush says that the generator has nothing to submit for the moment. A
	// system may hold operations back until then, in order to gather them.
	Flush()
	// CPU is the processor time used so far by the system's processes other
	// than this one.
	CPU() time.Duration
	// Close ends the system and everything it started.
	Close() error
}

// Doer is a System that has a cheaper way for a goroutine that waits for its
// operation than to be woken by a callback.
type Doer interface {
	// Do carries out an operation and returns when it has completed or
	// failed.
	Do(op Op) error
}

// Batcher is a System that completes many operations at a time: what was decided, or
// was read from a connection, together.
type Batcher interface {
	System
	// Batched has f called with the slots of operations that have completed
	// together, and what they have ended with, in place of their callbacks, which are
	// nil from now on, and without a lock that Submit or Flush takes: f may submit what
	// follows. The slots are f's until it returns. It is called before the first
	// Submit, and reports false if this system, in its case, is no Batcher after all.
	Batched(f func(slots []uint32, err error)) bool
}

// Reentrant is a System whose callbacks may submit what follows: they are called
// without a lock that Submit or Flush takes, and Submit does not wait there. It gathers
// by itself what many of them submit in a row.
type Reentrant interface {
	System
	// Reentrant reports false if this system is none after all.
	Reentrant() bool
}

// Optimist is a System that answers twice: when an operation was delivered
// optimistically, its order being probable, and when it is certain.
type Optimist interface {
	System
	// SubmitEarly is Submit, and calls early when an optimistic answer has
	// come. It does so at most once, not after done, and does not wait for it.
	SubmitEarly(op Op, early func(), done func(error))
	// Order tells how the two orders compared so far, at all replicas.
	Order() OrderCounts
}

// OrderCounts compare optimistic deliveries with conservative ones.
type OrderCounts struct {
	Compared uint64 // conservative deliveries
	Mistakes uint64 // of these, those that were not the next optimistic one
	Repairs  uint64 // messages multicast again on their senders' behalf
	Forced   uint64 // messages delivered optimistically only with their conservative delivery
	// Wait is how long deliveries wait for those with earlier timestamps, now.
	Wait time.Duration
	// As in Optimistic.
	Runs, Confirmed, Dropped, Replies, ReplyMistakes uint64
}

// add adds what another process counted.
func (o *OrderCounts) add(a OrderCounts) {
	o.Compared += a.Compared
	o.Mistakes += a.Mistakes
	o.Repairs += a.Repairs
	o.Forced += a.Forced
	o.Runs += a.Runs
	o.Confirmed += a.Confirmed
	o.Dropped += a.Dropped
	o.Replies += a.Replies
	o.ReplyMistakes += a.ReplyMistakes
	o.Wait = max(o.Wait, a.Wait)
}

func (o *OrderCounts) sub(a OrderCounts) {
	o.Compared -= a.Compared
	o.Mistakes -= a.Mistakes
	o.Repairs -= a.Repairs
	o.Forced -= a.Forced
	o.Runs -= a.Runs
	o.Confirmed -= a.Confirmed
	o.Dropped -= a.Dropped
	o.Replies -= a.Replies
	o.ReplyMistakes -= a.ReplyMistakes
}

// Case is one combination of what a bench varies.
type Case struct {
	Partitions  int
	Replicas    int     // of each partition
	Size        int     // bytes of a value
	Outstanding int     // operations in flight
	MultiShare  float64 // share of operations on two partitions, 0 to 1
	Workers     bool    // a goroutine waits for each operation
	// Rate is the number of operations admitted each second, Outstanding
	// being their limit; 0: a completion admits the next. A plan sets it for
	// cases of a Load, which is the share of the highest throughput.
	Rate, Load float64
	// Destinations is the number of partitions that a multi-partition
	// operation is addressed to; 0 says 2.
	Destinations int
	// Delay is added to everything that one process, or the client, sends
	// to another. Zero: the loopback interface alone.
	Delay time.Duration
	// Command is what single-partition operations do, in benches that tell
	// commands apart.
	Command string
	// Graph is the file of a social network's graph, or empty: one of Users is
	// made up. Skew above 1 has users act as often as a Zipf law with that exponent
	// says, instead of equally often.
	Graph string  `json:",omitempty"`
	Users int     `json:",omitempty"`
	Skew  float64 `json:",omitempty"`
	// Span is the number of distinct keys that operations touch, for benches
	// whose state is to be large; 0: Keys, or fewer.
	Span int `json:",omitempty"`
	// Dir, if not empty, is a folder on a disk: the system is durable. It
	// completes an operation only when a majority of the replicas of each
	// destination would still have it after a power failure, and keeps its
	// files there, in a folder of this turn's own that is removed afterwards.
	Dir string
}

// storage is where a system keeps its state.
func (c Case) storage() string {
	if c.Dir != "" {
		return OnDisk
	}
	return InMemory
}

// What a point's Storage may be.
const InMemory, OnDisk = "memory", "disk"

// Contender names a system and makes it for a case.
type Contender struct {
	System, Variant string
	New             func(Case) System
	// Can says for which cases the system exists; nil: for all. Others are
	// left out.
	Can func(Case) bool
}

func (c Contender) String() string {
	if c.Variant == "" {
		return c.System
	}
	return c.System + " " + c.Variant
}
