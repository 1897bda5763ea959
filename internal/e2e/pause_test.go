package e2e

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
)

// pause stops a process and lets it go on.
func (p *processes) pause(id ids.Process, d time.Duration) {
	p.t.Helper()
	p.signal(id, syscall.SIGSTOP)
	time.Sleep(d)
	p.signal(id, syscall.SIGCONT)
}

// waitEqual waits until all processes are ready and the replicas of each
// partition have delivered and finished the same, of every ensemble: call it
// when nothing is under way.
func (p *processes) waitEqual(within time.Duration) {
	p.t.Helper()
	var last string
	defer func() {
		if p.t.Failed() {
			p.t.Log(last)
		}
	}()
	eventually(p.t, within, "all replicas have caught up", func() bool {
		all := p.status()
		last = fmt.Sprint(len(all), " answer")
		if len(all) != len(p.cmds) {
			return false
		}
		for part, members := range p.desc.Partitions {
			var first *node.Status
			for _, m := range members {
				s, ok := all[m.ID]
				if !ok {
					continue // killed
				}
				last = fmt.Sprintf("partition %d, process %d: %s %s, %+v", part, m.ID, s.State, s.Error, s.Replica)
				if s.State != node.Ready || s.Replica.Unfinished > 0 {
					return false
				}
				if first == nil {
					first = &s
				}
				if s.Replica.Position != first.Replica.Position || s.Replica.Counters.Accepted != first.Replica.Counters.Accepted {
					return false
				}
			}
		}
		return true
	})
}

// TestPauses: scenarios 2, 30 and 55. Each process in turn, whatever its
// roles, is stopped for less and for more than the failure timeout (0.5 s),
// while clients write. It comes back, catches up, and no acknowledged write is
// lost.
func TestPauses(t *testing.T) {
	for name, durable := range map[string]bool{"in memory": false, "durable": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pauseEach(t, startCluster(t, 2, 3, durable))
		})
	}
}

func pauseEach(t *testing.T, p *processes) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	work := probe(ctx, t, p)
	pauses := []time.Duration{100 * time.Millisecond, 900 * time.Millisecond}
	if long() {
		pauses = []time.Duration{100 * time.Millisecond, 300 * time.Millisecond, 600 * time.Millisecond, time.Second, 3 * time.Second, 10 * time.Second, 60 * time.Second}
	}
	for _, d := range pauses {
		for _, id := range slices.Sorted(maps.Keys(p.cmds)) {
			p.pause(id, d)
			work.goesOn(t, 5, 10*time.Second)
		}
	}
	cancel()
	t.Logf("longest pause of a client: %v", <-work.longest)
	p.waitEqual(20 * time.Second)
}

// TestSlowLearner: scenario 57. A replica that runs a tenth of the time is
// waited for or left behind; it does not hold up the load, and has caught up
// soon after it is let go.
func TestSlowLearner(t *testing.T) {
	t.Parallel()
	p := startProcesses(t, 1, 3)
	slow := p.outside(0)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	work := probe(ctx, t, p)
	work.goesOn(t, 100, 10*time.Second)
	for range scaled(30) {
		p.pause(slow, 90*time.Millisecond)
		time.Sleep(10 * time.Millisecond)
	}
	work.goesOn(t, 100, 10*time.Second)
	cancel()
	t.Logf("longest pause of a client: %v, %d writes", <-work.longest, work.acknowledged.Load())
	p.waitEqual(20 * time.Second)
}

// outside is a replica of a partition that coordinates nothing.
func (p *processes) outside(part ids.Partition) ids.Process {
	p.t.Helper()
	all := p.status()
	for _, m := range slices.Backward(p.desc.Partitions[part]) {
		leads := false
		for _, e := range all[m.ID].Ridge.Ensembles {
			leads = leads || e.Leading
		}
		if !leads {
			return m.ID
		}
	}
	p.t.Fatal("all lead")
	return 0
}

// scaled is n, ten times that in long runs.
func scaled(n int) int {
	if long() {
		return 10 * n
	}
	return n
}

// TestCoordinatorsDieOneByOne: with f = 2, two coordinators of the same
// ensemble may die in succession.
func TestCoordinatorsDieOneByOne(t *testing.T) {
	t.Parallel()
	p := startProcesses(t, 1, 5)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	work := probe(ctx, t, p)
	for range 2 {
		work.goesOn(t, 50, 10*time.Second)
		p.kill(p.leader(0))
		work.goesOn(t, 50, 10*time.Second)
	}
	cancel()
	work.paused(t, <-work.longest, 3*time.Second)
	p.waitEqual(20 * time.Second)
}
