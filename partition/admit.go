package partition

import (
	"fmt"
	"slices"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// admit judges a delivery and takes an accepted command on its way.
func (r *Replica) admit(d *Delivery) {
	verdict, e := r.table.judge(d)
	if verdict == VerdictAccepted {
		r.accept(d, e)
	} else {
		r.observeVerdict(d, verdict)
		if r.speculator != nil {
			r.speculator.Dropped(d.Command, d.Attempt)
		}
		r.turnAway(d, verdict, e)
	}
	r.passEarly()
}

// accept makes a command of an accepted delivery. What can be told from the
// message, the service and the placement alone is decided here, so all
// destinations decide it alike: a bad argument fails at its turn; a map other
// than the one in force, or destinations that do not cover the access, end in
// retry at once, without an exchange.
func (r *Replica) accept(d *Delivery, e *entry) {
	if c := r.takeRun(d); c != nil {
		r.counters.Accepted++
		r.observeVerdict(d, VerdictAccepted)
		r.dispatch(c, e)
		return
	}
	if !r.service.Carries(r.inForce) {
		r.stop("%v", r.uncarried(r.inForce))
		return
	}
	c := &r.scratch
	if len(d.Dests) > 1 {
		c = r.spare.takeCommand()
	}
	q, err := DecodeRequest(d.Body)
	r.fill(c, d, &q, err)
	stale := err == nil && q.MapVersion != r.version()
	if stale {
		r.counters.Stale++
		r.observeVerdict(d, VerdictStale)
	} else {
		r.counters.Accepted++
		r.observeVerdict(d, VerdictAccepted)
	}
	if !stale {
		r.enforce(c)
	}
	if stale || c.needed != nil {
		c.tx.retry(c.dests.Union(c.needed))
		r.conclude(c, e)
		r.ended(c)
		return
	}
	r.dispatch(c, e)
}

// dispatch executes a command of this partition alone that conflicts with
// nothing unfinished, and queues every other.
func (r *Replica) dispatch(c *command, e *entry) {
	if len(c.dests) == 1 && !r.mustQueue(c) {
		r.overtake()
		c.startedAt = r.now.Wall
		r.observeStart(c)
		if c.run != nil {
			r.confirm(c)
		}
		r.run(c)
		if c.tx.outcome == OutcomeOK {
			r.install(&c.tx)
		}
		r.verifyWatched(c)
		r.conclude(c, e)
		r.ended(c)
		if c != &r.scratch {
			r.spare.putCommand(c)
		}
		return
	}
	if c == &r.scratch {
		c = r.unscratch()
	}
	r.line(c)
}

// mustQueue says whether a command of this partition alone must wait.
func (r *Replica) mustQueue(c *command) bool {
	return r.queue.live > 0 && (c.barrier || r.blocked(c.items))
}

// overtake counts commands that finish while an earlier one has not.
func (r *Replica) overtake() {
	if r.queue.live > 0 {
		r.counters.Overtakes++
	}
}

// fill makes c, which is new or the scratch, the command of a delivery. What
// is set on the way through the queue needs no reset: the scratch never goes
// that way.
func (r *Replica) fill(c *command, d *Delivery, q *Request, err error) {
	t := &c.tx
	c.Tag = Tag{d.Position, d.Command, d.Attempt}
	c.dests, c.proposed, c.nearest, c.origin = d.Dests, d.Proposed, d.Nearest, d.Origin
	c.asks = err == nil && q.Optimistic
	c.spec, c.code, c.arg, c.items, c.needed = nil, nil, nil, nil, nil
	c.held, c.spares = c.held[:0], false
	c.body = d.Body
	c.bytes = len(d.Body) + 512
	c.exact, c.barrier = true, r.tuning.Sequential
	c.version, c.upgrade = r.inForce, 0
	t.reset(r, c)
	c.delivered, c.startedAt = r.now.Wall, 0
	code, _ := r.service.code(c.version)
	switch {
	case err != nil:
		t.fail(fmt.Errorf("%w: %v", ErrArgument, err))
	case q.Command == CommandUpgrade:
		r.fillUpgrade(c, q.Arg)
	case int(q.Command) >= len(code):
		t.fail(fmt.Errorf("%w: no command %d", ErrArgument, q.Command))
	default:
		c.spec, c.arg = &code[q.Command], q.Arg
		c.number = q.Command
		r.fillAccess(c)
	}
}

func (r *Replica) fillAccess(c *command) {
	t := &c.tx
	defer func() {
		if p := recover(); p != nil {
			if c.run == nil {
				r.lastPanic = fmt.Sprintf("%v (access of %s): %v", c.Command, c.spec.Name, p)
			}
			c.code, c.items, c.exact, c.barrier = nil, nil, true, r.tuning.Sequential
			t.fail(ErrPanicked)
		}
	}()
	a, err := r.prepare(c)
	switch {
	case err != nil:
		t.fail(fmt.Errorf("%w: %v", ErrArgument, err))
	case !a.valid(r.service):
		t.fail(fmt.Errorf("%w: access to no collection", ErrArgument))
	case c.spec.ReadOnly && a.Writes():
		t.fail(ErrReadOnly)
	case len(a.Items)+a.Elsewhere > r.tuning.MaxAccesses:
		t.fail(ErrBudget)
	default:
		c.items, c.exact = a.Items, a.Exact
		c.barrier = c.barrier || !a.Exact
		if !r.alone { // here, since placing a key runs the service's code too
			r.locate(c)
		}
		if c.exact {
			t.promise.set(a.Items)
		}
	}
}

// prepare runs the service's own part of making a command.
func (r *Replica) prepare(c *command) (a Access, err error) {
	if c.spec.Prepare == nil {
		return c.spec.Access(c.arg)
	}
	if c.lent == nil {
		c.lent = r.spare.takeItems()
	}
	a, c.code, err = c.spec.Prepare(c.arg, r.lend(c, c.lent))
	if n := cap(a.Items); n > cap(c.lent) && n <= manyItems {
		c.lent = a.Items[:0]
	}
	if c == &r.scratch {
		r.spare.putCode(c, c.code)
	}
	c.arg = nil
	return a, err
}

// lend is what a command is prepared with. Every time, an item is left out or not.
func (r *Replica) lend(c *command, items []Item) Lent {
	l := Lent{Items: items, Code: r.spare.takeCode(c), names: r.state}
	if len(c.dests) > 1 && !r.config.Checks {
		l.by, l.dests = r, c.dests
	}
	return l
}

// unscratch moves the scratch command to one of its own.
func (r *Replica) unscratch() *command {
	c := r.spare.takeCommand()
	waiters, local, used := c.waiters, c.local, c.used
	*c = r.scratch
	c.waiters, c.local, c.used = waiters, local, used
	c.tx.c = c
	r.scratch = command{}
	if c.code != nil {
		r.spare.takeCode(c)
	}
	return c
}

// line puts a command into the queue, behind all that it conflicts with. It
// may stay there, and its exchange in the outbox, for long: what it keeps is
// copied out of the buffer that it came in with many others.
func (r *Replica) line(c *command) {
	c.body, c.dests = slices.Clone(c.body), r.keepDests(c.dests)
	c.arg = c.body[len(c.body)-len(c.arg):]
	c.changed = true
	if len(c.dests) > 1 {
		r.open(c)
	}
	for i := range c.items {
		if len(c.dests) == 1 || c.held[i] {
			c.local = append(c.local, int32(i))
		}
	}
	r.enter(c)
	r.queue.push(c)
	r.queueBytes += c.bytes
	if c.blockers > 0 {
		r.counters.Blocked++
	} else {
		r.runnable = append(r.runnable, c)
	}
	if c.out != nil && c.blockers > 0 {
		for i := range c.out.early {
			if c.out.early[i].blockers == 0 {
				r.shipEarly(c, i)
			}
		}
	}
	// To a replica that replays, what others sent at the time comes no more. One
	// that asked only when a command has started, and has waited, would go through
	// a chain of conflicting ones at the pace of its patience.
	if c.out != nil && r.now.Wall > c.Position.T.Add(r.tuning.PullMax) {
		r.pull(c, 0)
	}
}

// keepDests is a copy of destinations; mostly those of the last command are the
// same.
func (r *Replica) keepDests(d ids.Set) ids.Set {
	if !r.dests.Equal(d) {
		r.dests = slices.Clone(d)
	}
	return r.dests
}

// open begins the exchange of a command with several destinations.
func (r *Replica) open(c *command) {
	c.out = &outgoing{Tag: c.Tag, dests: c.dests}
	c.in.open(c.dests, r.config.Partition)
	c.mayWait = r.needsOthers(c)
	c.gathers = c.mayWait && c.readsOrUpdates()
	if !c.tx.over {
		r.plan(c)
	}
	r.outbox.open(c.out)
	r.claimEarly(c)
}

// needsOthers says whether the code of a command with several destinations may
// need a value from elsewhere.
func (r *Replica) needsOthers(c *command) bool {
	if !c.exact {
		return true
	}
	for i := range c.items {
		if it := &c.items[i]; !c.held[i] || it.Range != nil && !r.holdsWhole(it.Range) {
			return true
		}
	}
	return false
}

// holdsWhole says whether reading a range needs nobody else.
func (r *Replica) holdsWhole(g *Range) bool {
	owners, everywhere := r.config.Placement.RangeOwners(*g)
	return everywhere || len(owners) == 1 && owners[0] == r.config.Partition
}

// turnAway answers a delivery that is not accepted. A copy of a command that
// is in the table gets what that ends with, by every replica of the answering
// partition: it is rare, and the one that answered may be gone.
func (r *Replica) turnAway(d *Delivery, verdict Verdict, e *entry) {
	outcome := OutcomeRefused
	switch verdict {
	case VerdictDuplicate:
		r.counters.Duplicates++
	case VerdictLate:
		r.counters.Late++
		outcome = OutcomeLate
	default:
		r.counters.Refused++
	}
	if !r.answers(d.Command, d.Dests) {
		return
	}
	switch {
	case e != nil && e.outcome != 0:
		r.counters.Reanswered++
		m := e.reply()
		m.Command, m.Attempt, m.Time = d.Command, e.attempt, r.present
		m.Stages = Stages{Proposed: d.Proposed, Delivered: r.now.Wall} // the copy's
		r.sends = append(r.sends, Send{ids.ToClient(d.Command.Client), &m})
	case e != nil:
		if !e.again {
			e.again = true
			r.table.changes.client(r.table.record(d.Command.Client))
		}
	case verdict != VerdictDuplicate && !d.Command.Client.IsZero() && r.answerer(d.Command, d.Dests, d.Nearest) == r.config.Self:
		r.sends = append(r.sends, Send{ids.ToClient(d.Command.Client), &Reply{
			Command: d.Command, Attempt: d.Attempt, Outcome: outcome,
			MapVersion: r.version(), Time: r.present,
			Stages: Stages{Proposed: d.Proposed, Delivered: r.now.Wall},
		}})
	}
}
