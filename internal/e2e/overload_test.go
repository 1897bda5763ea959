package e2e

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/apps"
	"github.com/eyrie-dev/eyrie/apps/volery"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// TestOverload: scenario 60, in small. Ten clients with ten times their usual
// calls under way, then one as before: soon the same goodput, no memory kept,
// and every write took effect once.
func TestOverload(t *testing.T) {
	t.Parallel()
	p := startProcesses(t, 2, 3)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	const normal, over, clients = 25, 250, 10
	one := dialVolery(ctx, t, p, normal)
	for i := range clients + 1 {
		if _, err := one.Create(ctx, loadPath(i), nil); err != nil {
			t.Fatal(err)
		}
	}
	var done, unknown [clients + 1]int
	window := 700 * time.Millisecond
	load := func(c *volery.Client, i, calls int, d time.Duration) float64 {
		began := time.Now()
		n, u := keepBusy(ctx, t, c, loadPath(i), calls, d)
		done[i], unknown[i] = done[i]+n, unknown[i]+u
		return float64(n) / time.Since(began).Seconds()
	}
	before := load(one, clients, normal, window)
	memory := p.memory()

	var wg sync.WaitGroup
	for i := range clients {
		c := dialVolery(ctx, t, p, over)
		wg.Go(func() { load(c, i, over, time.Duration(scaled(20))*100*time.Millisecond) })
	}
	wg.Wait()
	eventually(t, time.Minute, "the goodput is back", func() bool {
		after := load(one, clients, normal, window)
		t.Logf("goodput before %.0f/s, after %.0f/s", before, after)
		return after > before/2
	})
	for i := range clients + 1 {
		stat, ok, err := one.Exists(ctx, loadPath(i))
		if v := int(stat.Version); err != nil || !ok || v < done[i] || v > done[i]+unknown[i] {
			t.Errorf("client %d: %d writes acknowledged, %d unknown, version %d, %v", i, done[i], unknown[i], v, err)
		}
	}
	for id, after := range p.memory() {
		if grown := after - memory[id]; grown > 512<<20 {
			t.Errorf("process %d grew by %d MiB", id, grown>>20)
		}
	}
}

func loadPath(i int) string { return fmt.Sprintf("/load%d", i) }

func dialVolery(ctx context.Context, t *testing.T, p *processes, window int) *volery.Client {
	t.Helper()
	s, err := ssmr.Dial(ctx, p.file, apps.Service, ssmr.ClientConfig{Window: window})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return volery.NewClient(s)
}

// keepBusy has calls under way for d and counts those that were answered.
func keepBusy(ctx context.Context, t *testing.T, c *volery.Client, path string, calls int, d time.Duration) (done, unknown int) {
	end := time.Now().Add(d)
	value := make([]byte, 1000)
	var under []*volery.Call[volery.Stat]
	settle := func(call *volery.Call[volery.Stat]) {
		switch _, err := call.Result(ctx); {
		case err == nil:
			done++
		case errors.Is(err, ssmr.ErrOutcomeUnknown):
			unknown++
		default:
			t.Errorf("%s: %v", path, err)
		}
	}
	for time.Now().Before(end) && !t.Failed() {
		if len(under) == calls {
			settle(under[0])
			under = under[1:]
		}
		under = append(under, c.GoSetData(ctx, path, value, volery.AnyVersion))
	}
	for _, call := range under {
		settle(call)
	}
	return done, unknown
}
