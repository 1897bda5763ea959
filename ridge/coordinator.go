package ridge

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

type phase uint8

const (
	idle      phase = iota // not coordinating
	preparing              // Phase 1 under way
	leading                // Phase 1 done: Phase 2 instance by instance
)

// leader is the coordinator's part of an ensemble.
type leader struct {
	phase phase
	// round is the last round started here (c-rnd), chain its chain.
	round Round
	chain []ids.Process

	prep preparation
	// plan are the values that Phase 1 obliges this round to propose, in
	// order of instance, before anything new.
	plan []planned
	// next is the instance of the next new value. Invariant: above every
	// instance voted for or trimmed at Phase 1's quorum [R4].
	next ids.Instance
	// first is where next began: nothing above it was decided in a lower round.
	first ids.Instance
	// change is one that was asked for.
	change *Change
	// open are the instances proposed and not known to be decided.
	open []openInstance
	// last is the ensemble's last timestamp if all that is open is decided.
	last hlc.Timestamp
	// foreseen is the timestamp that was chosen last for a message that waits.
	foreseen hlc.Timestamp
	// newest is the highest place of what was proposed or opt-delivered here: nothing
	// that comes later is before it in either order.
	newest hlc.Timestamp
	// arrived is the highest place of what has come to be proposed.
	arrived hlc.Timestamp
	// top is the timestamp of the last entry proposed, at proposed; here is
	// that of the last one addressed to this process.
	top      hlc.Timestamp
	here     hlc.Timestamp
	proposed time.Duration
	// gap is the smoothed time between proposals of entries.
	gap time.Duration

	queue queue
	nulls nulls

	confirming confirming

	// promptUntil: no learner is to wait for what is lazy until then.
	promptUntil time.Duration

	// ripeAt is when what waits has waited for the order of timestamps, or long
	// enough for others.
	ripeAt time.Duration
	// crowd is how many messages the instance had that was decided last, at emptied.
	crowd   int
	emptied time.Duration
	// repeatAt is when the first open instance may need a repetition.
	repeatAt time.Duration
	// latency is the smoothed time from proposing to knowing the decision.
	latency time.Duration

	// rotation turns the order in which acceptors enter chains. shunned[a]:
	// acceptor a refused timestamps and stays out of chains until then [R8].
	rotation int
	shunned  [MaxAcceptors]time.Duration
	// reform asks for a new round with another chain, not before reformAt;
	// reforms counts those since something was decided.
	reform   bool
	reformAt time.Duration
	reforms  int
	// yieldAt: not before it does this process give the office away for want of room.
	yieldAt time.Duration
	// letAt is when a message to who has something to forget may be let through again.
	letAt time.Duration
	// cutOff: the office was given up for want of connections, which may be back.
	cutOff bool
}

// planned is a value for an instance, from Phase 1.
type planned struct {
	instance ids.Instance
	value    *Value
}

// openInstance is one proposed and not known to be decided.
type openInstance struct {
	instance ids.Instance
	value    *Value
	obliged  bool
	first    time.Duration // when it was first proposed
	sent     time.Duration // when it was last sent
	repeats  int
}

func (l *leader) init() {
	l.prep.at, l.repeatAt, l.nulls, l.ripeAt = never, never, noNulls, never
	l.queue.init()
	l.confirming.reset()
}

// wake is when the coordinator has something due.
func (l *leader) wake() time.Duration {
	switch l.phase {
	case preparing:
		return l.prep.at
	case leading:
		return min(l.repeatAt, l.nulls.warmAt, l.nulls.laterAt, l.confirming.at, l.ripeAt)
	}
	return never
}

// start begins a new round: a takeover, or another chain.
func (e *ensemble) start(now hlc.Now) {
	l := &e.lead
	e.c.counters.Rounds++
	l.round = Round{
		Counter:     max(e.known.Counter, l.round.Counter, e.version()<<versionBits) + 1,
		Coordinator: e.c.cfg.Self,
		Life:        e.c.cfg.Life,
	}
	order, _ := e.preference(now)
	l.chain = order[:e.quorum]
	l.phase = preparing
	l.cutOff = false
	l.reform = false
	for i := range l.open {
		l.queue.forget(l.open[i].value)
	}
	l.open, l.plan, l.change = nil, nil, nil
	l.repeatAt, l.nulls.warmAt, l.nulls.laterAt = never, never, never
	l.confirming.reset()
	for _, p := range e.spec.Acceptors {
		e.tellMembers(p)
	}
	e.promise(now, l.round)
	e.save()
	e.prepareAll(now)
}

// stepDown stops coordinating. Messages still waiting go to the coordinator of
// the higher round; what was proposed may or may not be decided, and its
// proposers ask again.
func (e *ensemble) stepDown() {
	l := &e.lead
	l.phase = idle
	l.open, l.plan, l.change = nil, nil, nil
	l.prep = preparation{at: never}
	l.repeatAt, l.nulls = never, noNulls
	l.reform, l.reforms = false, 0
	l.confirming.reset()
	to := e.coordinator()
	for _, b := range l.queue.batches {
		ms := b.messages()
		for i := range ms {
			ms[i].T0 = e.ownT0()
			l.queue.put(sealed{message: &ms[i]})
		}
	}
	for l.queue.single() > 0 {
		if s := l.queue.pop(); to != e.c.cfg.Self {
			e.c.send(to, &Propose{Ensemble: e.id, Hops: 1, Cast: s.cast, Message: s.message, raw: s.raw, digest: s.digest})
		}
	}
	l.queue.init()
}

// supervise looks after a round: repeats what stays open, and starts a new
// round when the chain does not serve.
func (e *ensemble) supervise(now hlc.Now) {
	if now.Mono >= e.takeoverAt {
		e.elect(now)
	}
	l := &e.lead
	if l.phase == idle {
		return
	}
	if l.round.Version() != e.version() && e.acts() {
		e.start(now) // the members have changed: their rounds are others
	}
	if !e.connected() || !e.acts() || e.yields(now) {
		// Those that still hear this process would not complain of it.
		l.cutOff = !e.connected()
		e.stepDown()
		return
	}
	if l.phase == preparing && now.Mono >= l.prep.at {
		e.prepareAgain(now)
	}
	if l.phase == leading && now.Mono >= l.repeatAt {
		e.repeatDue(now)
	}
	if (l.reform || e.chainSuspected()) && now.Mono >= l.reformAt {
		e.reformChain(now)
	}
}

// chainSuspected says whether the round's chain has a suspected member.
func (e *ensemble) chainSuspected() bool {
	for _, p := range e.lead.chain {
		if e.c.Suspected(p) {
			return true
		}
	}
	return false
}

// reformChain starts a round with another chain, if there are acceptors for
// one. Attempts that bring no decision come ever more rarely. A coordinator
// that finds no chain because its timestamps are refused steps down [R8], and
// so does one that has tried all chains in vain: links between other acceptors
// are cut, of which it does not know, and one of those may know a chain.
func (e *ensemble) reformChain(now hlc.Now) {
	l := &e.lead
	_, usable := e.preference(now)
	l.reformAt = now.Mono + backoff(e.c.timeout, l.reforms+1, 8*e.c.timeout)
	if l.reform && l.reforms >= max(usable, e.quorum) {
		e.stepDown()
		return
	}
	if usable < e.quorum {
		if l.reform && !e.chainSuspected() {
			l.shunned = [MaxAcceptors]time.Duration{}
			e.stepDown()
		}
		l.reform = false
		return
	}
	l.reforms++
	e.start(now)
}

// onRefuse takes an acceptor's reason for not voting. What it changes beyond
// this coordinator's lists happens in supervise: refusals of this process's
// own acceptor come from within a proposal.
func (e *ensemble) onRefuse(now hlc.Now, a int, m *refuse) {
	l := &e.lead
	if a < 0 || l.phase == idle || m.Round != l.round {
		return
	}
	switch m.Reason {
	case refusedRound:
		e.note(now, m.Promised)
	case refusedTrimmed:
		e.closeTrimmed(m.Trim)
	case refusedAhead:
		l.shunned[a] = now.Mono + 20*e.c.timeout
		l.reform = true
	}
}
