package partition

import (
	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Speculator executes commands before their turn, and is told how they ended.
// It must not call the replica while it is called.
//
// Whatever it does, what the replica answers and becomes is the same: a run is
// taken for an execution only after everything that it took from outside has
// been found equal to what conservative execution gives (see Run).
type Speculator interface {
	// Turn gives up the run of a command that has been accepted, or nil. From here
	// on it is the replica's.
	Turn(c ids.Command, a ids.Attempt) *Run
	// Dropped tells of a delivery that was not accepted [F3, N4].
	Dropped(c ids.Command, a ids.Attempt)
	// Ended tells how an accepted command ended. What is told is valid during the
	// call.
	Ended(e *Ending)
	// Wrong tells that a run whose turn has come is not right, just before its
	// result is lost. The command goes on without it.
	Wrong(run *Run)
	// Told says whether this replica has sent the client of a command whose turn has
	// come an optimistic reply to that attempt, and this very one.
	Told(c ids.Command, a ids.Attempt, m *Reply) bool
	// Heard tells what conservative execution at another partition says of a command
	// that has not come here. It is right; the message must not be changed.
	Heard(q ids.Partition, m *Exchange)
}

// Ending is how an accepted command ended.
type Ending struct {
	Command ids.Command
	Attempt ids.Attempt
	// Run is its run, if it had one when its turn came. It is no more.
	Run *Run
	// Confirmed: by its run. Otherwise it was executed at its turn.
	Confirmed bool
	// Wrote: it changed something here.
	Wrote bool
	// Reply has the outcome, value and error, and the map's version.
	Reply Reply
}

// OptDelivery is an opt-delivered command: probably it will be delivered so.
type OptDelivery struct {
	Command ids.Command
	Attempt ids.Attempt
	T0      hlc.Timestamp
	// Now is what Tx.Now returns: the final timestamp, as far as is known. Zero: the
	// machine predicts it.
	Now   hlc.Timestamp
	Mark  ids.Sequence
	Dests ids.Set
	Body  []byte
	// Leads: this replica is the one to tell clients, and other destinations, what
	// comes of it.
	Leads bool
}

// Speculation sets who executes commands before their turn; at most once, and
// before anything else.
func (r *Replica) Speculation(s Speculator) { r.speculator = s }

// Speculate makes a run of a command, to be executed in that order. Nil is for
// one that is not to be run: it has had its turn or will not be accepted, or it
// would end without an execution of its code.
func (r *Replica) Speculate(now hlc.Now, d OptDelivery, order uint64) *Run {
	if r.down() || order == 0 || !r.table.awaits(r.last.T, &d) || !d.Dests.Has(r.config.Partition) {
		return nil
	}
	r.now = now
	q, err := DecodeRequest(d.Body)
	if err != nil || q.MapVersion != r.version() || q.Command == CommandUpgrade {
		return nil
	}
	run := r.spare.takeRun()
	c := r.spare.takeCommand()
	run.c, c.run = c, run
	run.body, run.order, run.now, run.t0, run.version, run.answer = d.Body, order, max(d.Now, d.T0), d.T0, q.MapVersion, q.Optimistic
	r.fill(c, &Delivery{Command: d.Command, Attempt: d.Attempt, Dests: d.Dests, Body: d.Body}, &q, nil)
	if c.tx.over || c.needed != nil {
		r.GiveUp(run)
		return nil
	}
	if len(c.dests) > 1 {
		c.mayWait = r.needsOthers(c)
		run.in.open(c.dests, r.config.Partition)
	}
	return run
}

// awaits says whether an attempt may yet be accepted, as far as is known after
// the deliveries up to merged.
func (t *table) awaits(merged hlc.Timestamp, o *OptDelivery) bool {
	d := Delivery{Command: o.Command, Attempt: o.Attempt, Mark: o.Mark, Dests: o.Dests}
	if t.malformed(&d) || merged > o.T0.Add(t.tuning.Horizon) || d.Command.Sequence-d.Mark > ids.Sequence(t.tuning.ClientWindow) {
		return false
	}
	rec := t.record(d.Command.Client)
	if rec == nil {
		return true
	}
	i, found := rec.find(d.Command.Sequence)
	return d.Command.Sequence >= rec.mark && !(found && d.Attempt <= rec.live()[i].attempt)
}

// Execute runs a run's code until it has ended, or waits for a value from
// another partition, and says which. What it wrote is in the overlay when it has
// ended.
func (r *Replica) Execute(run *Run) (ended bool) {
	if r.down() || run.taken {
		return run.Ended()
	}
	c := run.c
	run.started = true
	r.run(c)
	if c.tx.over && !run.layered {
		run.layered = true
		if c.tx.outcome == OutcomeOK {
			r.lay(run)
		}
	}
	return c.tx.over
}

// Again makes a run as it was before it started, but for what others have said.
func (r *Replica) Again(run *Run) {
	if run.taken {
		return
	}
	r.unlay(run)
	r.prepareAgain(run.c)
	run.forget()
	run.c.tx.run = run
}

// GiveUp ends a run that has not been taken.
func (r *Replica) GiveUp(run *Run) {
	if run.taken || run.c == nil {
		return
	}
	c := run.c
	r.quit(run)
	c.run = nil
	r.spare.putCommand(c)
	r.spare.putRun(run)
}

// quit leaves the run's code, and takes from the overlay what it wrote.
func (r *Replica) quit(run *Run) {
	r.unlay(run)
	r.unwind(run.c)
	r.verifyWatched(run.c)
}

// unwind ends a suspended coroutine: the code is left, as by any end.
func (r *Replica) unwind(c *command) {
	w := c.tx.worker
	if w == nil {
		return
	}
	c.tx.end(OutcomeFailed)
	w.next()
	if w.c == nil {
		c.tx.worker = nil
		r.park(w)
	}
}

// Known says whether an attempt has had its turn, or its client needs no answer:
// as far as the exactly-once table remembers.
func (r *Replica) Known(c ids.Command, a ids.Attempt) bool {
	rec := r.table.record(c.Client)
	if rec == nil {
		return false
	}
	i, found := rec.find(c.Sequence)
	return c.Sequence < rec.mark || found && a <= rec.live()[i].attempt
}

// Answers says whether this partition is the one that answers a command's client.
func (r *Replica) Answers(c ids.Command, dests ids.Set) bool { return r.answers(c, dests) }

// Peer is the partition of a process that replicates another one.
func (r *Replica) Peer(p ids.Process) (q ids.Partition, ok bool) {
	q, ok = r.peers[p]
	return q, ok && q != r.config.Partition
}

// Tell sends a message to a process of another partition, or to all of them if
// that is zero.
func (r *Replica) Tell(q ids.Partition, p ids.Process, m wire.Message) {
	if p != 0 {
		r.send(p, m)
	} else {
		r.sendTo(q, m)
	}
}

// Partition is the one that this is a replica of.
func (r *Replica) Partition() ids.Partition { return r.config.Partition }

// Reply sends a message to a client.
func (r *Replica) Reply(c ids.Client, m wire.Message) {
	r.sends = append(r.sends, Send{ids.ToClient(c), m})
}

// Forecast has a run tell the others what it probably reads here and they lack:
// what is declared, as the run sees it now.
func (r *Replica) Forecast(run *Run) {
	for i := range run.c.items {
		it := &run.c.items[i]
		if it.Write || it.Range != nil {
			continue
		}
		if owners := r.config.Placement.Owners(it.Key); owners.Has(r.config.Partition) && r.ships(owners, run.c.dests) {
			v, ok := r.state.look(it.Key, r.state.find(it.Key), run.order)
			run.tell(Var{it.Key, ok, v})
		}
	}
}

// Told is what there is to tell the other destinations since the last call.
func (run *Run) Told() []Var {
	from := run.taking
	run.taking = len(run.told)
	return run.told[from:run.taking:run.taking]
}
