package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
)

// lose kills a process and deletes its directory.
func (p *processes) lose(id ids.Process) {
	p.t.Helper()
	p.kill(id)
	if err := os.RemoveAll(filepath.Join(filepath.Dir(p.file), "data", fmt.Sprint(id))); err != nil {
		p.t.Fatal(err)
	}
}

// replace runs the operator's command.
func (p *processes) replace(id ids.Process, flags ...string) {
	p.t.Helper()
	began := time.Now()
	out, code := eyrie(p.t, nil, append([]string{"replace", "--process", fmt.Sprint(id), "--cluster", p.file, "--timeout", "60s"}, flags...)...)
	if code != 0 {
		p.t.Fatalf("replace: %d: %s", code, out)
	}
	p.t.Logf("process %d replaced in %v:\n%s", id, time.Since(began).Round(10*time.Millisecond), out)
}

// TestReplacedUnderLoad: processes whose directories are lost are replaced while
// clients write, one of them at another address; each is then needed for every
// quorum of its partition, and for a start of everything from the disks.
func TestReplacedUnderLoad(t *testing.T) {
	t.Parallel()
	p := startDurable(t, 2, 3)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	work := probe(ctx, t, p)
	work.goesOn(t, 50, 10*time.Second)

	bad{"replace --process 2 --cluster " + p.file, 4, []string{"nothing to replace"}}.run(t, "")
	p.lose(2)
	bad{"replace --process 2 --cluster " + p.file, 5, []string{"does not answer", "eyrie node", "--id 2"}}.run(t, "")
	p.start(2)
	eventually(t, 10*time.Second, "process 2 waits", func() bool { return strings.HasPrefix(p.status()[2].State, node.Waiting) })
	work.goesOn(t, 20, 10*time.Second)
	p.replace(2)
	work.goesOn(t, 20, 10*time.Second)

	// At another address, in the other partition.
	p.lose(5)
	old, free := p.desc.Addrs()[5], freeAddrs(t, 1)[0]
	p.file = p.variant("moved.json", strings.NewReplacer(old, free))
	p.start(5)
	p.file = filepath.Join(filepath.Dir(p.file), cluster.DefaultName)
	eventually(t, 10*time.Second, "process 5 listens", func() bool { return strings.Contains(p.logs[5].String(), free) })
	p.replace(5, "--addr", free)
	var err error
	if p.desc, err = cluster.Load(p.file); err != nil || p.desc.Addrs()[5] != free {
		t.Fatalf("the file has process 5 at %s: %v", p.desc.Addrs()[5], err)
	}
	work.goesOn(t, 20, 10*time.Second)

	// The client does not know where process 5 is now: what that answers comes when it is
	// asked for again, a quarter of a second later, or what answers take on a busy machine.
	const unaware = 2 * time.Minute
	p.killAll(1, 4)
	work.goesOn(t, 50, unaware)
	p.start(1)
	p.start(4)
	p.waitReady(20 * time.Second)
	p.killAll(3, 6)
	work.goesOn(t, 50, unaware)
	p.killAll(1, 2, 4, 5)
	for _, id := range p.all() {
		p.start(id)
	}
	p.waitReady(20 * time.Second)
	work.goesOn(t, 50, unaware)
	cancel()
	t.Logf("%d writes acknowledged; longest pause %v", work.acknowledged.Load(), <-work.longest)
	p.becomeAlike()
}

// becomeAlike waits until alike; what they hold is logged if they do not become so.
func (p *processes) becomeAlike() {
	p.t.Helper()
	p.t.Cleanup(func() {
		if p.t.Failed() {
			p.t.Log(p.holds())
		}
	})
	eventually(p.t, 20*time.Second, "the replicas of each partition hold the same", p.alike)
}

// alike says whether the replicas of each partition are at the same place with as
// much, which they also compare themselves.
func (p *processes) alike() bool {
	all := p.status()
	for _, members := range p.desc.Partitions {
		first := all[members[0].ID].Replica
		for _, m := range members {
			s := all[m.ID]
			if s.State != node.Ready || s.Replica.Position != first.Position || s.Replica.Variables != first.Variables || s.Replica.StateBytes != first.StateBytes {
				return false
			}
		}
	}
	return true
}

// holds says what alike looks at.
func (p *processes) holds() string {
	var b strings.Builder
	all := p.status()
	for id := range p.desc.Addrs() {
		s := all[id]
		fmt.Fprintf(&b, "process %d: %s, %+v\n", id, s.State, s.Replica)
	}
	return b.String()
}

// TestReplacedAlike: what is started with --memory among processes that have disks,
// or the other way round, takes nobody's place: the operator is told at once what to
// do, and that is all there is to do.
func TestReplacedAlike(t *testing.T) {
	t.Parallel()
	for _, durable := range []bool{true, false} {
		dir := t.TempDir()
		p := startIn(t, dir, 1, 3, durable)
		ctx, cancel := context.WithCancel(context.Background())
		work := probe(ctx, t, p)
		work.goesOn(t, 20, 10*time.Second)
		p.lose(2)
		how := []string{"node", "--cluster", p.file, "--id", "2"}
		says := "keeps its state on a disk, and the others keep all in memory"
		if durable {
			how, says = append(how, "--memory"), "keeps everything in memory, and the others their state on disks"
		}
		wrong, log := begin(t, how...)
		eventually(t, 10*time.Second, "process 2 is refused", func() bool { return len(p.status()[2].RefusedBy) == 2 })
		bad{"replace --process 2 --cluster " + p.file, 4, []string{says, "Stop it, start it with"}}.run(t, "")
		if out, _ := eyrie(t, nil, "status", "--cluster", p.file); !strings.Contains(out, "process 2 is refused by [1 3]") {
			t.Errorf("status does not tell: %s", out)
		}
		if code := ends(t, wrong, syscall.SIGTERM); code != 0 {
			t.Errorf("%d: %s", code, log)
		}
		if err := os.RemoveAll(filepath.Join(dir, "data", "2")); err != nil { // what the wrong start has left
			t.Fatal(err)
		}
		p.start(2)
		p.replace(2)
		p.killAll(3)
		work.goesOn(t, 20, 20*time.Second)
		cancel()
		<-work.longest
	}
}

// TestReplacedInMemory: a process that keeps everything in memory comes back in
// the same way.
func TestReplacedInMemory(t *testing.T) {
	t.Parallel()
	p := startProcesses(t, 1, 3)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	work := probe(ctx, t, p)
	for _, id := range []ids.Process{1, 2} {
		work.goesOn(t, 50, 10*time.Second)
		p.kill(id)
		p.start(id)
		p.replace(id)
	}
	p.killAll(3)
	work.goesOn(t, 50, 20*time.Second)
	cancel()
	<-work.longest
}
