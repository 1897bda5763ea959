// Package client is a client's core, without IO: the window of outstanding
// commands, resends, retries with more destinations, the low mark and its
// guard, and the service's time. A driver (internal/host, or the simulator)
// steps it.
package client

import (
	"errors"
	"fmt"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/session"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/oracle"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

var (
	// ErrOutcomeUnknown means that no answer came: the command may have been
	// executed, or may yet be, once, or never.
	ErrOutcomeUnknown = errors.New("outcome unknown: the command may or may not have been executed")
	// ErrWindowFull means that too many commands are outstanding; take
	// results first.
	ErrWindowFull = errors.New("too many outstanding commands")
	// ErrOtherLife means that the cluster was started anew and has forgotten
	// everything, this client's commands included.
	ErrOtherLife = errors.New("the cluster was started anew and has forgotten its state; connect again")
	// ErrOldMap means that the partitions judge by another partition map than
	// the client holds. The command had no effect.
	ErrOldMap = errors.New("the cluster's partition map is not this client's; connect again")
	// ErrTooLarge means that a command's argument is over the limit.
	ErrTooLarge = errors.New("the command's argument is too large")
	// ErrNoRoom means that the service's disks are almost full, so that it takes
	// no commands. Alone, it means that the command was not executed; with
	// ErrOutcomeUnknown, that a copy may have been.
	ErrNoRoom = errors.New("the disk of a process is almost full: no command is taken until there is room")
	// ErrBusy means that for the whole horizon too many commands waited. The
	// command was not executed.
	ErrBusy = errors.New("too many commands wait at the cluster: this one was not taken")
)

// Tuning are a client's times and bounds.
type Tuning struct {
	Window   int           // outstanding commands; 25 (section 6.5.1)
	Span     int           // sequences from the low mark to the newest; must not exceed the partitions' window
	Resend   time.Duration // wait before the first resend, if replies do not usually take longer
	MaxPause time.Duration // resends wait, and back off, up to this
	Horizon  time.Duration // H, as at the service
	Ahead    time.Duration // how far T0 may be ahead of the service's time; at most W
	MaxBody  int           // bytes of an encoded request
	// Spread sends a client's reads to all replicas of a partition in turn, not
	// always to the same one. It is for a few clients whose reads take long to
	// execute; otherwise it makes more questions for positions, and costs.
	Spread bool
	// Cast has commands delivered optimistically: Ridge's Tuning.Optimistic. They
	// go straight to one replica of each destination besides the coordinator,
	// which mostly is one of these; with CastAll to all replicas.
	Cast, CastAll bool
}

// DefaultTuning serves the default tuning of Ridge.
func DefaultTuning() Tuning {
	r := ridge.DefaultTuning()
	return Tuning{
		Window: 25, Span: partition.DefaultTuning().ClientWindow, Resend: 250 * time.Millisecond, MaxPause: 2 * time.Second,
		Horizon: r.Horizon, Ahead: r.Window / 2, MaxBody: r.MaxMessage,
	}
}

// Config is what a Core is made of.
type Config struct {
	ID       ids.Client // 128 random bits, new with each life
	Topology *ridge.Topology
	Map      *oracle.Map
	Service  *partition.Service
	Tuning   Tuning
	Random   func() uint64
	// Ordered, if not nil, is told that a read is ordered as a command after
	// all, for the simulator's checkers.
	Ordered func(read, as ids.Sequence)
}

// Send is a message to put on the wire.
type Send struct {
	To  ids.Addr
	Msg wire.Message
}

// Result is how a command ended.
type Result struct {
	// Sequence is what Submit returned.
	Sequence ids.Sequence
	// Reply is the conservative reply, nil if Err is not nil. A command's own
	// error is a Reply.
	Reply *partition.Reply
	// Err is ErrOutcomeUnknown, or wraps it; any other says that the command was not
	// executed and never will be.
	Err error
	// Sent and Replied are the client's physical clock, Took by the monotonic
	// one what lay between.
	Sent, Replied hlc.Timestamp
	Took          time.Duration
	// Early, if not nil, is the optimistic reply that came before, and Agreed
	// says whether it was right.
	Early  *Early
	Agreed bool
	Dests  ids.Set
	// At is, of a command executed as a read, the last position that the
	// replica had delivered before it.
	At ids.Position
}

// Core is one client. It is not safe for concurrent use.
type Core struct {
	cfg   Config
	calls calls
	reads reads
	lent  lent
	guard hlc.Timestamp // largest T0 + H among those given up below the mark
	// plain: the last word was that there is no room, so what is sent goes to the
	// coordinator alone, whose refusal is the end of it then.
	plain   bool
	due     time.Duration // Mono; when to look at all open calls next
	looked  time.Duration // Mono; when that was done last
	time    clock
	life    uint64 // of the cluster; zero until welcomed
	routes  routes
	seeking seeking
	paces   [2]pace       // of replies to commands of one partition, and of several
	hello   time.Duration // when to greet next, until welcomed
	greeted int
	now     hlc.Now
	sends   []Send
	copies  []ridge.Send  // room
	room    []ids.Process // of heralds
	results []Result
	early   []EarlyReply
	status  []session.Status
	err     error
	Stats   Stats
}

// Stats counts what a client went through.
type Stats struct {
	Sent, Resent, Retried, Redirected, Refused, GivenUp uint64
	// OptimisticReplies were handed out; of those whose command got a
	// conservative reply, ReplyMistakes were wrong. OptimisticLate came when
	// the command had ended or had one, and Unsolicited when none was asked for.
	OptimisticReplies, ReplyMistakes, OptimisticLate, Unsolicited uint64
	// Joined were ended by a digest of the optimistic reply.
	Joined uint64
	// Reads sent as such, their further copies, and those that had to be
	// ordered after all.
	Reads, ReadsResent, ReadsOrdered uint64
}

// New makes a client's core. It greets the cluster at the first Tick.
func New(cfg Config) *Core {
	return &Core{
		cfg: cfg, calls: calls{next: 1, mark: 1}, reads: newReads(cfg.Topology, cfg.ID),
		due: never, routes: newRoutes(cfg.Topology),
		seeking: seeking{wanted: make([]bool, len(cfg.Topology.Ensembles)), at: never},
	}
}

// Full says whether Submit would return ErrWindowFull.
func (c *Core) Full() bool {
	t := &c.cfg.Tuning
	return c.Outstanding() >= t.Window || int(c.calls.next-c.calls.mark) >= t.Span || int(c.reads.next-c.reads.mark) >= t.Span
}

// Sends drains what is to be sent; valid until the next call into the core.
func (c *Core) Sends() []Send {
	s := c.sends
	c.sends = c.sends[:0]
	return s
}

// Results drains the commands that have ended; valid until the next call.
func (c *Core) Results() []Result {
	r := c.results
	c.results = c.results[:0]
	return r
}

// Err is not nil when the client has ended: ErrOtherLife.
func (c *Core) Err() error { return c.err }

// Outstanding is the number of commands without a result.
func (c *Core) Outstanding() int { return c.calls.open + c.reads.outstanding() }

func unknown(why error) error { return fmt.Errorf("%w: %w", ErrOutcomeUnknown, why) }
