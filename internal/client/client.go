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
	// ErrOutcomeUnknown, that an earlier copy may have been.
	ErrNoRoom = errors.New("the disk of a process is almost full: no command is taken until there is room")
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
	// Err is ErrOutcomeUnknown, or wraps it.
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
	cfg     Config
	calls   calls
	reads   reads
	lent    lent
	guard   hlc.Timestamp // largest T0 + H among those given up below the mark
	due     time.Duration // Mono; when to look at all open calls next
	looked  time.Duration // Mono; when that was done last
	time    clock
	life    uint64 // of the cluster; zero until welcomed
	routes  routes
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
	// digester is for confirmations; nil before the first.
	digester *partition.Digester
	err      error
	Stats    Stats
}

// lent is memory for accesses, to be used again.
type lent struct {
	items []partition.Item
	codes []partition.Code // by command
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
	}
}

// Full says whether Submit would return ErrWindowFull.
func (c *Core) Full() bool {
	t := &c.cfg.Tuning
	return c.Outstanding() >= t.Window || int(c.calls.next-c.calls.mark) >= t.Span || int(c.reads.next-c.reads.mark) >= t.Span
}

// Submit takes a command. Its result comes by Results, once. guess names
// partitions that the command may need besides those its Access names. An
// error means that the command was not taken: ErrWindowFull, ErrTooLarge, one
// of the service about the argument, or the one that ended the client.
//
// A ReadOnly command of one partition goes to one of its replicas as a read,
// and what is returned is a handle with IsRead; arg must not be changed any
// more, since copies may be on their way after the result. All else is ordered, and has a sequence.
func (c *Core) Submit(now hlc.Now, command uint16, arg []byte, guess ids.Set) (ids.Sequence, error) {
	return c.submit(now, command, arg, guess, wishes{})
}

// SubmitOrdered is Submit with a place in the order for reads, too.
func (c *Core) SubmitOrdered(now hlc.Now, command uint16, arg []byte, guess ids.Set) (ids.Sequence, error) {
	return c.submit(now, command, arg, guess, wishes{ordered: true})
}

// SubmitOptimistic is Submit, and asks for an optimistic reply, which comes by
// Early, if it comes. A read has none.
func (c *Core) SubmitOptimistic(now hlc.Now, command uint16, arg []byte, guess ids.Set) (ids.Sequence, error) {
	return c.submit(now, command, arg, guess, wishes{optimistic: true})
}

// wishes are about how a command is to be answered.
type wishes struct{ ordered, optimistic bool }

func (c *Core) submit(now hlc.Now, command uint16, arg []byte, guess ids.Set, w wishes) (ids.Sequence, error) {
	c.now = now
	if c.err != nil {
		return 0, c.err
	}
	if c.Full() {
		return 0, ErrWindowFull
	}
	if command == partition.CommandUpgrade {
		return c.submitUpgrade(arg), nil
	}
	if int(command) >= len(c.cfg.Service.Commands) {
		return 0, fmt.Errorf("%w: no command %d", partition.ErrArgument, command)
	}
	spec := &c.cfg.Service.Commands[command]
	access, err := c.access(command, arg)
	if err != nil {
		return 0, fmt.Errorf("%w: %s: %w", partition.ErrArgument, spec.Name, err)
	}
	if size := len(arg) + requestHead; size > c.cfg.Tuning.MaxBody {
		return 0, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, size, c.cfg.Tuning.MaxBody)
	}
	if spec.ReadOnly && access.Writes() {
		return 0, fmt.Errorf("%w: %s", partition.ErrReadOnly, spec.Name)
	}
	dests := c.cfg.Map.Route(access, guess)
	if spec.ReadOnly && len(dests) == 1 && !w.ordered {
		return c.submitRead(command, arg, dests, w.optimistic), nil
	}
	call := c.order(partition.Request{Command: command, Optimistic: w.optimistic, Arg: arg}, dests, now.Mono+c.cfg.Tuning.Horizon)
	if c.life != 0 {
		c.start(call)
	}
	return call.seq, nil
}

// submitUpgrade makes the command that changes the version of the service: all
// partitions are its destinations.
func (c *Core) submitUpgrade(arg []byte) ids.Sequence {
	var all ids.Set
	for p := range c.cfg.Topology.Replicas {
		all = append(all, ids.Partition(p))
	}
	call := c.order(partition.Request{Command: partition.CommandUpgrade, Arg: arg}, all, c.now.Mono+c.cfg.Tuning.Horizon)
	if c.life != 0 {
		c.start(call)
	}
	return call.seq
}

// access is what a command with that argument will touch, until the next call.
func (c *Core) access(command uint16, arg []byte) (partition.Access, error) {
	spec := &c.cfg.Service.Commands[command]
	if spec.Prepare == nil {
		return spec.Access(arg)
	}
	if c.lent.items == nil {
		c.lent.items = make([]partition.Item, 0, 16)
		c.lent.codes = make([]partition.Code, len(c.cfg.Service.Commands))
	}
	access, code, err := spec.Prepare(arg, partition.Lent{Items: c.lent.items, Code: c.lent.codes[command]})
	c.lent.codes[command] = code
	if n := cap(access.Items); n > cap(c.lent.items) && n <= maxLent {
		c.lent.items = access.Items[:0]
	}
	return access, err
}

// maxLent bounds the items whose memory is used again.
const maxLent = 256

// order makes a command that is to be ordered.
func (c *Core) order(q partition.Request, dests ids.Set, giveUp time.Duration) *call {
	q.MapVersion = c.cfg.Map.Version()
	body := q.Append(make([]byte, 0, len(q.Arg)+requestHead))
	call := c.calls.add()
	call.sent, call.giveUp, call.optimistic = c.now.Wall, giveUp, q.Optimistic
	call.copy = &outgoing{message: ridge.Message{
		Command: ids.Command{Client: c.cfg.ID, Sequence: call.seq},
		Attempt: 1, Dests: dests, Body: body,
	}}
	c.dueAt(call.giveUp)
	return call
}

// requestHead is enough for what comes before a request's argument.
const requestHead = 12

// start stamps a command and multicasts its first copy. It needs the
// service's time, so it waits for the first Welcome.
func (c *Core) start(call *call) {
	call.message().T0 = c.time.stamp(c.now, c.cfg.Tuning.Ahead)
	c.multicast(call)
}

// multicast sends the first copy of an attempt, whose header is fixed now:
// later copies are byte-identical.
func (c *Core) multicast(call *call) {
	m := call.message()
	m.Mark, m.Guard = c.calls.mark, c.guard
	if t := &c.cfg.Tuning; t.Cast && !t.CastAll {
		call.copy.proposal.InitAlone(c.cfg.Topology, m)
	} else {
		call.copy.proposal.Init(c.cfg.Topology, m, t.Cast)
	}
	e := call.copy.proposal.Ensemble()
	call.copies, call.first, call.pause = 0, c.now.Mono, c.firstPause(call)
	call.target = c.routes.live(e, c.routes.coordinator(e))
	c.send(call)
}

// send sends one copy to the call's target and sets the timer of the next. The
// first copy may go straight to the destinations too; later ones need not,
// since who lacks it gets it with its value.
func (c *Core) send(call *call) {
	p := c.target(call)
	if call.copies == 0 {
		if t := &c.cfg.Tuning; t.Cast && !t.CastAll {
			c.copies = call.copy.proposal.SendsTo(c.copies[:0], p, c.heralds(call.message().Dests))
		} else {
			c.copies = call.copy.proposal.Sends(c.copies[:0], c.cfg.Topology, p)
		}
		for _, s := range c.copies {
			c.sends = append(c.sends, Send{To: s.To, Msg: s.Msg})
		}
	} else {
		c.sends = append(c.sends, Send{ids.To(p), call.copy.proposal.Propose()})
	}
	call.copies++
	c.Stats.Sent++
	jitter := time.Duration(c.cfg.Random() % uint64(call.pause/4+1))
	call.resend = c.now.Mono + call.pause + jitter
	c.dueAt(call.resend)
}

// heralds are, of each destination, the replica that is to execute a command
// before its turn, and to tell of it: the supposed coordinator of the partition's
// own ensemble. It knows first what else there is and, for a command of one
// partition, it is the one that the command goes to in any case. Valid until the
// next call.
func (c *Core) heralds(dests ids.Set) []ids.Process {
	c.room = c.room[:0]
	for _, d := range dests {
		e := ids.Ensemble(d)
		c.room = append(c.room, c.routes.acceptor(e, c.routes.live(e, c.routes.coordinator(e))))
	}
	return c.room
}

// target is the process that the call's last copy went to.
func (c *Core) target(call *call) ids.Process {
	return c.routes.acceptor(call.copy.proposal.Ensemble(), call.target)
}

// resendNext sends another copy to the next acceptor that can be reached.
func (c *Core) resendNext(call *call) {
	c.Stats.Resent++
	call.target = c.routes.live(call.copy.proposal.Ensemble(), call.target+1)
	c.send(call)
}

// dueAt has all open calls looked at when t has come, or a little later: one
// look serves all whose time is near, so that however many wait, each is
// looked at a few times in each pause and no more.
func (c *Core) dueAt(t time.Duration) {
	c.due = min(c.due, max(t, c.looked+c.cfg.Tuning.Resend/lookShare))
}

// lookShare is the least time between looks, as a share of Tuning.Resend.
const lookShare = 32

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
