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
	Optimistic(ctx context.Context) (ssmr.OptimisticReply[R], error)
	Replies() ssmr.Replies
}

var done = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func send[A, R any](ctx context.Context, c *Client, command *ssmr.Command[A, R], user User, arg A, options ...ssmr.CallOption) *Call[R] {
	return &Call[R]{op: command.Name(), user: user, under: command.Go(ctx, c.c, arg, options...)}
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

// Optimistic waits for the optimistic reply, if ssmr.Optimistic asked for one,
// or the outcome, whichever comes first; see ssmr.Call.
func (c *Call[R]) Optimistic(ctx context.Context) (ssmr.OptimisticReply[R], error) {
	if c.under == nil {
		return ssmr.OptimisticReply[R]{Err: &Error{c.op, c.user, c.err}, Final: true}, nil
	}
	r, err := c.under.Optimistic(ctx)
	if err != nil {
		return r, &Error{c.op, c.user, err}
	}
	if r.Err != nil {
		r.Err = &Error{c.op, c.user, r.Err}
	}
	return r, nil
}

// Replies is when the replies came, and whether they agreed: valid after Done,
// and zero before. What a post took includes all that was sent for it.
func (c *Call[R]) Replies() ssmr.Replies {
	if c.under == nil {
		return ssmr.Replies{}
	}
	return c.under.Replies()
}
