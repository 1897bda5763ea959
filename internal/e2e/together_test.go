package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/testroom"
)

// TestTogether: three programs, each of which runs a replica of either partition
// with one journal for both, are killed with kill -9 during an import, one and
// all, and have lost nothing; one process of such a pair alone is refused.
func TestTogether(t *testing.T) {
	src := tree(t)
	p := newCluster(t, t.TempDir(), 2, 3)
	p.durable, p.together = true, true
	machines := []ids.Process{1, 2, 3}
	for _, id := range machines {
		p.start(id)
	}
	p.waitReady(30 * time.Second)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	other := probe(ctx, t, p)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if out, code := eyrie(t, nil, "volery", "import", "--cluster", p.file, src, "/src"); code != 0 {
			t.Errorf("import ended with %d: %s", code, tail(out, 1000))
		}
	}()
	for _, which := range [][]ids.Process{{1}, machines, {2}, machines} {
		other.goesOn(t, 50, 30*time.Second)
		p.killAll(which...)
		for _, id := range which {
			p.start(id)
		}
		p.waitReady(30 * time.Second)
		other.goesOn(t, 1, 30*time.Second)
	}
	<-done
	cancel()
	<-other.longest
	p.exported(src)
	p.killAll(3)
	bad{"node -q --cluster " + p.file + " --id 3 --dir " + filepath.Join(filepath.Dir(p.file), "data", "3-6"), 4, []string{"process 6", "shared by several", "eyrie forget"}}.run(t, "")
	bad{"node -q --cluster " + p.file + " --id 3,5 --dir " + filepath.Join(filepath.Dir(p.file), "data", "3-6"), 4, []string{"process 6", "together"}}.run(t, "")
	p.start(3)
	p.waitReady(30 * time.Second)
	p.exported(src)
}

// TestTogetherReplaced: of two processes that share a directory one has lost its
// part, and is replaced while the other one goes on; then one of them is replaced
// on another machine, while both still run here: it ends, and the other does not.
func TestTogetherReplaced(t *testing.T) {
	t.Parallel()
	p := newCluster(t, t.TempDir(), 2, 3)
	p.durable, p.together = true, true
	testroom.Processes(t, filepath.Dir(p.file), 6)
	for _, id := range []ids.Process{1, 2, 3} {
		p.start(id)
	}
	p.waitReady(30 * time.Second)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	work := probe(ctx, t, p)
	work.goesOn(t, 20, 30*time.Second)

	shared := filepath.Join(filepath.Dir(p.file), "data", "2-5")
	bad{"forget --process 5 --cluster " + p.file + " --dir " + shared, 4, []string{"another process runs"}}.run(t, "")
	p.kill(2)
	if err := os.RemoveAll(filepath.Join(shared, "5")); err != nil {
		t.Fatal(err)
	}
	bad{"node -q --cluster " + p.file + " --id 2,5", 4, []string{"process 5", "eyrie forget --process 5"}}.run(t, "")
	p.forget(5, shared)
	p.start(2)
	eventually(t, 20*time.Second, "process 2 takes part", func() bool { return p.status()[2].State == node.Ready })
	p.replace(5)
	p.kill(1)
	work.goesOn(t, 20, 30*time.Second)
	p.start(1)
	p.waitReady(30 * time.Second)

	// Process 4 on a machine of its own, though its predecessor is well.
	old, free := p.desc.Addrs()[4], freeAddrs(t, 1)[0]
	moved := p.variant("moved.json", strings.NewReplacer(old, free))
	cmd, log := begin(t, "node", "--cluster", moved, "--id", "4", "--dir", filepath.Join(filepath.Dir(p.file), "elsewhere"))
	p.cmds[4], p.logs[4] = cmd, log
	eventually(t, 20*time.Second, "the new process 4 listens", func() bool { return strings.Contains(log.String(), free) })
	p.file = moved
	p.replace(4, "--addr", free)
	eventually(t, 20*time.Second, "the old process 4 has ended", func() bool { return strings.Contains(p.logs[1].String(), "it has been replaced; the others") })
	work.goesOn(t, 20, 30*time.Second)
	if s := p.status()[1].State; s != node.Ready {
		t.Errorf("process 1 is %s", s)
	}
	p.kill(1)
	first := filepath.Join(filepath.Dir(p.file), "data", "1-4")
	p.forget(4, first)
	bad{"node -q --cluster " + p.file + " --id 1", 4, []string{"process 1 has run from", "--dir", "eyrie forget"}}.run(t, "")
	allReady := func() {
		t.Helper()
		eventually(t, 30*time.Second, "all six ready", func() bool {
			all := p.status()
			for id := range p.desc.Addrs() {
				if all[id].State != node.Ready {
					return false
				}
			}
			return true
		})
	}
	p.cmds[1], p.logs[1] = begin(t, "node", "--cluster", p.file, "--id", "1", "--dir", first)
	allReady()
	p.kill(2)
	work.goesOn(t, 20, 30*time.Second)
	p.start(2)
	allReady()
	cancel()
	<-work.longest
	p.becomeAlike()
}

// forget has what a process has in a directory that it shares given up.
func (p *processes) forget(id ids.Process, dir string) {
	p.t.Helper()
	if out, code := eyrie(p.t, nil, "forget", "--cluster", p.file, "--process", fmt.Sprint(id), "--dir", dir); code != 0 {
		p.t.Fatalf("forget: %d: %s", code, out)
	}
}
