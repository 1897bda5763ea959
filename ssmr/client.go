package ssmr

import (
	"context"
	"fmt"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// Client sends commands to a cluster (or to a Machine). It is safe for
// concurrent use; commands are sent with their own Do and Go.
type Client struct {
	s *Service
	b backend
}

// Service is the service whose commands the client can send.
func (c *Client) Service() *Service { return c.s }

// Close gives up what is outstanding, as ErrOutcomeUnknown. It is idempotent.
func (c *Client) Close() error { return c.b.Close() }

// backend is how a client reaches its service.
type backend interface {
	// Submit hands a command over; it may wait for room until ctx ends. An
	// error means that the command was not sent.
	Submit(ctx context.Context, command uint16, arg []byte, o callOptions) (pending, error)
	Close() error
}

// pending is a command that was handed over.
type pending interface {
	// Done is closed when the outcome is there.
	Done() <-chan struct{}
	// Outcome is valid after Done: the result's encoding, or the error as the
	// caller shall see it.
	Outcome() ([]byte, error)
	// Early is closed when an optimistic reply is there: before Done, or never.
	// It is nil where none is awaited.
	Early() <-chan struct{}
	// Optimistic is valid after Early: as Outcome.
	Optimistic() ([]byte, error)
	// Replies is valid after Done.
	Replies() Replies
}

// CallOption is an option of Do and Go.
type CallOption func(*callOptions)

type callOptions struct {
	guess      ids.Set
	optimistic bool
}

// Guess names partitions that a command with AtLeast access will probably
// need, from experience. It never changes the result; a good one saves a
// second round.
func Guess(partitions ...int) CallOption {
	return func(o *callOptions) {
		for _, p := range partitions {
			if p >= 0 && p < 1<<16 {
				o.guess = o.guess.Union(ids.NewSet(ids.Partition(p)))
			}
		}
	}
}

// Call is a command under way. It is safe for concurrent use.
type Call[R any] struct {
	decode func([]byte, bool) (R, error)
	p      pending
	err    error // it was not sent
}

var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func (c *Call[R]) failed(err error) *Call[R] {
	c.err = err
	return c
}

// Done is closed when the outcome is there.
func (c *Call[R]) Done() <-chan struct{} {
	if c.p == nil {
		return closed
	}
	return c.p.Done()
}

// Result waits for the outcome. Giving up the wait, by ctx, does not give up
// the command: Result may be called again.
func (c *Call[R]) Result(ctx context.Context) (R, error) {
	var none R
	if c.p == nil {
		return none, c.err
	}
	select {
	case <-c.p.Done():
	default:
		select {
		case <-c.p.Done():
		case <-ctx.Done():
			return none, unknown(ctx)
		}
	}
	raw, err := c.p.Outcome()
	if err != nil {
		return none, err
	}
	return c.result(raw)
}

// result decodes what an executed command has returned.
func (c *Call[R]) result(raw []byte) (R, error) {
	r, err := c.decode(raw, false)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrResult, err)
	}
	return r, err
}
