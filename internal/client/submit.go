package client

import (
	"fmt"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// lent is memory for accesses, to be used again.
type lent struct {
	items []partition.Item
	codes []partition.Code // by command
}

// Submit takes a command. Its result comes by Results, once. guess names
// partitions that the command may need besides those its Access names. An
// error means that the command was not taken: ErrWindowFull, ErrTooLarge, one
// of the service about the argument, or the one that ended the client.
//
// A ReadOnly command of one partition goes to one of its replicas as a read,
// and what is returned is a handle with IsRead; arg must not be changed any
// more, since copies may be on their way after the result. All else is ordered, and has a sequence.
func (c *Core) Submit(now hlc.Now, command uint16, arg []byte, guess ids.Set) (ids.Sequence, error) {
	return c.submit(now, command, arg, guess, wishes{})
}

// SubmitOrdered is Submit with a place in the order for reads, too.
func (c *Core) SubmitOrdered(now hlc.Now, command uint16, arg []byte, guess ids.Set) (ids.Sequence, error) {
	return c.submit(now, command, arg, guess, wishes{ordered: true})
}

// SubmitOptimistic is Submit, and asks for an optimistic reply, which comes by
// Early, if it comes. A read has none.
func (c *Core) SubmitOptimistic(now hlc.Now, command uint16, arg []byte, guess ids.Set) (ids.Sequence, error) {
	return c.submit(now, command, arg, guess, wishes{optimistic: true})
}

// wishes are about how a command is to be answered.
type wishes struct{ ordered, optimistic bool }

func (c *Core) submit(now hlc.Now, command uint16, arg []byte, guess ids.Set, w wishes) (ids.Sequence, error) {
	c.now = now
	if c.err != nil {
		return 0, c.err
	}
	if c.Full() {
		return 0, ErrWindowFull
	}
	if command == partition.CommandUpgrade {
		return c.submitUpgrade(arg), nil
	}
	if int(command) >= len(c.cfg.Service.Commands) {
		return 0, fmt.Errorf("%w: no command %d", partition.ErrArgument, command)
	}
	spec := &c.cfg.Service.Commands[command]
	access, err := c.access(command, arg)
	if err != nil {
		return 0, fmt.Errorf("%w: %s: %w", partition.ErrArgument, spec.Name, err)
	}
	if size := len(arg) + requestHead; size > c.cfg.Tuning.MaxBody {
		return 0, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, size, c.cfg.Tuning.MaxBody)
	}
	if spec.ReadOnly && access.Writes() {
		return 0, fmt.Errorf("%w: %s", partition.ErrReadOnly, spec.Name)
	}
	dests := c.cfg.Map.Route(access, guess)
	if spec.ReadOnly && len(dests) == 1 && !w.ordered {
		return c.submitRead(command, arg, dests, w.optimistic), nil
	}
	call := c.order(partition.Request{Command: command, Optimistic: w.optimistic, Arg: arg}, dests, now.Mono+c.cfg.Tuning.Horizon)
	if c.life != 0 {
		c.start(call)
	}
	return call.seq, nil
}

// submitUpgrade makes the command that changes the version of the service: all
// partitions are its destinations.
func (c *Core) submitUpgrade(arg []byte) ids.Sequence {
	var all ids.Set
	for p := range c.cfg.Topology.Replicas {
		all = append(all, ids.Partition(p))
	}
	call := c.order(partition.Request{Command: partition.CommandUpgrade, Arg: arg}, all, c.now.Mono+c.cfg.Tuning.Horizon)
	if c.life != 0 {
		c.start(call)
	}
	return call.seq
}

// access is what a command with that argument will touch, until the next call.
func (c *Core) access(command uint16, arg []byte) (partition.Access, error) {
	spec := &c.cfg.Service.Commands[command]
	if spec.Prepare == nil {
		return spec.Access(arg)
	}
	if c.lent.items == nil {
		c.lent.items = make([]partition.Item, 0, 16)
		c.lent.codes = make([]partition.Code, len(c.cfg.Service.Commands))
	}
	access, code, err := spec.Prepare(arg, partition.Lent{Items: c.lent.items, Code: c.lent.codes[command]})
	c.lent.codes[command] = code
	if n := cap(access.Items); n > cap(c.lent.items) && n <= maxLent {
		c.lent.items = access.Items[:0]
	}
	return access, err
}

// maxLent bounds the items whose memory is used again.
const maxLent = 256

// order makes a command that is to be ordered.
func (c *Core) order(q partition.Request, dests ids.Set, giveUp time.Duration) *call {
	q.MapVersion = c.cfg.Map.Version()
	body := q.Append(make([]byte, 0, len(q.Arg)+requestHead))
	call := c.calls.add()
	call.sent, call.giveUp, call.optimistic = c.now.Wall, giveUp, q.Optimistic
	call.copy = &outgoing{message: ridge.Message{
		Command: ids.Command{Client: c.cfg.ID, Sequence: call.seq},
		Attempt: 1, Dests: dests, Body: body,
	}}
	c.dueAt(call.giveUp)
	return call
}

// requestHead is enough for what comes before a request's argument.
const requestHead = 12
