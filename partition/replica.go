package partition

import (
	"math"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Never is what Wake returns when no Tick is needed.
const Never = time.Duration(math.MaxInt64)

// Replica is one partition's replica. It is not safe for concurrent use.
type Replica struct {
	config Config
	err    error
	sends  []Send
}

// New makes a replica with empty state. The Config must be valid.
func New(c Config) *Replica { return &Replica{config: c} }

// Ready says whether there is room for one more delivery; if not, the caller
// stops pulling deliveries until it is (back-pressure).
func (r *Replica) Ready() bool { return r.err == nil }

// Deliver takes the next command of the merged order.
func (r *Replica) Deliver(now hlc.Now, d Delivery) {}

// Step takes a message from another replica. It may be anything.
func (r *Replica) Step(now hlc.Now, from ids.Process, m wire.Message) {}

// Tick does what is due.
func (r *Replica) Tick(now hlc.Now) {}

// Wake is the Mono time of the next needed Tick, or Never.
func (r *Replica) Wake() time.Duration { return Never }

// Sends drains the messages to send. The slice is valid until the next call
// into the replica.
func (r *Replica) Sends() []Send {
	s := r.sends
	r.sends = r.sends[:0]
	return s
}

// Err says why the replica must stop, or nil.
func (r *Replica) Err() error { return r.err }

// Status is the replica's condition.
func (r *Replica) Status() Status { return Status{} }

// Digest is a digest of what the merged order determines (variables, table)
// and the last delivered position; ok is false while a delivered command is
// unfinished. Replicas of a partition have equal digests at equal positions.
func (r *Replica) Digest() (p ids.Position, digest uint64, ok bool) { return p, 0, false }

// Close stops the coroutines. The replica must not be used afterwards.
func (r *Replica) Close() {}
