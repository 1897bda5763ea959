package scale

import (
	"context"
	"fmt"
	"strings"

	"github.com/eyrie-dev/eyrie/apps/chirper"
	"github.com/eyrie-dev/eyrie/bench"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// Chirper's commands on one replica in this process, without a network: what
// ordering and the client cost there is in it, so that the model takes the
// execution for slower than it is.
func (c *Costs) chirper(ctx context.Context) error {
	const window, ops, wide = 64, 20_000, 200 // wide: followers of the author with many
	cluster, err := ssmr.StartLocal(ctx, chirper.Service, ssmr.Config{Partitions: 1, Replicas: 1, Client: ssmr.ClientConfig{Window: window}})
	if err != nil {
		return err
	}
	defer cluster.Close()
	x := chirper.NewClient(cluster.Client())
	text := strings.Repeat("0123456789", 10)
	for u := range chirper.User(2 + wide) {
		if _, err := x.Join(ctx, u); err != nil {
			return err
		}
		if u > 1 {
			if _, err := x.Follow(ctx, u, 1); err != nil {
				return err
			}
		}
	}
	post := func(author chirper.User) func() func(context.Context) error {
		return func() func(context.Context) error {
			call := x.GoPost(ctx, author, text)
			return func(ctx context.Context) error { _, err := call.Result(ctx); return err }
		}
	}
	read := func() func(context.Context) error {
		call := x.GoOrderedTimeline(ctx, 0)
		return func(ctx context.Context) error { _, err := call.Result(ctx); return err }
	}
	if _, err := perCall(ctx, 200, window, post(1)); err != nil { // fills timelines
		return err
	}
	one, err := perCall(ctx, ops, window, post(0))
	if err != nil {
		return err
	}
	many, err := perCall(ctx, ops/10, window, post(1))
	if err != nil {
		return err
	}
	c.Timeline, err = perCall(ctx, ops, window, read)
	c.PostEach = (many - one) / wide
	c.Post = one - c.PostEach
	if c.PostEach <= 0 || c.Post <= 0 {
		return fmt.Errorf("scale: posts of %.0f and %.0f ns, with 1 and %d timelines, are no measurement", one, many, 1+wide)
	}
	return err
}

// perCall is the processor time of a call, in nanoseconds, of n with a window
// under way.
func perCall(ctx context.Context, n, window int, begin func() func(context.Context) error) (float64, error) {
	open := make([]func(context.Context) error, window)
	used := bench.OwnCPU()
	for i := range n + window {
		if wait := open[i%window]; wait != nil {
			if err := wait(ctx); err != nil {
				return 0, err
			}
		}
		if open[i%window] = nil; i < n {
			open[i%window] = begin()
		}
	}
	return float64(bench.OwnCPU()-used) / float64(n), nil
}
