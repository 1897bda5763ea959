package partition

import "fmt"

// verdictOnRun is what is known of a run whose command's turn has come.
type verdictOnRun uint8

const (
	runOpen verdictOnRun = iota
	runRight
	runWrong
)

// takeRun makes the run of an accepted delivery the delivered command, and
// returns nil if there is no run that could be right. Of the run's delivery
// nothing counts but the body and the destinations, which must be those that
// were ordered; they, and the map, decided what the code touches.
func (r *Replica) takeRun(d *Delivery) *command {
	if r.speculator == nil {
		return nil
	}
	run := r.speculator.Turn(d.Command, d.Attempt)
	if run == nil || run.taken || run.c == nil {
		return nil
	}
	c := run.c
	if c.Command != d.Command || c.Attempt != d.Attempt || !sameBytes(run.body, d.Body) || !c.dests.Equal(d.Dests) || run.version != r.version() || c.version != r.inForce {
		r.speculator.Wrong(run)
		r.counters.RunsWrong++
		r.quit(run)
		run.taken, run.verdict = true, runWrong
		return nil
	}
	run.taken = true
	c.Position, c.proposed, c.nearest, c.origin, c.body, c.dests = d.Position, d.Proposed, d.Nearest, d.Origin, d.Body, d.Dests
	c.delivered, c.startedAt = r.now.Wall, 0
	if run.started {
		c.tx.over = false // until it is confirmed
	} else {
		run.verdict = runWrong // there is nothing to confirm, nor to do again
		c.tx.run = nil
	}
	return c
}

// confirm compares what a command's run took from outside with what there is
// at the command's start, in the order in which the code took it: so whatever is
// waited for is what conservative execution would wait for, and comes [F4]. It
// returns false while the run may be right and a value has not come. The first
// difference ends the run, and the code is executed in its place.
//
// What is held here does not change from start(C) to the end of C.
func (r *Replica) confirm(c *command) (done bool) {
	run := c.run
	if run.verdict != runOpen {
		return true
	}
	switch r.examine(c) {
	case runOpen:
		return false
	case runRight:
		r.counters.RunsRight++
		r.conform(c)
	default:
		r.speculator.Wrong(run)
		r.counters.RunsWrong++
		r.prepareAgain(c)
		run.verdict = runWrong
	}
	return true
}

// conform makes a run that was found right the execution: it has ended, or goes
// on where it waits.
func (r *Replica) conform(c *command) {
	run, t := c.run, &c.tx
	run.verdict = runRight
	t.run, t.wanting = nil, false
	if !run.layered {
		return
	}
	if r.tuning.ExecuteTwice {
		r.executeTwice(c)
	}
	t.over = true
	if t.outcome == OutcomeFailed {
		r.countFailure(t.errName)
		if run.panicked != "" {
			r.lastPanic = run.panicked
		}
	}
}

func (r *Replica) examine(c *command) verdictOnRun {
	run := c.run
	if run.unusable || run.layered && !c.tx.outcome.Final() || run.asked && run.now != c.Position.T {
		return runWrong
	}
	if run.verified == 0 && !r.holdsFor(run, 0) {
		return runWrong
	}
	for ; run.verified < len(run.inputs); run.verified++ {
		switch in := &run.inputs[run.verified]; in.kind {
		case inputRemote:
			v, ok, here := c.in.peer(in.from).value(r.service, in.key)
			if !here {
				c.tx.want, c.tx.wanting = in.from, true
				return runOpen
			}
			if !sameValue(v, ok, in.value, in.ok) {
				return runWrong
			}
		case inputLocal:
			if c.out != nil && r.ships(r.config.Placement.Owners(in.key), c.dests) {
				r.shipVar(c.out, in.key, r.variable(in))
				r.unsent(c.out)
			}
		}
	}
	return runRight
}

// holdsFor says whether a run's local inputs are what the run of that order
// sees, zero being conservative execution.
func (r *Replica) holdsFor(run *Run, order uint64) bool {
	for i := range run.inputs {
		in := &run.inputs[i]
		switch in.kind {
		case inputLocal:
			v := r.variable(in)
			value, ok := r.state.look(in.key, v, order)
			if !sameValue(value, ok, in.value, in.ok) {
				return false
			}
		case inputScan:
			if !r.scanHolds(&run.scans[in.scan], order) {
				return false
			}
		}
	}
	return true
}

// variable is the one that an input is the value of, as it is now, or nil.
func (r *Replica) variable(in *input) *variable {
	if in.v == nil || in.v.dead {
		return r.state.find(in.key)
	}
	return in.v
}

// Holds says whether a run that is not taken would take the same inputs, those
// from here, if it were executed now. What it only updates is none.
func (r *Replica) Holds(run *Run) bool { return r.holdsFor(run, run.order) }

func (r *Replica) scanHolds(s *scanned, order uint64) bool {
	rest, size, seen := s.rng, firstChunk, 0
	for seen < len(s.items) || s.ended {
		items, more := r.state.view(&r.service.Collections[rest.Collection], &rest, size, order)
		for i := range items {
			if seen == len(s.items) {
				return !s.ended
			}
			if it := &s.items[seen]; it.Name != items[i].Name || !sameBytes(it.Value, items[i].Value) {
				return false
			}
			seen++
		}
		if !more {
			return seen == len(s.items)
		}
		rest.Lo = items[len(items)-1].Name + "\x00"
		size = min(2*size, maxChunk)
	}
	return true
}

// prepareAgain readies a command whose code has run, or runs, to be executed
// anew.
func (r *Replica) prepareAgain(c *command) {
	t := &c.tx
	r.unwind(c)
	r.verifyWatched(c)
	used := c.code
	if c.tx.worker != nil {
		c.tx.worker, used = nil, nil
	}
	t.reset(r, c)
	t.run, t.wanting = nil, false
	if c.exact {
		t.promise.set(c.items)
	}
	if c.spec.Prepare == nil {
		return
	}
	r.spare.putCode(c, used)
	c.code = nil
	r.codeAgain(c)
}

func (r *Replica) codeAgain(c *command) {
	defer func() {
		if p := recover(); p != nil {
			r.lastPanic = fmt.Sprintf("%v (access of %s): %v", c.Command, c.spec.Name, p)
			c.tx.fail(ErrPanicked)
		}
	}()
	q, err := DecodeRequest(c.body)
	if err == nil {
		_, c.code, err = c.spec.Prepare(q.Arg, r.lend(c, nil))
	}
	if err != nil {
		c.tx.fail(fmt.Errorf("%w: %v", ErrArgument, err))
	}
}

// ended tells the speculator that a command has ended, and gives back its run.
// What the run wrote leaves the overlay as what was right in it is installed.
func (r *Replica) ended(c *command) {
	if r.speculator == nil {
		return
	}
	t, run := &c.tx, c.run
	r.ending = Ending{
		Command: c.Command, Attempt: c.Attempt, Run: run,
		Confirmed: run != nil && run.verdict == runRight,
		Wrote:     t.outcome == OutcomeOK && len(t.writes) > 0,
		Reply: Reply{
			Outcome: t.outcome, Value: t.value, ErrorName: t.errName, ErrorText: t.errText,
			Needed: t.needed, MapVersion: r.version(),
		},
	}
	if run != nil {
		r.unlay(run)
	}
	r.speculator.Ended(&r.ending)
	r.ending = Ending{}
	if run != nil {
		c.run = nil
		r.spare.putRun(run)
	}
}
