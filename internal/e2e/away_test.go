package e2e

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/apps/volery"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// TestPartitionIsAway: scenario 24. All of partition 1 stops. Commands that
// need it wait or end as unknown, the others go on; when it is back, what was
// acknowledged is there, what was not is wholly there or not at all, and both
// partitions agree.
func TestPartitionIsAway(t *testing.T) {
	t.Parallel()
	p := startProcesses(t, 2, 3)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	c := dialVolery(ctx, t, p, 25)
	if _, err := c.Create(ctx, "/away", nil); err != nil {
		t.Fatal(err)
	}
	p.signalPartition(1, syscall.SIGSTOP)
	acknowledged := map[int]bool{}
	short, done := context.WithTimeout(ctx, time.Duration(scaled(15))*100*time.Millisecond)
	const n = 20 // with the parent, over both partitions or one
	calls := make([]*volery.Call[volery.Stat], n)
	for i := range calls {
		calls[i] = c.GoCreate(short, awayPath(i), []byte(fmt.Sprint(i)))
	}
	for i, call := range calls {
		_, err := call.Result(short)
		if err != nil && !errors.Is(err, ssmr.ErrOutcomeUnknown) {
			t.Errorf("create %d: %v", i, err)
		}
		acknowledged[i] = err == nil
	}
	done()
	p.signalPartition(1, syscall.SIGCONT)
	back := dialVolery(ctx, t, p, 25)
	if _, err := back.Create(ctx, "/back", nil); err != nil {
		t.Fatalf("after the partition came back: %v", err)
	}
	names, _, err := back.GetChildren(ctx, "/away")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, name := range names {
		listed[name] = true
	}
	answered := 0
	for i := range n {
		data, _, err := back.GetData(ctx, awayPath(i))
		is := err == nil && string(data) == fmt.Sprint(i)
		if acknowledged[i] {
			answered++
		}
		if acknowledged[i] && !is || err != nil && !errors.Is(err, volery.ErrNoNode) {
			t.Errorf("create %d was acknowledged %v; now %q, %v", i, acknowledged[i], data, err)
		}
		if is != listed[fmt.Sprint(i)] {
			t.Errorf("create %d: the node is there %v, its parent says %v", i, is, listed[fmt.Sprint(i)])
		}
	}
	if answered == n {
		t.Error("all were answered without partition 1: nothing was tried")
	}
	p.waitEqual(20 * time.Second)
}

func awayPath(i int) string { return fmt.Sprintf("/away/%d", i) }

func (p *processes) signalPartition(part ids.Partition, s syscall.Signal) {
	for _, m := range p.desc.Partitions[part] {
		p.signal(m.ID, s)
	}
}

// TestRetriesAcrossCoordinators: scenario 31. Coordinators pause and change
// while writes are resent; copies get ordered twice and take effect once.
func TestRetriesAcrossCoordinators(t *testing.T) {
	t.Parallel()
	p := startProcesses(t, 1, 3)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	c := dialVolery(ctx, t, p, 25)
	if _, err := c.Create(ctx, loadPath(0), nil); err != nil {
		t.Fatal(err)
	}
	for range scaled(4) {
		lead := p.leader(0)
		paused := make(chan struct{})
		go func() {
			defer close(paused)
			time.Sleep(50 * time.Millisecond)
			p.cmds[lead].Process.Signal(syscall.SIGSTOP)
			time.Sleep(800 * time.Millisecond)
			p.cmds[lead].Process.Signal(syscall.SIGCONT)
		}()
		before, _, err := c.Exists(ctx, loadPath(0))
		if err != nil {
			t.Fatal(err)
		}
		done, unknown := keepBusy(ctx, t, c, loadPath(0), 25, 1200*time.Millisecond)
		<-paused
		after, _, err := c.Exists(ctx, loadPath(0))
		if n := int(after.Version - before.Version); err != nil || n < done || n > done+unknown {
			t.Errorf("%d writes acknowledged, %d unknown, %d took effect; %v", done, unknown, n, err)
		}
	}
	p.waitEqual(20 * time.Second)
	var copies uint64
	for _, s := range p.status() {
		copies = max(copies, s.Replica.Counters.Duplicates)
	}
	t.Logf("%d copies were ordered", copies)
	if copies == 0 && long() {
		t.Error("no copy was ordered: nothing was tried")
	}
}
