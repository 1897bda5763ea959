package client

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/session"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

const (
	helloPause = 100 * time.Millisecond
	never      = time.Duration(1<<63 - 1)
)

// Step takes one message from a process.
func (c *Core) Step(now hlc.Now, from ids.Process, m wire.Message) {
	c.now = now
	switch m := m.(type) {
	case *session.Welcome:
		c.stepWelcome(m)
	case *partition.Reply:
		c.stepReply(m)
	case *partition.Confirmation:
		c.stepConfirmation(m)
	case *optimistic.Reply:
		c.stepOptimistic(m)
	case *partition.ReadReply:
		c.stepReadReply(from, m)
	case *ridge.Advice:
		c.stepAdvice(m)
	case *session.Status:
		if len(c.status) < 64 {
			c.status = append(c.status, *m)
		}
	}
}

func (c *Core) stepWelcome(m *session.Welcome) {
	switch {
	case m.Life == 0 || c.err != nil:
	case c.life == 0:
		c.life = m.Life
		c.time.anchor(c.now, m.Time)
		c.routes.learnAll(m.Coordinators)
		c.each(c.start)
		c.eachRead(c.sendRead)
	case c.life != m.Life:
		c.end(ErrOtherLife)
	default:
		c.found(m.Coordinators)
	}
}

// stepReply takes a replica's answer. Only the current attempt's counts: an
// older one's can only be the retry that led to the current one.
func (c *Core) stepReply(m *partition.Reply) {
	if m.Command.Client != c.cfg.ID {
		return
	}
	call := c.calls.get(m.Command.Sequence)
	if call == nil || m.Attempt != call.message().Attempt || call.copies == 0 {
		return
	}
	if m.Stages.Proposed > 0 {
		c.time.correct(c.now, m.Stages.Proposed, call.first)
	}
	switch m.Outcome {
	case partition.OutcomeRetry:
		if m.MapVersion != c.cfg.Map.Version() {
			// Judged by a map that this client does not hold, every attempt
			// would end so. A retry had no effect, and no attempt follows.
			c.finish(call, Result{Err: ErrOldMap})
			return
		}
		c.retry(call, m.Needed)
	case partition.OutcomeLate, partition.OutcomeRefused:
		// Not final: another copy may have been, or yet be, accepted.
		c.Stats.Refused++
	default:
		c.finish(call, Result{Reply: m})
	}
}

// retry multicasts a new attempt to the union of all partitions known to be
// needed; after two retries, to all. Invariant: an attempt's destinations
// contain all earlier attempts' [X3].
func (c *Core) retry(call *call, needed ids.Set) {
	c.Stats.Retried++
	old := call.message()
	next := &outgoing{message: *old}
	m := &next.message
	m.Attempt++
	all := ids.Range(len(c.cfg.Topology.Replicas))
	m.Dests = old.Dests.Union(needed)
	call.retries++
	if call.retries > 2 || !all.Covers(m.Dests) || m.Dests.Equal(old.Dests) {
		m.Dests = all
	}
	call.copy = next
	c.multicast(call)
}

// stepAdvice takes a coordinator's advice: where to go, or when to come again.
// It ends a command only for lack of room, which may last, and only if nothing that
// was sent of it may be ordered any more.
func (c *Core) stepAdvice(m *ridge.Advice) {
	news := m.Coordinator != 0 && c.routes.learn(m.Ensemble, m.Coordinator)
	if m.Command.Client != c.cfg.ID {
		return
	}
	call := c.calls.get(m.Command.Sequence)
	if call == nil || m.Attempt != call.message().Attempt || call.copies == 0 {
		return
	}
	switch m.Reason {
	case ridge.Redirect:
		if news && m.Ensemble == call.copy.proposal.Ensemble() {
			c.Stats.Redirected++
			call.target = c.routes.live(m.Ensemble, c.routes.coordinator(m.Ensemble))
			c.send(call)
		}
	case ridge.Late, ridge.Early:
		c.Stats.Refused++
		c.time.correct(c.now, m.Time, call.first)
	case ridge.NoRoom, ridge.Overloaded:
		c.Stats.Refused++
		c.stepRefusal(call, m)
	default:
		c.Stats.Refused++
		c.comeAgain(call)
	}
}

// stepRefusal counts a message that came to nothing, unless somebody has kept it.
// When all have, the command was not executed and will not be, unless it is sent
// again. Invariant: each message sent of an attempt is refused in this way once at
// most, and not at all if anybody holds or has queued it.
func (c *Core) stepRefusal(call *call, m *ridge.Advice) {
	if !m.Kept && call.loose > 0 {
		call.loose--
	}
	if m.Reason == ridge.NoRoom {
		call.noRoom, c.plain = true, true
		if call.loose == 0 {
			c.giveUp(call, ErrNoRoom)
			return
		}
	}
	c.comeAgain(call)
}

// comeAgain has a call that was refused sent again after a pause.
func (c *Core) comeAgain(call *call) {
	c.backOff(call)
	call.resend = c.now.Mono + call.pause/2 + time.Duration(c.cfg.Random()%uint64(call.pause))
	c.dueAt(call.resend)
}

func (c *Core) backOff(call *call) {
	call.pause = min(call.pause*3/2, c.cfg.Tuning.MaxPause)
}

// finish ends a command that has its answer.
func (c *Core) finish(call *call, r Result) {
	r.Sent, r.Replied, r.Took, r.Dests = call.sent, c.now.Wall, c.took(call.giveUp), call.message().Dests
	if call.early != nil {
		c.compare(call, &r)
	}
	r.Sequence = call.handle()
	c.plain = c.plain && r.Err != nil
	if r.Err == nil && (call.copies == 1 || call.copies > 1 && executed(r.Reply)) {
		c.pace(call).took(c.now.Mono - call.first)
	}
	if r.Err == nil && call.copies > 1 {
		// The last copy's way led to an answer; the first one's may be dead.
		c.routes.prefer(call.copy.proposal.Ensemble(), call.target)
	}
	c.results = append(c.results, r)
	c.calls.finish(call)
	c.fall()
}

// giveUp ends a command that had none within H. If a copy was ever sent, the
// guard keeps partitions from moving their mark past it too early [X1].
func (c *Core) giveUp(call *call, err error) {
	c.Stats.GivenUp++
	if call.copies > 0 {
		c.guard = max(c.guard, call.message().T0.Add(c.cfg.Tuning.Horizon))
	}
	c.finish(call, Result{Err: err})
}

// each calls f for all open calls, in the order of their sequences.
func (c *Core) each(f func(*call)) {
	for seq := c.calls.mark; seq < c.calls.next; seq++ {
		if call := c.calls.get(seq); call != nil {
			f(call)
		}
	}
}

// end ends the client: everything outstanding has an unknown outcome.
func (c *Core) end(err error) {
	c.err = err
	c.endReads(err)
	c.each(func(call *call) { c.giveUp(call, unknown(err)) })
}

// Tick resends, greets and gives up as time demands.
func (c *Core) Tick(now hlc.Now) {
	c.now = now
	if c.err != nil {
		return
	}
	if c.life == 0 && now.Mono >= c.hello {
		c.greet()
	}
	c.tickSeek()
	if now.Mono < c.due {
		return
	}
	c.due, c.looked = never, now.Mono
	c.each(c.tickCall)
	c.eachRead(c.tickRead)
	c.tickFalling()
}

func (c *Core) tickCall(call *call) {
	now := c.now.Mono
	switch {
	case now >= call.giveUp:
		c.giveUp(call, call.late())
		return
	case call.copies > 0 && now >= call.resend:
		c.backOff(call)
		c.resendNext(call)
		c.seek(call.copy.proposal.Ensemble())
		// The silence may be that of a cluster started anew.
		c.sends = append(c.sends, Send{ids.To(c.target(call)), &session.Hello{}})
	case call.copies > 0:
		c.dueAt(call.resend)
	}
	c.dueAt(call.giveUp)
}

// late is the error of a call that had no answer in time.
func (c *call) late() error {
	gone := c.copies > 0 && c.loose == 0
	switch {
	case gone && c.noRoom:
		return ErrNoRoom
	case gone:
		return ErrBusy
	case c.noRoom:
		return unknown(ErrNoRoom)
	}
	return ErrOutcomeUnknown
}

// Down says that p cannot be reached. What was sent to it last is sent to
// another acceptor at once, and nothing to it, while there are others, until
// Up. It may be said again.
func (c *Core) Down(now hlc.Now, p ids.Process) {
	c.now = now
	if c.err != nil || !c.routes.lose(p) {
		return
	}
	c.each(func(call *call) {
		if call.copies > 0 && c.target(call) == p {
			c.seek(call.copy.proposal.Ensemble())
			c.resendNext(call)
		}
	})
	c.downRead(p)
}

// Up says that p can be reached, again or for the first time. Before either,
// a process is taken to be up.
func (c *Core) Up(_ hlc.Now, p ids.Process) { delete(c.routes.down, p) }

// greet asks every process in turn for a Welcome.
func (c *Core) greet() {
	c.hello = c.now.Mono + helloPause
	for _, replicas := range c.cfg.Topology.Replicas {
		p := replicas[c.greeted%len(replicas)]
		c.sends = append(c.sends, Send{ids.To(p), &session.Hello{}})
	}
	c.greeted++
}

// Wake is when, on the monotonic clock, the next Tick is needed.
func (c *Core) Wake() time.Duration {
	switch {
	case c.err != nil:
		return never
	case c.life == 0:
		return min(c.hello, c.due)
	}
	return min(c.due, c.seeking.at)
}

// AskStatus asks p for its status; the answer comes by Statuses.
func (c *Core) AskStatus(p ids.Process, nonce uint64) {
	c.sends = append(c.sends, Send{ids.To(p), &session.StatusQuery{Nonce: nonce}})
}

// AskReplace asks p for a replacement; the answer comes by Statuses.
func (c *Core) AskReplace(p ids.Process, m *session.Replace) {
	c.sends = append(c.sends, Send{ids.To(p), m})
}

// Statuses drains the answers to AskStatus.
func (c *Core) Statuses() []session.Status {
	s := c.status
	c.status = nil
	return s
}
