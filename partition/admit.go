package partition

import (
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
	// One that asked only when a command has started, and has waited, would go through
	// a chain of conflicting ones at the pace of its patience.
	if c.out != nil && r.replays(c) {
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
	case e != nil && e.gone:
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
