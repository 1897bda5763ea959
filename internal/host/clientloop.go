package host

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// clientLoop is a Client as its loop sees it.
type clientLoop Client

func (c *clientLoop) step(now hlc.Now, from ids.Addr, _ ids.Incarnation, m wire.Message) {
	c.core.Step(now, from.Process, m)
}

// call hands a command to the core, or keeps it while the core is full: it
// may be for a while yet when an old command's answer is missing.
func (c *clientLoop) call(now hlc.Now, call *Call) {
	if len(c.queue) > 0 || c.core.Full() {
		c.queue = append(c.queue, call)
		return
	}
	c.start(now, call)
}

func (c *clientLoop) cast(hlc.Now, cast)              {}
func (c *clientLoop) synced(hlc.Now, committed) error { return nil }

func (c *clientLoop) start(now hlc.Now, call *Call) {
	var seq ids.Sequence
	var err error
	if call.optimistic() {
		seq, err = c.core.SubmitOptimistic(now, call.command, call.arg, call.guess)
	} else {
		seq, err = c.core.Submit(now, call.command, call.arg, call.guess)
	}
	if err != nil {
		c.window.leave(1)
		call.finish(failed(err))
		return
	}
	call.sequence = seq
	c.open.put(call)
}

func (c *clientLoop) tick(now hlc.Now) { c.core.Tick(now) }

func (c *clientLoop) paused(hlc.Now, time.Duration) {}
func (c *clientLoop) wake() time.Duration           { return c.core.Wake() }

func (c *clientLoop) out(now hlc.Now) (again bool, err error) {
	c.results()
	for len(c.queue) > 0 && !c.core.Full() {
		call := c.queue[0]
		c.queue[0] = nil
		c.queue = c.queue[1:]
		c.start(now, call)
	}
	for _, s := range c.core.Sends() {
		c.tr.Send(s.To, s.Msg)
	}
	c.tr.Flush()
	for _, s := range c.core.Statuses() {
		if f := c.asked[s.Nonce]; f != nil {
			delete(c.asked, s.Nonce)
			f(s.JSON)
		}
	}
	if err := c.core.Err(); err != nil {
		c.results()
		return false, err
	}
	return false, nil
}

// results hands out optimistic replies, and what has ended. Places are given back first, so that a
// caller who gets its result finds room for the next command.
func (c *clientLoop) results() {
	for _, e := range c.core.Early() {
		if call := c.open.get(e.Sequence); call != nil {
			call.hear(e.Early)
		}
	}
	rs := c.core.Results()
	if len(rs) == 0 {
		return
	}
	c.window.leave(len(rs))
	for i := range rs {
		if call := c.open.take(rs[i].Sequence); call != nil {
			call.finish(rs[i])
		}
	}
}

// abandon ends all that is left when the loop has ended.
func (c *clientLoop) abandon(why error) {
	for _, ring := range [][]*Call{c.open.commands.ring, c.open.reads.ring} {
		for _, call := range ring {
			if call != nil {
				r := abandoned(why)
				r.Early = call.early
				call.finish(r)
			}
		}
	}
	c.open = openCalls{}
	for _, calls := range [][]*Call{c.queue, c.loop.w.calls, c.loop.inbox.rest().calls} {
		for _, call := range calls {
			if call != nil {
				call.finish(failed(why)) // never sent
			}
		}
	}
	c.queue = nil
}

var _ driven = (*clientLoop)(nil)
var _ driven = (*nodeLoop)(nil)
