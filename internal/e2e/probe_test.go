package e2e

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/apps"
	"github.com/eyrie-dev/eyrie/apps/volery"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// prober is a client that writes without pause.
type prober struct {
	acknowledged atomic.Int64
	longest      chan time.Duration // the longest time without an answer, at the end
}

// probe writes one node after another, over both partitions, until ctx ends.
// Then it reads back what was acknowledged.
func probe(ctx context.Context, t *testing.T, p *processes) *prober {
	t.Helper()
	s, err := ssmr.Dial(ctx, p.file, apps.Service, ssmr.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	c := volery.NewClient(s)
	if _, err := c.Create(ctx, "/probe", nil); err != nil {
		t.Fatal(err)
	}
	pr := &prober{longest: make(chan time.Duration, 1)}
	go func() {
		defer s.Close()
		var longest time.Duration
		for ctx.Err() == nil {
			began, n := time.Now(), int(pr.acknowledged.Load())
			_, err := c.Create(ctx, probePath(n), []byte(fmt.Sprint(n)))
			if ctx.Err() != nil {
				break
			}
			if err != nil {
				t.Errorf("probe %d: %v", n, err)
				break
			}
			longest = max(longest, time.Since(began))
			pr.acknowledged.Add(1)
		}
		checkProbes(t, c, int(pr.acknowledged.Load()))
		pr.longest <- longest
	}()
	return pr
}

// goesOn waits until n more writes have been acknowledged.
func (pr *prober) goesOn(t *testing.T, n int64, within time.Duration) {
	t.Helper()
	before := pr.acknowledged.Load()
	eventually(t, within, "a client goes on", func() bool { return pr.acknowledged.Load() >= before+n })
}

func probePath(i int) string { return fmt.Sprintf("/probe/%d", i) }

// checkProbes: no acknowledged write is lost, and none was applied twice.
func checkProbes(t *testing.T, c *volery.Client, n int) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	calls := make([]*volery.Call[volery.Content], 0, n)
	for i := range n {
		calls = append(calls, c.GoGetData(ctx, probePath(i)))
	}
	for i, call := range calls {
		got, err := call.Result(ctx)
		if err != nil || string(got.Data) != fmt.Sprint(i) || got.Stat.Version != 0 {
			t.Errorf("acknowledged write %d of %d: %q, version %d, %v", i, n, got.Data, got.Stat.Version, err)
			return
		}
	}
	names, _, err := c.GetChildren(ctx, "/probe")
	if err != nil || len(names) < n || len(names) > n+1 { // one may be of unknown outcome
		t.Errorf("%d children of /probe, want %d or one more; %v", len(names), n, errors.Join(err))
	}
}
