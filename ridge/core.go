package ridge

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Core is Ridge at one process: its roles in all its ensembles, the failure
// detector and the merge. It is a state machine without IO and not safe for
// concurrent use. After any number of inputs its driver calls Sends and sends
// what that returns, pulls deliveries with Next as far as it wants, and calls
// Tick at Wake. What came together is answered, and batched, together: the more
// inputs between two Sends, the less each costs.
//
// What a process says to itself never passes through Sends: it is a direct
// call within the same input.
type Core struct {
	cfg       Config
	partition ids.Partition
	// ensembles that this process subscribes to, in order of id.
	ensembles []*ensemble
	// home is the ensemble of this process's own partition.
	home *ensemble

	// foreign are the highest rounds heard of in ensembles not subscribed to.
	foreign map[ids.Ensemble]Round

	detector
	asking  asking
	opt     optimist
	carved  []Message    // where Next puts messages that are read from bytes
	merged  ids.Position // of the last delivery pulled, or skipped by Jump
	skip    ids.Position // by Jump: entries up to it are delivered
	journal journal
	former  former
	noRoom  bool // on the disk
	// fullPeers are the peers that have said the same of theirs.
	fullPeers int
	// burden is that of who executes here; burdened: so many peers have one.
	burden   Burden
	burdened int
	counters Counters
	// values made here so far: the counter of the next value's id.
	values uint64
	// now is the last input's time; unsettled: there was one since Sends.
	now       hlc.Now
	unsettled bool
	started   bool
	// turn rotates among equal choices of whom to send to.
	turn int
	// togetherUntil: messages to several partitions are about until then.
	togetherUntil time.Duration
	err           error

	out, spare []Send
}

// New makes a core. Its Topology and Tuning must have passed their Validate,
// and Self must be a replica.
func New(cfg Config) *Core {
	c := &Core{cfg: cfg, foreign: make(map[ids.Ensemble]Round), asking: asking{at: never}}
	c.partition, _ = cfg.Topology.partitionOf(cfg.Self)
	c.detector.init(&c.cfg, c.partition)
	c.opt.init(&c.cfg.Tuning)
	for i := range cfg.Topology.Ensembles {
		spec := &cfg.Topology.Ensembles[i]
		if !spec.Partitions.Has(c.partition) {
			continue
		}
		e := newEnsemble(c, spec)
		c.ensembles = append(c.ensembles, e)
		if spec.ID == ids.Ensemble(c.partition) {
			c.home = e
		}
	}
	if cfg.Durable {
		// Neither have a former life's values these counters, nor its questions
		// these numbers: their answers may still come.
		c.values, c.asking.number = cfg.Life, cfg.Life>>1
		c.recover(cfg.Recovered)
		c.cfg.Recovered = nil
	}
	return c
}

// Step is StepFrom with an incarnation that is known to count.
func (c *Core) Step(now hlc.Now, from ids.Addr, m wire.Message) { c.StepFrom(now, from, 0, m) }

// StepFrom takes in a message from an incarnation of a process or, for Propose and
// Cast, from a client. What does not fit, wherever it comes from, is counted and
// dropped.
func (c *Core) StepFrom(now hlc.Now, from ids.Addr, inc ids.Incarnation, m wire.Message) {
	if c.err != nil {
		return
	}
	if !c.counts(from.Process, inc) {
		c.counters.Dropped++
		return
	}
	c.begin(now)
	c.heard(from.Process)
	switch m := m.(type) {
	case *Propose:
		c.onPropose(from, m)
	case *Cast:
		c.onCast(m)
	default:
		c.dispatch(from.Process, inc, m)
	}
}

func (c *Core) dispatch(from ids.Process, inc ids.Incarnation, m wire.Message) {
	if h, ok := m.(*heartbeat); ok {
		c.onHeartbeat(from, inc, h)
		return
	}
	e := c.ensemble(addressee(m))
	_, asks := m.(*advance)
	if e == nil || from == c.cfg.Self || e.member(from) == nil && !asks || !e.hears(from, inc) {
		c.counters.Dropped++ // of an ensemble that the two do not share, or share no more
		return
	}
	switch m := m.(type) {
	case *prepare:
		e.onPrepare(c.now, from, m)
	case *promise:
		e.onPromise(c.now, from, m)
	case *accept:
		e.onAccept(c.now, from, m)
	case *voted:
		e.onVoted(from, m)
	case *refuse:
		e.onRefuse(c.now, e.acceptor(from), m)
	case *decision:
		e.onDecision(from, m)
	case *valueMessage:
		e.onValue(from, m)
	case *fetch:
		e.onFetch(c.now, from, m)
	case *learn:
		e.onLearn(c.now, from, m)
	case *lack:
		e.onAsk(from, m)
	case *supply:
		e.onSupply(from, m)
	case *advance:
		e.onAdvance(c.now, from, m)
	case *question:
		e.onQuestion(from, m)
	case *position:
		e.onPosition(c.now, from, m)
	case *confirm:
		e.onConfirm(c.now, from, m)
	case *confirmed:
		e.onConfirmed(from, m)
	case *tardy:
		e.onTardy(from, m)
	case *roll:
		e.onRoll(m)
	}
}

// addressee is the ensemble that a message is about. Messages of other
// packages are about none.
func addressee(m wire.Message) (ids.Ensemble, bool) {
	switch m := m.(type) {
	case *prepare:
		return m.Ensemble, true
	case *promise:
		return m.Ensemble, true
	case *accept:
		return m.Ensemble, true
	case *voted:
		return m.Ensemble, true
	case *refuse:
		return m.Ensemble, true
	case *decision:
		return m.Ensemble, true
	case *valueMessage:
		return m.Ensemble, true
	case *fetch:
		return m.Ensemble, true
	case *learn:
		return m.Ensemble, true
	case *lack:
		return m.Ensemble, true
	case *supply:
		return m.Ensemble, true
	case *advance:
		return m.Ensemble, true
	case *question:
		return m.Ensemble, true
	case *position:
		return m.Ensemble, true
	case *confirm:
		return m.Ensemble, true
	case *confirmed:
		return m.Ensemble, true
	case *tardy:
		return m.Ensemble, true
	case *roll:
		return m.Members.Ensemble, true
	}
	return 0, false
}

// ensemble finds one that this process subscribes to, or nil.
func (c *Core) ensemble(id ids.Ensemble, ok bool) *ensemble {
	if ok {
		for _, e := range c.ensembles {
			if e.id == id {
				return e
			}
		}
	}
	return nil
}

// orders is the ensemble that orders messages to dests, or nil if this process does
// not subscribe to it.
func (c *Core) orders(dests ids.Set) *ensemble {
	return c.ensemble(c.cfg.Topology.EnsembleFor(dests), true)
}

// Tick does what is due.
func (c *Core) Tick(now hlc.Now) {
	if c.err != nil {
		return
	}
	c.begin(now)
}

// begin opens an input.
func (c *Core) begin(now hlc.Now) {
	c.unsettled = true
	now = c.former.onward(now)
	if c.started {
		c.detector.slept(now.Mono - c.now.Mono)
	} else {
		c.started = true
		now = c.former.begin(now, max(c.merged.T, c.former.top).Add(-c.cfg.Tuning.MaxAhead))
		for _, e := range c.ensembles {
			e.place()
			e.consume() // what the journal knows to be decided
		}
		c.opt.begin(now)
		c.detector.start(now)
	}
	c.now = now
}

// settle ends inputs: everything they made possible is done.
func (c *Core) settle() {
	c.unsettled = false
	for _, e := range c.ensembles {
		e.settle(c.now)
	}
	c.askAdvances()
	if c.beatNow || c.now.Mono >= c.nextBeat() {
		for _, e := range c.ensembles {
			e.tick(c.now)
		}
		c.opt.again(c)
		c.beat()
	}
}

// Wake is the Mono time at which Tick is needed next.
func (c *Core) Wake() time.Duration {
	if c.err != nil {
		return never
	}
	if c.beatNow || !c.started {
		return c.now.Mono
	}
	at := min(c.nextBeat(), c.asking.at)
	for _, e := range c.ensembles {
		at = min(at, e.wake())
	}
	if due := c.opt.due(&c.cfg.Tuning); due > c.now.Mono { // else it is for the driver to pull
		at = min(at, due)
	}
	return at
}

// Sends does what the inputs since the last call made possible, and drains the
// messages to send. The slice is valid until the next call of Sends.
func (c *Core) Sends() []Send {
	if c.unsettled && c.err == nil {
		c.settle()
	}
	if c.err == nil {
		c.askPositions()
		for _, e := range c.ensembles {
			e.answerQuestions(c.now)
		}
	}
	out := c.out
	clear(c.spare)
	c.out, c.spare = c.spare[:0], out
	return out
}

// send queues a message for another process.
func (c *Core) send(to ids.Process, m wire.Message) {
	c.out = append(c.out, Send{To: ids.To(to), Msg: m})
}

// fail stops the core, with a reason.
func (c *Core) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// Err, when not nil, explains why this process must stop: it wraps ErrBroken or
// ErrRecord. The core then does nothing any more.
func (c *Core) Err() error { return c.err }

// Time is the time of this partition's ensemble, as far as this process
// knows: what a client may take as the present. It needs the present clocks,
// since the core may not have been stepped for long, or never.
func (c *Core) Time(now hlc.Now) hlc.Timestamp { return c.home.present(c.former.onward(now)) }

// patience is how long something may be missing before it is asked for: 50 ms
// with the usual failure timeout.
func (c *Core) patience() time.Duration { return c.timeout / 10 }
