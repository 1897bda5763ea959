package host

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/eyrie-dev/eyrie/internal/client"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// ErrOutcomeUnknown is client.ErrOutcomeUnknown: no answer came, or the caller
// stopped waiting for it, or the client was closed. The command may have been
// executed, may yet be, once, or never.
var ErrOutcomeUnknown = client.ErrOutcomeUnknown

// Result is how a command ended: a reply or an error.
type Result = client.Result

// Early is an optimistic reply: what the result will probably be.
type Early = client.Early

// Call is a command that a client has taken.
type Call struct {
	command uint16
	arg     []byte
	guess   ids.Set

	sequence ids.Sequence // once it is in the core

	then   func(Result)  // instead of done
	done   chan struct{} // closed when result is there
	result Result

	// Of those that ask for an optimistic reply:
	heard func(*Early)  // instead of came
	came  chan struct{} // closed when early is there
	early *Early
}

// optimistic says whether an optimistic reply is asked for.
func (c *Call) optimistic() bool { return c.came != nil || c.heard != nil }

// Came is closed when an optimistic reply is there: before Done, or never. It
// is nil unless one was asked for.
func (c *Call) Came() <-chan struct{} { return c.came }

// Early is the optimistic reply, valid after Came.
func (c *Call) Early() *Early { return c.early }

// Done is closed when the result is there.
func (c *Call) Done() <-chan struct{} { return c.done }

// Result is valid after Done.
func (c *Call) Result() Result { return c.result }

// Wait waits for the result. The end of ctx ends the wait alone: the error is
// then both ctx's and ErrOutcomeUnknown, the client goes on with the command,
// and Wait may be called again. An error is otherwise the result's Err.
func (c *Call) Wait(ctx context.Context) (Result, error) {
	select {
	case <-c.done:
		return c.result, c.result.Err
	default:
	}
	select {
	case <-c.done:
		return c.result, c.result.Err
	case <-ctx.Done():
		return Result{}, fmt.Errorf("%w: %w", ErrOutcomeUnknown, ended(ctx))
	}
}

// callbacks are calls that nobody but the client holds, to be used again.
var callbacks = sync.Pool{New: func() any { return new(Call) }}

func (c *Call) finish(r Result) {
	if then := c.then; then != nil {
		*c = Call{}
		then(r)
		callbacks.Put(c)
	} else if c.done != nil { // else it was called already, and panicked
		c.result = r
		close(c.done)
	}
}

// hear hands out an optimistic reply, once and before finish.
func (c *Call) hear(e *Early) {
	if heard := c.heard; heard != nil {
		c.heard = nil
		heard(e)
	} else if c.came != nil && c.early == nil {
		c.early = e
		close(c.came)
	}
}

// openCalls are the calls in the core: commands by sequence and reads by number.
type openCalls struct{ commands, reads callRing }

func (o *openCalls) ring(h ids.Sequence) *callRing {
	if _, read := client.IsRead(h); read {
		return &o.reads
	}
	return &o.commands
}

func (o *openCalls) put(c *Call)               { o.ring(c.sequence).put(c) }
func (o *openCalls) take(h ids.Sequence) *Call { return o.ring(h).take(h) }
func (o *openCalls) get(h ids.Sequence) *Call  { return o.ring(h).get(h) }

// callRing is a ring by sequence.
type callRing struct {
	ring []*Call // length a power of two, or none
}

func (o *callRing) place(seq ids.Sequence) *(*Call) { return &o.ring[int(seq)&(len(o.ring)-1)] }

// put grows the ring until the call's place is free.
func (o *callRing) put(c *Call) {
	for len(o.ring) == 0 || *o.place(c.sequence) != nil {
		old := o.ring
		o.ring = make([]*Call, max(2*len(old), 16))
		for _, x := range old {
			if x != nil {
				*o.place(x.sequence) = x
			}
		}
	}
	*o.place(c.sequence) = c
}

// get is a call; nil if it is not there.
func (o *callRing) get(seq ids.Sequence) *Call {
	if len(o.ring) == 0 {
		return nil
	}
	if c := *o.place(seq); c != nil && c.sequence == seq {
		return c
	}
	return nil
}

// take removes a call; nil if it is not there.
func (o *callRing) take(seq ids.Sequence) *Call {
	c := o.get(seq)
	if c != nil {
		*o.place(seq) = nil
	}
	return c
}

// failed is the result of a command that was taken, but never sent.
func failed(err error) Result { return Result{Err: err} }

// abandoned is the result of a command that a closed client leaves behind.
func abandoned(why error) Result {
	if why == nil {
		why = ErrClosed
	}
	if errors.Is(why, ErrOutcomeUnknown) {
		return Result{Err: why}
	}
	return Result{Err: fmt.Errorf("%w: %w", ErrOutcomeUnknown, why)}
}
