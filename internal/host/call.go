package host

import (
	"context"
	"errors"
	"fmt"

	"github.com/eyrie-dev/eyrie/internal/client"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// ErrOutcomeUnknown is client.ErrOutcomeUnknown: no answer came, or the caller
// stopped waiting for it, or the client was closed. The command may have been
// executed, may yet be, once, or never.
var ErrOutcomeUnknown = client.ErrOutcomeUnknown

// Result is how a command ended: a reply or an error.
type Result = client.Result

// Call is a command that a client has taken.
type Call struct {
	command uint16
	arg     []byte
	guess   ids.Set
	then    func(Result)  // instead of done
	done    chan struct{} // closed when result is there
	result  Result
}

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

func (c *Call) finish(r Result) {
	if c.then != nil {
		c.then(r)
		return
	}
	c.result = r
	close(c.done)
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
