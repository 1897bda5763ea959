package volery

import (
	"context"
	"fmt"

	"github.com/eyrie-dev/eyrie/ssmr"
)

// Client calls the service. It is safe for concurrent use.
//
// A method returns once its command has its place in the order and its reply
// is final; every reply is linearizable, reads included. A context bounds the
// wait: when it ends first, the error is ctx.Err() and ssmr.ErrOutcomeUnknown,
// and the command may yet take effect. The methods that begin with Go do not
// wait for the reply, only, as long as ctx allows, for room among the client's
// outstanding commands; no order is promised among those. A service error is
// an *Error around one of the package's sentinels.
type Client struct{ c *ssmr.Client }

// NewClient is a client over a connection whose service is Service or
// contains it. Closing the connection stays its owner's affair.
func NewClient(c *ssmr.Client) *Client { return &Client{c} }

// Error says which call failed, and on what.
type Error struct {
	Op   string // the command's name
	Path string
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("%s %s: %v", e.Op, quote(e.Path), e.Err) }

// Unwrap is the cause, for errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Err }

// Call is a command under way. It is safe for concurrent use.
type Call[R any] struct {
	op, path string
	call     *ssmr.Call[R]
	err      error // it was not sent
}

var done = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Done is closed when the outcome is there.
func (c *Call[R]) Done() <-chan struct{} {
	if c.call == nil {
		return done
	}
	return c.call.Done()
}

// Result waits for the outcome. It may be called again, also after a context
// ended.
func (c *Call[R]) Result(ctx context.Context) (r R, err error) {
	if err = c.err; err == nil {
		r, err = c.call.Result(ctx)
	}
	if err != nil {
		err = &Error{c.op, c.path, err}
	}
	return r, err
}

func send[A, R any](ctx context.Context, c *Client, command *ssmr.Command[A, R], path string, size int, arg A) *Call[R] {
	call := &Call[R]{op: command.Name(), path: path}
	switch {
	case size > MaxValue:
		call.err = fmt.Errorf("%w: %d bytes, the limit is %d", ErrTooLarge, size, MaxValue)
	case len(path) > MaxPath:
		call.err = CheckPath(path)
	default:
		call.call = command.Go(ctx, c.c, arg)
	}
	return call
}

// Create makes a node at path with a value; its parent must exist. Errors:
// ErrNoNode (no parent), ErrNodeExists, ErrBadArguments, ErrTooLarge,
// ErrTooManyChildren.
func (c *Client) Create(ctx context.Context, path string, data []byte) (Stat, error) {
	return c.GoCreate(ctx, path, data).Result(ctx)
}

// Delete removes the node at path if it has the version (or AnyVersion) and no
// children. Errors: ErrNoNode, ErrBadVersion, ErrNotEmpty, ErrBadArguments.
func (c *Client) Delete(ctx context.Context, path string, version int32) error {
	_, err := c.GoDelete(ctx, path, version).Result(ctx)
	return err
}

// Exists tells whether there is a node at path, and its Stat.
func (c *Client) Exists(ctx context.Context, path string) (Stat, bool, error) {
	p, err := c.GoExists(ctx, path).Result(ctx)
	return p.Stat, p.Found, err
}

// GetChildren lists the names of the children of the node at path, in byte
// order. Error: ErrNoNode.
func (c *Client) GetChildren(ctx context.Context, path string) ([]string, Stat, error) {
	l, err := c.GoGetChildren(ctx, path).Result(ctx)
	return l.Names, l.Stat, err
}

// GetData tells the value of the node at path. Error: ErrNoNode.
func (c *Client) GetData(ctx context.Context, path string) ([]byte, Stat, error) {
	v, err := c.GoGetData(ctx, path).Result(ctx)
	return v.Data, v.Stat, err
}

// SetData changes the value of the node at path if it has the version (or
// AnyVersion). Errors: ErrNoNode, ErrBadVersion, ErrBadArguments, ErrTooLarge.
func (c *Client) SetData(ctx context.Context, path string, data []byte, version int32) (Stat, error) {
	return c.GoSetData(ctx, path, data, version).Result(ctx)
}

// GoCreate is Create without the wait for the reply.
func (c *Client) GoCreate(ctx context.Context, path string, data []byte) *Call[Stat] {
	return send(ctx, c, Create, path, len(data), CreateArg{path, data})
}

// GoDelete is Delete without the wait for the reply.
func (c *Client) GoDelete(ctx context.Context, path string, version int32) *Call[struct{}] {
	return send(ctx, c, Delete, path, 0, DeleteArg{path, version})
}

// GoExists is Exists without the wait for the reply.
func (c *Client) GoExists(ctx context.Context, path string) *Call[Presence] {
	return send(ctx, c, Exists, path, 0, path)
}

// GoGetChildren is GetChildren without the wait for the reply.
func (c *Client) GoGetChildren(ctx context.Context, path string) *Call[Listing] {
	return send(ctx, c, GetChildren, path, 0, path)
}

// GoGetData is GetData without the wait for the reply.
func (c *Client) GoGetData(ctx context.Context, path string) *Call[Content] {
	return send(ctx, c, GetData, path, 0, path)
}

// GoSetData is SetData without the wait for the reply.
func (c *Client) GoSetData(ctx context.Context, path string, data []byte, version int32) *Call[Stat] {
	return send(ctx, c, SetData, path, len(data), SetArg{path, version, data})
}

// quote leaves an ordinary path as it is and makes any other readable.
func quote(path string) string {
	if path == "" || pathFault(path) != "" {
		return fmt.Sprintf("%q", clip(path))
	}
	return clip(path)
}
