package partition

import (
	"fmt"
)

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
