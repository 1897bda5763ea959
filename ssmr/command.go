package ssmr

import (
	"cmp"
	"context"
	"fmt"
	"sync/atomic"

	"github.com/eyrie-dev/eyrie/partition"
)

// Command is code that clients may have executed: once, in one order with all
// others, at every replica of what it touches. A is its argument, R its
// result. It is immutable and safe for concurrent use.
type Command[A, R any] struct {
	id     identity
	option commandOptions
	access func(A) Access
	run    func(Tx, A) (R, error)
	arg    valueCodec[A]
	result valueCodec[R]
	// size is the last argument's, so that the next needs no growing: arguments
	// of a command are mostly alike.
	size atomic.Int32
}

// maxHint bounds what is set aside for an argument on a guess.
const maxHint = 4 << 10

// NewCommand names code. Access says what it will touch, from the argument
// alone, and must not change what that points to: Run may get the same. Run
// executes it; see Tx for what it must not do. If it returns an error, its writes are dropped and the error is the reply. If it panics, its
// writes are dropped and the reply is ErrPanicked.
func NewCommand[A, R any](name string, access func(A) Access, run func(Tx, A) (R, error), options ...CommandOption) *Command[A, R] {
	var o commandOptions
	for _, set := range options {
		set(&o)
	}
	return &Command[A, R]{
		id:     identity{name: name},
		option: o,
		access: access,
		run:    run,
		arg:    valueCodecOf[A](),
		result: valueCodecOf[R](),
	}
}

// Name is the command's name.
func (c *Command[A, R]) Name() string { return c.id.name }

func (c *Command[A, R]) addTo(s *Service, prefix string) {
	_, known := s.commands[&c.id]
	if !s.claim("command", prefix+c.id.name, known, len(s.def.Commands)) {
		return
	}
	if err := cmp.Or(c.arg.err, c.result.err); err != nil {
		s.complain(fmt.Errorf("command %q: %w", c.id.name, err))
	}
	c.id.join(s, s.commands, len(s.def.Commands))
	s.def.Commands = append(s.def.Commands, partition.CommandSpec{
		Name:     prefix + c.id.name,
		ReadOnly: c.option.readOnly,
		Access: func(arg []byte) (partition.Access, error) {
			a, _, err := c.prepare(s, arg, &partition.Lent{})
			return a, err
		},
		Run: func(tx partition.Tx, arg []byte) ([]byte, error) {
			p := &prepared[A, R]{binding: binding{s: s}, c: c}
			if err := c.arg.decodeInto(arg, &p.arg); err != nil {
				panic(err) // the access would not have been had
			}
			return p.Run(tx)
		},
		Prepare: func(arg []byte, lent partition.Lent) (partition.Access, partition.Code, error) {
			return c.prepare(s, arg, &lent)
		},
	})
}

// CommandOption is an option of NewCommand.
type CommandOption func(*commandOptions)

type commandOptions struct{ readOnly bool }

// ReadOnly says that the command never writes: it fails with ErrReadOnly where
// it tries to, or where its access declares a write.
//
// If it needs one partition alone, one replica then executes it, without
// ordering it: at a fraction of the cost of an ordered command, and
// linearizable all the same (a read that is submitted after a reply sees what
// that reply's command wrote, this client's or another's). It costs a question
// to the coordinator, which all reads share that wait at the replica. A command
// that needs several partitions is ordered as any other.
//
// Tx.Now is then the time of the last command ordered before, and an outcome
// unknown is without consequence. That a command is ReadOnly must be known to
// all processes of a cluster alike.
func ReadOnly() CommandOption { return func(o *commandOptions) { o.readOnly = true } }

// prepared is a command with its argument, decoded once for both its access
// and its code. It implements partition.Code.
type prepared[A, R any] struct {
	binding
	c   *Command[A, R]
	arg A
}

// binding is the service that a command runs in, and its access, if known: the
// names of variables in it are used again.
type binding struct {
	s *Service
	// access was resolved into items, in the same order.
	access Access
	items  []partition.Item
	// out are those of access that are not in items.
	out leftOut
	// next is the place behind that of the variable named last: mostly code goes
	// through the access as it was written down. at is that place in items.
	next, at int
	// updates counts the calls of the partition's Update.
	updates int
}

// declared is the name of a variable that the access names, if it is plain and
// the next one or among the first.
func (b *binding) declared(it Item) *partition.Key {
	if b.next < b.access.len() && !b.out.has(b.next) && b.access.item(b.next).names(it) {
		b.next, b.at = b.next+1, b.at+1
		return &b.items[b.at-1].Key
	}
	for i, at := 0, 0; i < b.access.n && at < len(b.items); i++ {
		switch {
		case b.out.has(i):
			continue
		case b.access.first[i].names(it):
			b.next, b.at = i+1, at+1
			return &b.items[at].Key
		}
		at++
	}
	return nil
}

// names says whether an item of an access is of the same variable as a plain one.
func (it *Item) names(plain Item) bool {
	return it.word == plain.word && it.kind.collection == plain.kind.collection && it.kind.rare == nil && it.key == plain.key
}

func (c *Command[A, R]) prepare(s *Service, raw []byte, lent *partition.Lent) (partition.Access, partition.Code, error) {
	p, ok := lent.Code.(*prepared[A, R])
	if !ok {
		p = new(prepared[A, R])
	}
	var none A
	p.s, p.c, p.arg, p.items, p.next, p.at = s, c, none, nil, 0, 0
	p.out.reset()
	if err := c.arg.decodeInto(raw, &p.arg); err != nil {
		return partition.Access{}, nil, err
	}
	p.access = c.access(p.arg)
	a, err := p.access.resolve(s, lent, &p.out)
	p.items = a.Items
	return a, p, err
}

// Run executes the command's code, once: afterwards the argument is gone.
func (p *prepared[A, R]) Run(tx partition.Tx) ([]byte, error) {
	result, err := p.c.run(Tx{tx, &p.binding}, p.arg)
	var none A
	p.arg = none
	if err != nil {
		return nil, err
	}
	return must(p.c.result.append(nil, result)), nil
}

// Encode is the command's number in a service and the encoding of an
// argument: what a client sends.
func (c *Command[A, R]) Encode(s *Service, arg A) (number uint16, raw []byte, err error) {
	number, ok := c.id.in(s, s.commands)
	if !ok {
		return 0, nil, fmt.Errorf("%w: %q, %q", ErrUnknownCommand, c.id.name, s.Name())
	}
	raw, err = c.arg.append(make([]byte, 0, c.size.Load()), arg)
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %w", ErrArgument, err)
	}
	if n := int32(min(len(raw), maxHint)); n != c.size.Load() {
		c.size.Store(n)
	}
	return number, raw, nil
}

// Decode is the result that an encoding stands for.
func (c *Command[A, R]) Decode(raw []byte) (R, error) { return c.result.decode(raw, false) }

// Do has the command executed and waits for its linearizable reply. The
// context bounds the wait only: when it ends first, the command may still be
// executed, and the error is both ctx.Err() and ErrOutcomeUnknown; it is
// ctx.Err() alone if the command was not sent for want of room.
func (c *Command[A, R]) Do(ctx context.Context, client *Client, arg A, options ...CallOption) (R, error) {
	return c.Go(ctx, client, arg, options...).Result(ctx)
}

// Go has the command executed and does not wait for the reply. It waits, as
// long as ctx allows, for room among the client's outstanding commands. No
// order is promised among the outstanding commands of one client.
func (c *Command[A, R]) Go(ctx context.Context, client *Client, arg A, options ...CallOption) *Call[R] {
	call := &Call[R]{decode: c.result.decode}
	number, raw, err := c.Encode(client.s, arg)
	if err != nil {
		return call.failed(err)
	}
	var o callOptions
	for _, set := range options {
		set(&o)
	}
	p, err := client.b.Submit(ctx, number, raw, o)
	if err != nil {
		return call.failed(err)
	}
	call.p = p
	return call
}
