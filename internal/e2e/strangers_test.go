package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
)

// variant writes a changed copy of the cluster's file.
func (p *processes) variant(name string, change *strings.Replacer) string {
	p.t.Helper()
	b, err := os.ReadFile(p.file)
	if err != nil {
		p.t.Fatal(err)
	}
	file := filepath.Join(filepath.Dir(p.file), name)
	changed := change.Replace(string(b))
	if changed == string(b) {
		p.t.Fatalf("%s: nothing changed", name)
	}
	if err := os.WriteFile(file, []byte(changed), 0o644); err != nil {
		p.t.Fatal(err)
	}
	return file
}

// stranger runs a process that does not belong until it has said what it
// should, and ends it.
func stranger(t *testing.T, file string, id ids.Process, says string) {
	t.Helper()
	cmd, log := begin(t, "node", "--memory", "--cluster", file, "--id", fmt.Sprint(id))
	eventually(t, 10*time.Second, "a stranger says "+says, func() bool { return strings.Contains(log.String(), says) })
	if code := ends(t, cmd, syscall.SIGTERM); code != 0 {
		t.Errorf("the stranger's exit code is %d: %s", code, log)
	}
}

// TestStrangers: scenario 66. Who does not belong to the cluster is refused,
// is told why, and does not disturb a client's work.
func TestStrangers(t *testing.T) {
	t.Parallel()
	p := startProcesses(t, 1, 3)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	work := probe(ctx, t, p)
	addrs, free := p.desc.Addrs(), freeAddrs(t, 4)

	other := p.variant("other.json", strings.NewReplacer(p.desc.Cluster, "feedfeedfeedfeed", addrs[3], free[0]))
	for _, b := range []bad{
		{"volery ls --cluster " + other, 4, []string{"other cluster", "feedfeedfeedfeed", "Is " + other + " the file"}},
		{"volery ls --json --cluster " + other, 4, []string{`"exit":4`}},
		{"status --cluster " + other, 4, []string{"other cluster", "Is " + other + " the file"}},
	} {
		b.run(t, "")
	}
	fewer := p.variant("fewer.json", strings.NewReplacer(`"version": 1`, `"version": 1, "horizon": "77s"`))
	bad{"volery ls --cluster DIR/fewer.json", 4, []string{"the same cluster file"}}.run(t, filepath.Dir(fewer))

	// A process of another cluster, one that has the id of a living one, and
	// ones that take others' addresses for theirs.
	stranger(t, other, 3, "other cluster")
	stranger(t, p.variant("twin.json", strings.NewReplacer(addrs[2], free[1])), 2, "duplicate process id")
	stranger(t, p.variant("swap.json", strings.NewReplacer(addrs[1], addrs[2], addrs[2], addrs[1], addrs[3], free[2])), 3, "this address is process 1's")
	stranger(t, p.variant("more.json", strings.NewReplacer(`"id": 3`, `"id": 4`, addrs[3], free[3])), 4, "other cluster configuration")
	out, code := eyrie(t, nil, "node", "--memory", "--cluster", p.file, "--id", "2")
	if code != 1 || !strings.Contains(out, "in use") {
		t.Errorf("a second process 2 at the same address: %d: %s", code, out)
	}

	// One that was killed may not come back by itself: it has forgotten what it
	// had promised [R5].
	p.kill(3)
	p.start(3)
	eventually(t, 10*time.Second, "process 3 waits", func() bool {
		return strings.HasPrefix(p.status()[3].State, node.Waiting+" as the replacement of process 3: eyrie replace --process 3")
	})
	work.goesOn(t, 100, 10*time.Second)
	cancel()
	work.paused(t, <-work.longest, 2*time.Second)
	for id := range p.cmds {
		if s := p.status()[id]; id != 3 && s.State != "ready" {
			t.Errorf("process %d: %s, %s", id, s.State, s.Error)
		}
	}
}

// TestRandomBytes: scenario 62, the shallow part; internal/transport flips
// every byte. Noise on every port costs nothing that lasts.
func TestRandomBytes(t *testing.T) {
	t.Parallel()
	p := startProcesses(t, 1, 3)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	work := probe(ctx, t, p)
	work.goesOn(t, 200, 20*time.Second)
	before := p.memory()
	random := rand.NewChaCha8([32]byte{7})
	for range scaled(50) {
		for _, addr := range p.desc.Addrs() {
			noise := make([]byte, 1+random.Uint64()%(256<<10))
			random.Read(noise)
			if random.Uint64()%2 == 0 { // a plausible beginning
				copy(noise, "EYRIE\x00\x01\x00")
			}
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			conn.SetDeadline(time.Now().Add(2 * time.Second))
			io.Copy(conn, bytes.NewReader(noise)) // it may be closed at any byte
			conn.Close()
		}
	}
	work.goesOn(t, 200, 20*time.Second)
	for id, after := range p.memory() {
		if grown := after - before[id]; grown > 32<<20 {
			t.Errorf("process %d grew by %d MiB", id, grown>>20)
		}
	}
	cancel()
	<-work.longest // what was acknowledged is there
}

var vmRSS = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)

// memory is the resident size of each process in bytes.
func (p *processes) memory() map[ids.Process]int64 {
	all := map[ids.Process]int64{}
	for id, cmd := range p.cmds {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
		if err != nil {
			p.t.Skipf("no /proc to read memory from: %v", err)
		}
		m := vmRSS.FindSubmatch(b)
		if m == nil {
			p.t.Fatalf("no VmRSS of process %d", id)
		}
		kb, _ := strconv.ParseInt(string(m[1]), 10, 64)
		all[id] = kb << 10
	}
	return all
}
