package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// startDurable starts processes that keep their state on disk.
func startDurable(t *testing.T, partitions, replicas int) *processes {
	return startCluster(t, partitions, replicas, true)
}

// killAll kills processes at once, as far as that goes, and waits until they
// are gone.
func (p *processes) killAll(which ...ids.Process) {
	p.t.Logf("kill -9 of processes %v", which)
	for _, id := range which {
		p.cmds[id].Process.Kill()
	}
	for _, id := range which {
		p.cmds[id].Wait()
		delete(p.cmds, id)
	}
}

func (p *processes) all() (all []ids.Process) {
	for id := range p.desc.Addrs() {
		all = append(all, id)
	}
	slices.Sort(all)
	return all
}

// TestKilledDurably: processes that are killed with kill -9 during an import,
// one, all of one partition, and all there are, and started again, have lost
// nothing that was acknowledged and done nothing twice.
func TestKilledDurably(t *testing.T) {
	src := tree(t)
	p := startDurable(t, 2, 3)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	other := probe(ctx, t, p)
	done := make(chan string, 1)
	began := time.Now()
	go func() {
		out, code := eyrie(t, nil, "volery", "import", "--cluster", p.file, src, "/src")
		if code != 0 {
			t.Errorf("import ended with %d: %s", code, tail(out, 1000))
		}
		done <- out
	}()
	for _, which := range [][]ids.Process{p.all(), {2}, p.all(), {1, 2, 3}, p.all()} {
		other.goesOn(t, 100, 30*time.Second)
		p.killAll(which...)
		for _, id := range which {
			p.start(id)
		}
		began := time.Now()
		p.waitReady(30 * time.Second)
		other.goesOn(t, 1, 30*time.Second)
		t.Logf("goes on %v after the start", time.Since(began).Round(10*time.Millisecond))
	}
	<-done
	t.Logf("imported in %v", time.Since(began).Round(10*time.Millisecond))
	other.goesOn(t, 100, 30*time.Second)
	cancel()
	t.Logf("longest pause of another client: %v", <-other.longest)
	p.exported(src)
	// And once more, from nothing but the disks.
	p.killAll(p.all()...)
	for _, id := range p.all() {
		p.start(id)
	}
	p.waitReady(30 * time.Second)
	p.exported(src)
}

// exported compares what the cluster has at /src with src.
func (p *processes) exported(src string) {
	p.t.Helper()
	target := filepath.Join(p.t.TempDir(), "copy")
	if out, code := eyrie(p.t, nil, "volery", "export", "--cluster", p.file, "/src", target); code != 0 {
		p.t.Fatalf("export ended with %d: %s", code, tail(out, 1000))
	}
	if _, err := exec.LookPath("diff"); err != nil {
		compare(p.t, src, target)
	} else if out, err := exec.Command("diff", "-r", src, target).CombinedOutput(); err != nil {
		p.t.Fatalf("export differs from the source: %s", tail(string(out), 1000))
	}
}

// TestWrongDirectories: scenarios 46 and 66. A process whose directory is
// another's, was wiped, lacks a part, or is in use, is refused and says what to
// do; with the right one in its place it goes on.
func TestWrongDirectories(t *testing.T) {
	t.Parallel()
	p := startDurable(t, 1, 3)
	if out, code := eyrie(t, nil, "volery", "create", "/a", "b", "--cluster", p.file); code != 0 {
		t.Fatalf("create: %d: %s", code, out)
	}
	data := filepath.Join(filepath.Dir(p.file), "data")
	dir := func(name string) string { return filepath.Join(data, name) }
	refused := func(id string, says ...string) {
		t.Helper()
		bad{"node --cluster " + p.file + " --id " + id + " -q", 4, says}.run(t, "")
	}
	p.kill(2)
	p.kill(3)
	p.kill(1)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	// Disks swapped.
	must(os.Rename(dir("2"), dir("x")))
	must(os.Rename(dir("3"), dir("2")))
	must(os.Rename(dir("x"), dir("3")))
	refused("2", "belongs to process 3")
	refused("3", "belongs to process 2")
	must(os.Rename(dir("2"), dir("x")))
	must(os.Rename(dir("3"), dir("2")))
	must(os.Rename(dir("x"), dir("3")))
	// A part is missing.
	must(os.Rename(filepath.Join(dir("2"), "journal"), dir("journal")))
	refused("2", "journal is gone", "replace")
	must(os.Rename(dir("journal"), filepath.Join(dir("2"), "journal")))
	p.start(1)
	p.start(3)
	p.waitReady(20 * time.Second)
	// In use.
	out, code := eyrie(t, nil, "node", "--cluster", p.variant("copy.json", strings.NewReplacer(p.desc.Addrs()[1], freeAddrs(t, 1)[0])), "--id", "1")
	if code != 4 || !strings.Contains(out, "another process runs from it") {
		t.Errorf("a second process from the same directory: %d: %s", code, out)
	}
	// The right one.
	p.start(2)
	p.waitReady(20 * time.Second)
	if out, code := eyrie(t, nil, "volery", "get", "/a", "--cluster", p.file); code != 0 || out != "b" {
		t.Errorf("get: %d: %s", code, out)
	}
}

// TestStopsAndStarts: processes that are told to stop take a checkpoint of what
// they have executed, go on from there, and say so.
func TestStopsAndStarts(t *testing.T) {
	t.Parallel()
	p := startDurable(t, 1, 3)
	for _, want := range []uint64{1, 2} {
		if out, code := eyrie(t, nil, "volery", "create", "/"+strings.Repeat("a", int(want)), "b", "--cluster", p.file); code != 0 {
			t.Fatalf("create: %d: %s", code, out)
		}
		p.waitEqual(20 * time.Second) // the answer is of one that may be ahead of others
		var all sync.WaitGroup
		for _, cmd := range p.cmds {
			all.Go(func() {
				cmd.Process.Signal(os.Interrupt)
				cmd.Wait()
				if code := cmd.ProcessState.ExitCode(); code != 0 {
					t.Errorf("exit code %d", code)
				}
			})
		}
		all.Wait()
		clear(p.cmds)
		for _, id := range p.all() {
			p.start(id)
		}
		p.waitReady(20 * time.Second)
		for id, s := range p.status() {
			if s.Durable == nil || s.Durable.Checkpoint < want {
				t.Errorf("process %d: %+v", id, s.Durable)
			}
		}
	}
}
