package chirper

import (
	"context"

	"github.com/eyrie-dev/eyrie/ssmr"
)

// Call is a command under way. It is safe for concurrent use.
type Call[R any] struct {
	op   string
	user User
	// under is the command; nil if it was not sent, because of err.
	under underway[R]
	err   error
	// then, if not nil, is told of a success, perhaps more than once.
	then func(R)
}

// underway is a command that was sent, or several of which the last counts.
type underway[R any] interface {
	Done() <-chan struct{}
	Result(ctx context.Context) (R, error)
}

var done = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func send[A, R any](ctx context.Context, c *Client, command *ssmr.Command[A, R], user User, arg A) *Call[R] {
	return &Call[R]{op: command.Name(), user: user, under: command.Go(ctx, c.c, arg)}
}

func failed[R any](op string, user User, err error) *Call[R] {
	return &Call[R]{op: op, user: user, err: err}
}

// Done is closed when the outcome is there.
func (c *Call[R]) Done() <-chan struct{} {
	if c.under == nil {
		return done
	}
	return c.under.Done()
}

// Result waits for the outcome. It may be called again, also after a context
// ended.
func (c *Call[R]) Result(ctx context.Context) (r R, err error) {
	if err = c.err; err == nil {
		r, err = c.under.Result(ctx)
	}
	switch {
	case err != nil:
		err = &Error{c.op, c.user, err}
	case c.then != nil:
		c.then(r)
	}
	return r, err
}
