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
	late         atomic.Int64       // the most by which this program was woken late, in ns
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
	go pr.watch(ctx)
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

// watch measures until ctx ends how long this program waits for a processor.
func (pr *prober) watch(ctx context.Context) {
	const nap = 5 * time.Millisecond
	for ctx.Err() == nil {
		began := time.Now()
		time.Sleep(nap)
		pr.late.Store(max(pr.late.Load(), int64(time.Since(began)-nap)))
	}
}

// wakeUps is how many programs have to be woken, one after another, until a command
// is answered of which a coordinator has died: heartbeats, a takeover, a
// resend, the command's own way.
const wakeUps = 10

// paused checks the longest time without an answer: on a machine that has other
// work, each of those who are needed for one may have waited for a processor as long
// as this program has.
func (pr *prober) paused(t *testing.T, longest, most time.Duration) {
	t.Helper()
	late := time.Duration(pr.late.Load())
	t.Logf("longest pause of a client: %v; this program was woken up to %v late", longest, late)
	if longest > most+wakeUps*late {
		t.Errorf("a client paused for %v, more than %v", longest, most)
	}
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
