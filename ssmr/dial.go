package ssmr

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/host"
	"github.com/eyrie-dev/eyrie/partition"
)

// Dial connects to the running cluster that a file describes (eyrie.json,
// which `eyrie up` and `eyrie init` write). The service must be the one that
// the cluster runs. It returns when one process has answered; ctx bounds the
// dialing alone. Errors are ErrUnavailable, ErrRefused, or about the file.
func Dial(ctx context.Context, file string, s *Service, cfg ClientConfig) (*Client, error) {
	if err := errors.Join(s.Validate(), cfg.Validate()); err != nil {
		return nil, err
	}
	f, err := cluster.Load(file)
	if err != nil {
		return nil, err
	}
	return dial(ctx, f, s, cfg)
}

func dial(ctx context.Context, f *cluster.File, s *Service, cfg ClientConfig, near ...*host.Node) (*Client, error) {
	config := host.FileClient(f, s.Definition(), s.Map(len(f.Partitions)))
	config.Near, config.Logger = near, cfg.Logger
	if cfg.Window > 0 {
		config.Core.Tuning.Window = cfg.Window
	}
	c, err := host.Dial(ctx, config)
	if err == nil {
		return &Client{s: s, b: remote{s, c, f.Execution != Conservative}}, nil
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil, fmt.Errorf("%w: %w", ErrRefused, err)
}

// remote is a client of a cluster.
type remote struct {
	s *Service
	c *host.Client
	// optimistic: its commands are executed so.
	optimistic bool
}

func (r remote) Submit(ctx context.Context, command uint16, arg []byte, o callOptions) (pending, error) {
	submit := r.c.Submit
	if o.optimistic && r.optimistic {
		submit = r.c.SubmitOptimistic
	}
	call, err := submit(ctx, command, arg, o.guess)
	if err != nil {
		if why := r.c.Err(); why != nil && errors.Is(err, ErrClosed) {
			return nil, fmt.Errorf("%w: %w", err, why)
		}
		if end := ctx.Err(); end != nil && !errors.Is(err, end) { // a cause of the caller's own
			return nil, fmt.Errorf("%w: %w", end, err)
		}
		return nil, err
	}
	return remoteCall{r.s, call}, nil
}

func (r remote) Close() error { return r.c.Close() }

type remoteCall struct {
	s *Service
	*host.Call
}

// Outcome implements pending.
func (c remoteCall) Outcome() ([]byte, error) {
	r := c.Call.Result()
	if r.Err != nil {
		return nil, r.Err
	}
	return c.s.outcome(r.Reply.Outcome, r.Reply.Value, r.Reply.ErrorName, r.Reply.ErrorText)
}

// Early implements pending.
func (c remoteCall) Early() <-chan struct{} { return c.Call.Came() }

// Optimistic implements pending.
func (c remoteCall) Optimistic() ([]byte, error) {
	r := c.Call.Early().Reply
	return c.s.outcome(r.Outcome, r.Value, r.ErrorName, r.ErrorText)
}

func (s *Service) outcome(o partition.Outcome, value []byte, name, text string) ([]byte, error) {
	if o == partition.OutcomeOK {
		return value, nil
	}
	return nil, s.replyError(name, text)
}

// Replies implements pending.
func (c remoteCall) Replies() Replies {
	r := c.Call.Result()
	all := Replies{Conservative: r.Took, Agreed: r.Agreed}
	if r.Sent != 0 {
		all.Sent = time.UnixMicro(int64(r.Sent))
	}
	if r.Early != nil {
		all.Early, all.Optimistic = true, r.Early.Took
	}
	return all
}
