package partition

import (
	"errors"
	"fmt"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// Config is what a Replica is made of.
type Config struct {
	// Self is this process, one of Replicas[Partition].
	Self      ids.Process
	Partition ids.Partition
	// Replicas[p] are the processes that replicate partition p. A process
	// replicates one partition.
	Replicas  [][]ids.Process
	Service   *Service
	Placement Placement
	// Tuning must be equal at all replicas of all partitions: budgets,
	// windows and horizon decide outcomes.
	Tuning Tuning
	// Durable: the replica's checkpoints are kept on disk. It notes what changes
	// between them; others are told of a command's end, and what they may ask for
	// is dropped, only as checkpoints become stable (Replica.Stable). It must be
	// equal at all replicas of all partitions.
	Durable bool
	// Suspected says whether a process is believed to have crashed. It may
	// be wrong. Nil suspects nobody.
	Suspected func(ids.Process) bool
	// Behind says whether a process lives, but is late with what has been
	// ordered: another speaks for its partition. It may be wrong. Nil says so
	// of nobody.
	Behind func(ids.Process) bool
	// Checks turns on the test mode [E2, N1]: digests of immutable values
	// before and after each command, operations run and compared at all
	// destinations. It must be equal at all replicas.
	Checks bool
	// Observe, if not nil, is told what happens, for the simulator's
	// checkers. It must not call the replica, nor keep an Event's slices.
	Observe func(Event)
}

// Tuning are a replica's times and bounds. DefaultTuning gives values that
// serve.
type Tuning struct {
	// Horizon is H: a command is late after T0 + H.
	Horizon time.Duration
	// Window is W: a command whose T0 is more than W above its final
	// timestamp is refused [X2].
	Window time.Duration
	// ClientWindow bounds how far a sequence may be above its own message's
	// low mark.
	ClientWindow int
	// MaxReplyBytes of replies, those of at least 256 bytes, are kept for clients that
	// ask again; beyond, the oldest are dropped, and who asks for one of these gets
	// no answer. It may differ between replicas.
	MaxReplyBytes int
	// MaxRemembered clients of the last H, and commands of theirs that their marks have
	// not passed, may be in the exactly-once table; beyond, Crowded says so, and
	// coordinators take no more. Each takes 100 to 400 bytes. It may differ between
	// replicas.
	MaxRemembered int
	// Sequential makes every command conflict with every other: the convoy
	// of Algorithm 1, kept for comparison.
	Sequential bool
	// ExecuteTwice has every command that ends by its run executed once more in
	// its turn, and stops the replica if that ends differently: the service is not
	// deterministic. A test mode.
	ExecuteTwice bool
	// MaxUnfinished commands (and their bytes) may be delivered and
	// unfinished; then Ready is false.
	MaxUnfinished      int
	MaxUnfinishedBytes int
	// MaxOutbox entries (and their bytes) may be kept for other partitions;
	// then Ready is false.
	MaxOutbox      int
	MaxOutboxBytes int
	// MaxEarly exchange messages' entries (and bytes) are kept for commands
	// not yet delivered; others are dropped and pulled later [R11].
	MaxEarly      int
	MaxEarlyBytes int
	// MaxQuestions of other replicas are remembered for commands that have
	// not come this far.
	MaxQuestions int
	// MaxAccesses and MaxBytes are a command's budget: calls of Tx and
	// variables yielded by Range; bytes read and written, and of the reply.
	MaxAccesses int
	MaxBytes    int
	// MaxReads (and their bytes, arguments and a little more) may wait at a
	// replica for their turn; further ones are refused, and their clients try
	// another replica or come again.
	MaxReads     int
	MaxReadBytes int
	// PartItems and PartBytes cut what is shipped of a range at a time.
	PartItems int
	PartBytes int
	// MaxCached copies of other partitions' variables (and their bytes, names
	// and values and a little more) are kept, so that a value which has not
	// changed is not shipped again; and as much is remembered of what others
	// keep. Zero of either turns that off. Replicas whose bounds differ ask more
	// often for values that they are believed to have. MinCached is the least
	// value, in bytes, for which this is done.
	MaxCached      int
	MaxCachedBytes int
	MinCached      int
	// MinConfirmed is how many bytes a reply must have for a client that was sent it
	// optimistically to be sent a digest of it afterwards, and not all.
	MinConfirmed int
	// PullAfter is the least that a started command waits before it asks. The
	// wait is a few times what exchanges take, and doubles with each question, up to
	// PullMax.
	PullAfter time.Duration
	PullMax   time.Duration
	// ProgressEvery is the most that a replica waits before it tells others
	// what it has finished.
	ProgressEvery time.Duration
}

// DefaultTuning gives values that serve.
func DefaultTuning() Tuning {
	return Tuning{
		Horizon: 60 * time.Second, Window: 100 * time.Millisecond,
		ClientWindow: 1024, MaxReplyBytes: 256 << 20, MaxRemembered: 2 << 20,
		MaxUnfinished: 4096, MaxUnfinishedBytes: 64 << 20,
		MaxOutbox: 1 << 16, MaxOutboxBytes: 128 << 20,
		MaxEarly: 1 << 14, MaxEarlyBytes: 64 << 20,
		MaxQuestions: 1 << 14,
		MaxAccesses:  1 << 16, MaxBytes: 4 << 20,
		MaxReads: 1 << 14, MaxReadBytes: 32 << 20,
		MaxCached: 1 << 16, MaxCachedBytes: 32 << 20, MinCached: 64,
		MinConfirmed: 256,
		PartItems:    128, PartBytes: 32 << 10,
		PullAfter: 20 * time.Millisecond, PullMax: time.Second,
		ProgressEvery: 500 * time.Millisecond,
	}
}

// Validate reports every complaint at once.
func (t Tuning) Validate() error {
	var errs []error
	positive := func(name string, v int64) {
		if v <= 0 {
			errs = append(errs, fmt.Errorf("partition: %s must be positive, is %d", name, v))
		}
	}
	positive("Horizon", int64(t.Horizon))
	positive("Window", int64(t.Window))
	positive("ClientWindow", int64(t.ClientWindow))
	positive("MaxReplyBytes", int64(t.MaxReplyBytes))
	positive("MaxRemembered", int64(t.MaxRemembered))
	positive("MaxUnfinished", int64(t.MaxUnfinished))
	positive("MaxUnfinishedBytes", int64(t.MaxUnfinishedBytes))
	positive("MaxOutbox", int64(t.MaxOutbox))
	positive("MaxOutboxBytes", int64(t.MaxOutboxBytes))
	positive("MaxEarly", int64(t.MaxEarly))
	positive("MaxEarlyBytes", int64(t.MaxEarlyBytes))
	positive("MaxQuestions", int64(t.MaxQuestions))
	positive("MaxAccesses", int64(t.MaxAccesses))
	positive("MaxBytes", int64(t.MaxBytes))
	positive("MaxReads", int64(t.MaxReads))
	positive("MaxReadBytes", int64(t.MaxReadBytes))
	positive("PartItems", int64(t.PartItems))
	positive("PartBytes", int64(t.PartBytes))
	if t.MaxCached < 0 || t.MaxCachedBytes < 0 {
		errs = append(errs, fmt.Errorf("partition: MaxCached %d and MaxCachedBytes %d must not be negative", t.MaxCached, t.MaxCachedBytes))
	}
	positive("MinCached", int64(t.MinCached))
	positive("MinConfirmed", int64(t.MinConfirmed))
	positive("PullAfter", int64(t.PullAfter))
	positive("ProgressEvery", int64(t.ProgressEvery))
	if t.PullMax < t.PullAfter {
		errs = append(errs, fmt.Errorf("partition: PullMax %v is below PullAfter %v", t.PullMax, t.PullAfter))
	}
	return errors.Join(errs...)
}
