package optimistic

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/partition"
)

// Machine executes commands in the order of their optimistic delivery, and hands
// their runs to the conservative replica, which takes one for the execution only
// after it has compared all that it took from outside (partition.Run). So
// nothing here matters for what the replica answers and becomes: only how often
// runs are right, and when optimistic replies leave.
//
// It is a deterministic state machine without IO, and is not safe for concurrent
// use. Everything goes to the replica through it.
type Machine struct {
	r   *partition.Replica
	cfg Config
	now hlc.Now

	table table
	// pending are the entries whose turn has not come, open those that have not
	// ended: neither their run, so that its writes are in the overlay, nor they.
	pending list
	open    index
	order   uint64
	bytes   int
	free    []*entry

	// To be done when the replica is not under way: runs that may start or go on,
	// runs to be given up, and a look at all, since what they took may have
	// changed.
	ready   []*entry
	leaving []*entry
	stale   bool

	// While paused, commands are not run: until the order reaches until.
	paused bool
	until  hlc.Timestamp

	early   early
	heralds heralds
	speech  speech
	// runs: the last command came before its turn. Where none does, what is said of
	// those to come is of no use.
	runs bool
	// last are the highest final timestamps, as delivered or predicted, of
	// commands of one destination and of several: each has an ensemble.
	last     [2]hlc.Timestamp
	merged   hlc.Timestamp
	counters Counters
}

// New makes the machine of a replica that has not delivered anything since it
// was made.
func New(r *partition.Replica, cfg Config) *Machine {
	cfg.Tuning.defaults()
	m := &Machine{r: r, cfg: cfg}
	m.table.buckets = make([]*entry, cfg.Tuning.MaxRuns)
	m.runs = true
	m.pending.at = func(e *entry) *links { return &e.list }
	m.open.init(r)
	m.early.init()
	r.Speculation(m)
	return m
}

// DeliverOptimistic takes the next command of the optimistic order, before its
// Deliver. forced: that follows at once.
func (m *Machine) DeliverOptimistic(now hlc.Now, d partition.OptDelivery, forced bool) {
	m.now = now
	m.counters.Delivered++
	m.runs = !forced
	if forced || m.full(d.T0) || m.table.find(d.Command, d.Attempt) != nil {
		m.counters.Unrun++
		return
	}
	m.settle()
	m.order++
	if d.Now == 0 {
		d.Now = m.predict(&d)
	}
	run := m.r.Speculate(now, d, m.order)
	if run == nil {
		m.counters.Unrun++
		return
	}
	e := m.newEntry()
	run.Mate = e
	e.command, e.attempt, e.run, e.order, e.delivered = d.Command, d.Attempt, run, m.order, now.Wall
	e.leads = d.Leads
	e.expires = run.Expires()
	m.table.add(e)
	m.pending.insert(e)
	m.weigh(e)
	m.claim(e)
	if m.start(e); e.behind != nil {
		m.counters.Queued++
	}
}

// predict is the final timestamp that a command will probably have: a coordinator
// gives each one of its own, and raises those that are not above the last.
func (m *Machine) predict(d *partition.OptDelivery) hlc.Timestamp {
	last := &m.last[class(d.Dests)]
	*last = max(d.T0, *last+1)
	return *last
}

// correct has predictions follow what was delivered, once nothing is under way
// that was predicted by the old ones, or that has come out lower.
func (m *Machine) correct(d *partition.Delivery) {
	last := &m.last[class(d.Dests)]
	e := m.pending.head
	if e != nil && (e.command != d.Command || e.attempt != d.Attempt) {
		e = m.table.find(d.Command, d.Attempt)
	}
	if *last < d.Position.T || m.pending.head == nil || e != nil && e.run.Now() > d.Position.T {
		*last = d.Position.T
	}
}

func class(dests ids.Set) int { return min(len(dests), 2) >> 1 }

// maxPause bounds a pause in merged time: a client's clock may be far ahead.
const maxPause = 10 * time.Second

// full says whether no run is to begin. What is not run makes what is run behind
// it wrong: so when there is no more room all are given up, and there is a pause
// until the order has caught up.
func (m *Machine) full(t0 hlc.Timestamp) bool {
	t := &m.cfg.Tuning
	if m.paused {
		m.paused = m.merged < m.until || m.table.count >= t.MaxRuns
	} else if m.table.count >= t.MaxRuns || m.bytes > t.MaxRunBytes {
		m.paused, m.until = true, min(t0, m.merged.Add(maxPause))
		m.counters.Pauses++
		for e := m.pending.head; e != nil; e = e.list.next {
			m.leave(e)
		}
		m.settle()
	}
	return m.paused
}

// Deliver takes the next command of the merged order.
func (m *Machine) Deliver(now hlc.Now, d partition.Delivery) {
	m.now = now
	m.correct(&d)
	m.merged = d.Position.T
	m.speakBefore(&d)
	m.r.Deliver(now, d)
	m.expire(m.merged)
}

// expire has runs given up whose commands will not be accepted any more: all
// copies are late [N4]. Where nothing is ordered any more the clock tells, which
// may be wrong, and costs runs then.
func (m *Machine) expire(at hlc.Timestamp) {
	for e := m.pending.head; e != nil && e.expires < at; e = e.list.next {
		m.leave(e)
	}
}

// Step takes a message from another replica.
func (m *Machine) Step(now hlc.Now, from ids.Process, msg wire.Message) {
	m.now = now
	x, ok := msg.(*Exchange)
	if !ok {
		m.r.Step(now, from, msg)
		return
	}
	q, ok := m.r.Peer(from)
	if !ok {
		m.counters.Invalid++
		return
	}
	m.heralds.spoke(q, from)
	m.hear(q, &x.Exchange)
}

// Tick does what is due.
func (m *Machine) Tick(now hlc.Now) {
	m.now = now
	m.r.Tick(now)
	m.expire(now.Wall)
}

// Wake is the Mono time of the next needed Tick.
func (m *Machine) Wake() time.Duration { return min(m.r.Wake(), m.speech.wake()) }

// Sends drains the messages to send. The slice is valid until the next call.
func (m *Machine) Sends() []partition.Send {
	m.settle()
	m.speak()
	return m.r.Sends()
}

// Ready, Err and Close are the replica's.
func (m *Machine) Ready() bool { return m.r.Ready() }

// Err says why the machine must stop, or nil.
func (m *Machine) Err() error { return m.r.Err() }

// Close ends all runs. The machine must not be used afterwards.
func (m *Machine) Close() { m.r.Close() }

// settle does what the replica's calls have left to do.
func (m *Machine) settle() {
	for i := 0; i < len(m.leaving); i++ {
		m.giveUp(m.leaving[i])
	}
	clear(m.leaving)
	m.leaving = m.leaving[:0]
	if m.stale {
		m.stale = false
		m.repair()
	}
	for i := 0; i < len(m.ready); i++ { // may append
		e := m.ready[i]
		if e.run == nil || !e.isOpen || e.turned || e.behind != nil {
			continue
		}
		if e.run.Started() {
			m.execute(e)
		} else {
			m.start(e)
		}
	}
	clear(m.ready)
	m.ready = m.ready[:0]
}
