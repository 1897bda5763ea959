package partition

// drain starts what may start until nothing more may: a finished command lets
// others start.
func (r *Replica) drain() {
	for i := 0; i < len(r.runnable) && r.err == nil; i++ {
		if c := r.runnable[i]; c.resuming { // either may append
			c.resuming = false
			r.proceed(c)
		} else {
			r.start(c)
		}
	}
	clear(r.runnable)
	r.runnable = r.runnable[:0]
}

// start is start(C): every earlier command that conflicts with C has finished
// here, its gate included. Only now the signal may go: sent on delivery it
// would break linearizability (the induction of section 4.4).
func (r *Replica) start(c *command) {
	c.started, c.changed = true, true
	c.startedAt = r.now.Wall
	r.observeStart(c)
	if c.out != nil {
		c.begun = r.now.Mono
		c.out.signal = true
		for i := range c.out.early {
			r.shipEarly(c, i)
		}
		c.out.early = nil
		r.unsent(c.out)
		r.armPull(c)
	}
	r.proceed(c)
}

// proceed runs a started command as far as it comes.
func (r *Replica) proceed(c *command) {
	if c.run != nil && !r.confirm(c) {
		return
	}
	r.run(c)
	if !c.tx.over || r.err != nil {
		return
	}
	if r.config.Checks && c.out != nil {
		r.compare(c)
	}
	// The gate: every reply that the caller can see, errors included, waits
	// for all signals. A retry ends nothing that others could see.
	if c.out == nil || c.in.missing == 0 || c.tx.outcome == OutcomeRetry {
		r.finish(c)
	}
}

// finish ends a queued command and releases what waited for it.
func (r *Replica) finish(c *command) {
	if c.tx.outcome == OutcomeOK {
		r.install(&c.tx)
		r.reads.late++
		if c.out != nil {
			r.keepWritten(c)
		}
	}
	r.verifyWatched(c)
	c.finished = true
	if c.out != nil {
		r.exchanged(c)
	}
	r.index.remove(c)
	r.queue.removed(1)
	r.queueBytes -= c.bytes
	r.heldBytes -= c.in.bytes
	if r.queue.live > 0 && len(r.queue.all()) > 0 && r.queue.all()[0].Position.Less(c.Position) {
		r.counters.Overtakes++
	}
	e := r.table.lookup(c.Command)
	if e != nil && e.attempt != c.Attempt {
		e = nil // a later attempt has taken the entry
	}
	if e != nil {
		r.table.changes.client(r.table.last)
	}
	if l := &r.state.changes; c.kept && l.on {
		l.gone = append(l.gone, placeLabel(itemQueued, c.Position))
	}
	r.conclude(c, e)
	r.ended(c)
	if c.out != nil {
		r.retire(c.out)
	}
	for _, w := range c.waiters {
		r.release(w)
	}
	if len(c.hopes) > 0 {
		r.fulfil(c, true)
	}
	r.spare.reclaim(c)
}

// release removes an edge.
func (r *Replica) release(w waiter) {
	if w.read < 0 {
		if w.c.blockers--; w.c.blockers == 0 {
			r.runnable = append(r.runnable, w.c)
		}
		return
	}
	if w.c.started {
		return // shipped at the start
	}
	early := &w.c.out.early[w.read]
	if early.blockers--; early.blockers == 0 {
		r.shipEarly(w.c, int(w.read))
	}
}
