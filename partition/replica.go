package partition

import (
	"fmt"
	"math"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Never is what Wake returns when no Tick is needed.
const Never = time.Duration(math.MaxInt64)

// Replica is one partition's replica: S-SMR's Algorithm 1 without its convoy.
// It is a deterministic state machine: a delivery, message or tick in, sends
// out. It is not safe for concurrent use. After Err is set it does nothing.
//
// The files, along a command's way: table (verdict), admit and fill (what the command
// is), index, line and schedule (when it starts), worker, promise, transaction, scan,
// update, room and pending (its code), outgoing, incoming, signals, exchange, fetch, early
// and pull (what partitions tell each other), cache and audience (what they need not),
// respond (its reply), outbox (what is kept for others), compare and checks (what must
// agree). For reads without a place in the order: read. For execution before
// the order is final: speculate, run, overlay, lay, view, confirm, confirmation. For coming
// back: changes, checkpoint, snapshot, itemcodec, builder, stable. For new versions
// of the service: version, upgrade.
type Replica struct {
	config  Config
	tuning  *Tuning
	service *Service
	// alone: there is one partition, and nothing is paid for partitioning.
	alone bool
	// peers maps the replicas of all partitions to their partition.
	peers map[ids.Process]ids.Partition
	err   error
	// closed: the coroutines are gone.
	closed bool
	// names is the Placement, if it can find owners of names in buffers.
	names   nameOwners
	fetched byte            // see fetchWrites
	owners  []ids.Partition // of names, on their way
	doubt   doubt
	now     hlc.Now
	sends   []Send

	// last is the last delivered position, present its coordinator's clock.
	last    ids.Position
	present hlc.Timestamp
	// delivered counts deliveries since genesis, and outcomes is a fold of how
	// commands ended: alike at all replicas of the partition.
	delivered uint64
	outcomes  uint64

	table *table
	state *state

	// queue holds the unfinished commands. Invariant: empty when nothing is
	// unfinished, and then the index is empty too.
	queue      line[*command]
	queueBytes int
	index      *index
	dests      ids.Set    // of the last command in the queue
	runnable   []*command // may start; in order of becoming so
	scratch    command    // the one that runs to its end within Deliver
	spare      spare
	replies    []Reply // made and not yet given away

	workers []*worker // all; so that Close stops every one
	idle    []*worker

	flushing   []*outgoing // with something new to send
	signalling signalling
	// heldBytes are those of values received for unfinished commands.
	heldBytes int
	early     early
	audience  audience
	cache     cache
	pulls     pulls
	outbox    outbox

	// taken is the last snapshot, ledger what it leaves to the next.
	sums   sums
	taken  *Snapshot
	ledger *ledger
	marks  []mark // oldest first
	stable mark   // told to others
	gone   bool   // some Pull was answered so

	// speculator, if not nil, executes commands before their turn.
	speculator Speculator
	ending     Ending // told to it

	inForce   uint32 // the version of the service, behind the last delivery
	reads     reads
	counters  Counters
	lastPanic string

	// number is this replica's among those of its partition, most is the greatest
	// number of replicas of a partition. hearers are the numbers of replicas of others
	// that it speaks to.
	number  uint64
	most    int
	hearers []int
	// near is the replica of this partition that last learned of the order first, of
	// a command of this partition alone, at nearAt; zero if that is not known.
	near   ids.Process
	nearAt hlc.Timestamp
}

// New makes a replica with empty state. The Config must be valid.
func New(c Config) *Replica {
	r := &Replica{
		config: c, service: c.Service,
		alone: len(c.Replicas) == 1, inForce: c.Service.first(),
		peers: make(map[ids.Process]ids.Partition),
		state: newState(len(c.Service.Collections)),
		spare: spare{codes: make([][]Code, len(c.Service.Commands)), version: c.Service.first()},
	}
	r.tuning = &r.config.Tuning
	r.names, _ = c.Placement.(nameOwners)
	r.audience, r.cache = newAudience(r.tuning, len(c.Replicas)), newCache(r.tuning, len(c.Replicas))
	r.state.audience, r.state.over.relay = &r.audience, r.relay
	r.state.changes = changes{on: c.Durable, epoch: 1}
	r.ledger = newLedger()
	r.sums = newSums(&r.config)
	for p, replicas := range c.Replicas {
		r.most = max(r.most, len(replicas))
		for i, id := range replicas {
			r.peers[id] = ids.Partition(p)
			if id == c.Self {
				r.number = uint64(i)
			}
		}
	}
	r.table = newTable(r.tuning, len(c.Replicas), &r.state.changes)
	r.signalling.to = make([][]Tag, len(c.Replicas))
	r.queue.dropped = func(c *command) { r.spare.left = append(r.spare.left, c) }
	r.index = r.state.index
	r.early = newEarly()
	r.outbox = newOutbox(c.Replicas)
	return r
}

// Ready says whether there is room for one more delivery; if not, the caller
// stops pulling deliveries until it is (back-pressure). Messages must still
// be stepped: they are what makes room.
func (r *Replica) Ready() bool {
	return !r.down() &&
		r.queue.live < r.tuning.MaxUnfinished && r.queueBytes < r.tuning.MaxUnfinishedBytes &&
		r.outbox.line.live < r.tuning.MaxOutbox && r.outbox.bytes < r.tuning.MaxOutboxBytes
}

// Crowded says whether the exactly-once table has reached MaxRemembered. Whoever
// coordinates then takes no more commands; those that are ordered must be delivered.
func (r *Replica) Crowded() bool { return r.table.crowded() }

// Lapsed says whether a command ordered at the present has the table forget something.
func (r *Replica) Lapsed(present hlc.Timestamp) bool { return r.table.lapsed(present) }

// Remembers says whether the table remembers a command, or at least its client.
func (r *Replica) Remembers(c ids.Command) (client, command bool) {
	rec := r.table.record(c.Client)
	if rec == nil {
		return false, false
	}
	_, command = rec.find(c.Sequence)
	return true, command || c.Sequence < rec.mark
}

// Deliver takes the next command of the merged order.
func (r *Replica) Deliver(now hlc.Now, d Delivery) {
	if r.down() {
		return
	}
	r.now = now
	if !r.last.Less(d.Position) {
		r.stop("delivery of %v at %v after %v", d.Command, d.Position, r.last)
		return
	}
	r.last = d.Position
	r.present = d.Proposed
	r.counters.Delivered++
	r.delivered++
	r.sums.due = r.sums.heard != nil && r.delivered%r.sums.every == 0
	if !d.Dests.Has(r.config.Partition) {
		r.counters.Invalid++
		return
	}
	d.Nearest = r.beside(&d)
	r.admit(&d)
	r.endStep()
}

// Step takes a message from another replica. It may be anything.
func (r *Replica) Step(now hlc.Now, from ids.Process, m wire.Message) {
	if r.down() {
		return
	}
	r.now = now
	q, known := r.peers[from]
	if sum, ok := m.(*StateSum); ok && known && q == r.config.Partition && from != r.config.Self {
		r.onStateSum(from, sum)
		return
	}
	if !known || q == r.config.Partition {
		r.counters.Invalid++
		return
	}
	switch m := m.(type) {
	case *Exchange:
		r.onExchange(from, q, m)
	case *Signals:
		for i := range m.Tags {
			r.onSignal(from, q, &m.Tags[i])
			r.drain() // as if each had come by itself: none may end that is to be resumed
		}
	case *Pull:
		r.onPull(from, m)
	case *Answer:
		r.onAnswer(q, from, m)
	case *Progress:
		r.onProgress(q, from, m)
	case *Check:
		r.onCheck(q, m)
	default:
		r.counters.Invalid++
	}
	r.endStep()
}

// endStep ends a step: whatever may start does, then what is to be said goes.
func (r *Replica) endStep() {
	if len(r.runnable) > 0 {
		r.drain()
	}
	if len(r.flushing) > 0 {
		r.flush()
	}
	if r.sums.due {
		r.sumUp()
	}
}

// Tick does what is due.
func (r *Replica) Tick(now hlc.Now) {
	if r.down() {
		return
	}
	r.now = now
	r.pullDue()
	r.progressDue()
	r.endStep()
}

// Wake is the Mono time of the next needed Tick, or Never.
func (r *Replica) Wake() time.Duration {
	if r.down() {
		return Never
	}
	return min(r.pullWake(), r.outbox.wake())
}

// Sends drains the messages to send. The slice is valid until the next call
// into the replica.
func (r *Replica) Sends() []Send {
	r.tellSignals()
	s := r.sends
	r.sends = r.sends[:0]
	r.doubt = doubt{}
	return s
}

func (r *Replica) down() bool { return r.err != nil || r.closed }

// Err says why the replica must stop, or nil.
func (r *Replica) Err() error { return r.err }

// stop makes the replica stop; the first reason counts.
func (r *Replica) stop(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("partition %d, process %d: %w: %s",
			r.config.Partition, r.config.Self, ErrStopped, fmt.Sprintf(format, args...))
	}
}

func (r *Replica) send(p ids.Process, m wire.Message) {
	r.sends = append(r.sends, Send{ids.To(p), m})
}

// sendTo sends to all replicas of a partition.
func (r *Replica) sendTo(q ids.Partition, m wire.Message) {
	for _, p := range r.config.Replicas[q] {
		r.send(p, m)
	}
}

// sendToOthers sends to all replicas of a command's other destinations.
func (r *Replica) sendToOthers(dests ids.Set, m wire.Message) {
	for _, q := range dests {
		if q != r.config.Partition {
			r.sendTo(q, m)
		}
	}
}

func (r *Replica) version() uint64 {
	if r.config.Placement == nil {
		return 0
	}
	return r.config.Placement.Version()
}
