package ssmr

import (
	"context"
	"time"

	"github.com/eyrie-dev/eyrie/optimistic"
)

// Execution is how a cluster executes commands. All of its processes and
// clients must be told the same. Whatever it is, Do and Result return
// linearizable replies alone.
type Execution = optimistic.Mode

const (
	// Conservative: each command at its place in the order (S-SMR, chapter 4).
	Conservative = optimistic.Conservative
	// Baseline: before that too, in the order that is probable, for an
	// optimistic reply (Fast-SSMR, section 6.2). It costs CPU, and a message from
	// each client straight to each replica concerned.
	Baseline = optimistic.Baseline
	// Full is Baseline, where such executions also send each other the values
	// that they read elsewhere (section 6.3), for earlier replies to commands of
	// several partitions.
	Full = optimistic.Full
)

// Optimistic asks for an optimistic reply too: the outcome of executing the
// command in the order in which it will probably be delivered, before that
// order is final (dissertation, chapter 6: Fast-SSMR). It comes some message
// delays sooner than the linearizable one, which is called conservative where
// both are spoken of, and which Result and Do return whether this is asked for
// or not. Without it no optimistic reply is sent.
//
// An optimistic reply is probably right and never promised. A wrong one may be
// of a state that never was: it may show a command as executed that will be
// ordered later, or will fail, or will never be executed at all, or not show
// one that comes before. An error is no more certain than a value is: what
// fails optimistically may succeed, and the other way round. Therefore: show
// it, prepare what comes next, and wait for the conservative reply before
// anything that cannot be taken back.
//
// None comes of a cluster whose Execution is Conservative, of a ReadOnly command
// of one partition, which is not ordered, or when the conservative reply is
// there first.
func Optimistic() CallOption { return func(o *callOptions) { o.optimistic = true } }

// OptimisticReply is what came first of a command's replies.
type OptimisticReply[R any] struct {
	// Value and Err are as Result returns them. They are probably what Result
	// will return, and certainly if Final.
	Value R
	Err   error
	// Final says that this is the conservative outcome: there was no
	// optimistic reply before it.
	Final bool
}

// Optimistic waits for the command's optimistic reply or its outcome, whichever
// comes first, and says which it was. Later calls return the same. The error
// is not nil if ctx ended first, as of Result; then the reply means nothing.
func (c *Call[R]) Optimistic(ctx context.Context) (OptimisticReply[R], error) {
	if c.p == nil {
		return OptimisticReply[R]{Err: c.err, Final: true}, nil
	}
	early, done := c.p.Early(), c.p.Done()
	select {
	case <-early:
	case <-done:
	default:
		select {
		case <-early:
		case <-done:
		case <-ctx.Done():
			return OptimisticReply[R]{}, unknown(ctx)
		}
	}
	var reply OptimisticReply[R]
	var raw []byte
	select {
	case <-early: // which is closed before done, or never
		raw, reply.Err = c.p.Optimistic()
	default:
		raw, reply.Err = c.p.Outcome()
		reply.Final = true
	}
	if reply.Err == nil {
		reply.Value, reply.Err = c.result(raw)
	}
	return reply, nil
}

// Replies is when a command's replies came, by the client's clock, and whether
// they agreed.
type Replies struct {
	// Sent is when the client sent the command; before, it may have waited for
	// room. It is zero for a command that was not sent.
	Sent time.Time
	// Conservative is how long after Sent the outcome was there. Optimistic is
	// the same of the optimistic reply, and zero without Early.
	Conservative, Optimistic time.Duration
	// Early says that an optimistic reply came before the outcome.
	Early bool
	// Agreed says that it was the outcome: the same value or the same error.
	// An outcome that is unknown agrees with nothing.
	Agreed bool
}

// Replies is valid after Done, and zero before.
func (c *Call[R]) Replies() Replies {
	if c.p == nil {
		return Replies{}
	}
	select {
	case <-c.p.Done():
		return c.p.Replies()
	default:
		return Replies{}
	}
}
