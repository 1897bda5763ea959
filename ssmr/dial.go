package ssmr

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eyrie-dev/eyrie/internal/client"
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
	tuning := client.DefaultTuning()
	tuning.Horizon, tuning.Cast = f.Ridge().Horizon, f.Optimistic
	if cfg.Window > 0 {
		tuning.Window = cfg.Window
	}
	c, err := host.Dial(ctx, host.ClientConfig{
		Core: client.Config{
			Topology: f.Topology(), Map: s.Map(len(f.Partitions)), Service: s.Definition(), Tuning: tuning,
		},
		Cluster: f.Cluster, Addrs: f.Addrs(), Near: near, Logger: cfg.Logger,
	})
	if err == nil {
		return &Client{s: s, b: remote{s, c}}, nil
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
}

func (r remote) Submit(ctx context.Context, command uint16, arg []byte, o callOptions) (pending, error) {
	call, err := r.c.Submit(ctx, command, arg, o.guess)
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

func (c remoteCall) Outcome() ([]byte, error) {
	r := c.Call.Result()
	switch {
	case r.Err != nil:
		return nil, r.Err
	case r.Reply.Outcome == partition.OutcomeOK:
		return r.Reply.Value, nil
	}
	return nil, c.s.replyError(r.Reply.ErrorName, r.Reply.ErrorText)
}

// Early implements pending. Nothing is executed optimistically yet.
func (c remoteCall) Early() <-chan struct{} { return nil }

// Optimistic implements pending.
func (c remoteCall) Optimistic() ([]byte, error) { return nil, nil }

// Replies implements pending.
func (c remoteCall) Replies() Replies {
	r := c.Call.Result()
	if r.Sent == 0 {
		return Replies{}
	}
	return Replies{Sent: time.UnixMicro(int64(r.Sent)), Conservative: r.Replied.Sub(r.Sent)}
}
