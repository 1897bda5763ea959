// Package e2e runs the real binary as several processes on loopback, kills
// them, and looks at what a user would see. Short by default; EYRIE_E2E=long
// imports the whole Go source tree and kills every kind of process.
// EYRIE_E2E_RACE=1 builds the binary with the race detector, which slows it.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/powercut"
	"github.com/eyrie-dev/eyrie/internal/testroom"
)

var binary string // the built eyrie

func TestMain(m *testing.M) {
	if code, done := powercut.Enter(); done {
		os.Exit(code)
	}
	dir, err := os.MkdirTemp("", "eyrie-e2e")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "eyrie")
	build := exec.Command("go", "build", "-o", binary, "github.com/eyrie-dev/eyrie/cmd/eyrie")
	if os.Getenv("EYRIE_E2E_RACE") != "" {
		build.Args = slices.Insert(build.Args, 2, "-race")
	}
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building eyrie: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func long() bool { return os.Getenv("EYRIE_E2E") == "long" }

// processes is a running cluster of separate processes.
type processes struct {
	t    *testing.T
	file string
	desc *cluster.File
	cmds map[ids.Process]*exec.Cmd
	logs map[ids.Process]*record
	// durable processes keep their state beside the file, or where dirs says.
	durable bool
	dirs    map[ids.Process]string
	// together: what is started runs a replica of every partition, and is known
	// by that of the first.
	together bool
}

// startProcesses starts partitions x replicas processes, whose state is in
// memory, and waits for them.
func startProcesses(t *testing.T, partitions, replicas int) *processes {
	return startCluster(t, partitions, replicas, false)
}

func startCluster(t *testing.T, partitions, replicas int, durable bool) *processes {
	return startIn(t, t.TempDir(), partitions, replicas, durable)
}

func startIn(t *testing.T, dir string, partitions, replicas int, durable bool) *processes {
	t.Helper()
	if durable {
		testroom.Processes(t, dir, partitions*replicas)
	}
	p := newCluster(t, dir, partitions, replicas)
	p.durable = durable
	for id := range p.desc.Addrs() {
		p.start(id)
	}
	p.waitReady(30 * time.Second)
	return p
}

// newCluster is a cluster's file, and no processes yet; more are flags of eyrie
// init.
func newCluster(t *testing.T, dir string, partitions, replicas int, more ...string) *processes {
	t.Helper()
	p := &processes{
		t: t, file: filepath.Join(dir, cluster.DefaultName),
		cmds: map[ids.Process]*exec.Cmd{}, logs: map[ids.Process]*record{}, dirs: map[ids.Process]string{},
	}
	addrs := freeAddrs(t, partitions*replicas)
	args := []string{"init", "--cluster", p.file, "--partitions", fmt.Sprint(partitions), "--replicas", fmt.Sprint(replicas), "--addrs", strings.Join(addrs, ",")}
	out, code := eyrie(t, nil, append(args, more...)...)
	if code != 0 {
		t.Fatalf("init: %s", out)
	}
	var err error
	if p.desc, err = cluster.Load(p.file); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	return p
}

func (p *processes) start(id ids.Process) {
	p.t.Helper()
	p.cmds[id], p.logs[id] = begin(p.t, p.args(id)...)
}

// args are those of the command that runs a process.
func (p *processes) args(id ids.Process) []string {
	args := []string{"node", "--cluster", p.file, "--id", p.list(id)}
	switch dir := p.dirs[id]; {
	case dir != "":
		args = append(args, "--dir", dir)
	case !p.durable:
		args = append(args, "--memory")
	}
	return args
}

// list are the ids that are started with id.
func (p *processes) list(id ids.Process) string {
	if !p.together {
		return fmt.Sprint(id)
	}
	var all []string
	at := slices.IndexFunc(p.desc.Partitions[0], func(m cluster.Member) bool { return m.ID == id })
	for _, members := range p.desc.Partitions {
		all = append(all, fmt.Sprint(members[at].ID))
	}
	return strings.Join(all, ",")
}

// record is what a process has said so far.
type record struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.String()
}

// begin starts the binary and does not wait for it.
func begin(t *testing.T, args ...string) (*exec.Cmd, *record) {
	t.Helper()
	cmd, log := exec.Command(binary, args...), &record{}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, log
}

func (p *processes) stop() {
	for _, cmd := range p.cmds {
		cmd.Process.Signal(syscall.SIGCONT)
		cmd.Process.Signal(syscall.SIGTERM)
	}
	for id, cmd := range p.cmds {
		cmd.Wait()
		if p.t.Failed() {
			p.t.Logf("process %d said:\n%s", id, tail(p.logs[id].String(), 2000))
		}
	}
}

func (p *processes) kill(id ids.Process) {
	p.t.Logf("kill -9 process %d", id)
	p.cmds[id].Process.Kill()
	p.cmds[id].Wait()
	delete(p.cmds, id)
}

// status is what `eyrie status --json` says of each process that answers.
func (p *processes) status() map[ids.Process]node.Status {
	out, _ := eyrie(p.t, nil, "status", "--cluster", p.file, "--json")
	var doc struct {
		Processes []struct {
			Process ids.Process
			Status  *node.Status
		}
	}
	json.Unmarshal([]byte(out), &doc)
	all := map[ids.Process]node.Status{}
	for _, s := range doc.Processes {
		if s.Status != nil {
			all[s.Process] = *s.Status
		}
	}
	return all
}

// coordinator of an ensemble, as its own process says.
func (p *processes) coordinator(e ids.Ensemble) ids.Process {
	for id, s := range p.status() {
		for _, en := range s.Ridge.Ensembles {
			if en.Ensemble == e && en.Leading {
				return id
			}
		}
	}
	return 0
}

// leader waits until somebody coordinates an ensemble: on a busy machine there is
// nobody now and then.
func (p *processes) leader(e ids.Ensemble) (c ids.Process) {
	p.t.Helper()
	eventually(p.t, 20*time.Second, "somebody coordinates", func() bool { c = p.coordinator(e); return c != 0 })
	return c
}

func (p *processes) waitReady(within time.Duration) {
	p.t.Helper()
	eventually(p.t, within, "all processes ready", func() bool {
		ready := 0
		for _, s := range p.status() {
			if s.State == node.Ready {
				ready++
			}
		}
		if p.together {
			return ready == len(p.cmds)*len(p.desc.Partitions)
		}
		return ready == len(p.cmds)
	})
}

// eyrie runs the binary to its end.
func eyrie(t *testing.T, stdin io.Reader, args ...string) (out string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	var b bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &b, &b
	cmd.Run()
	return b.String(), cmd.ProcessState.ExitCode()
}

// split is eyrie with both outputs apart.
func split(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Run()
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// nextPort is where freeAddrs looks next. The ports lie below those that the
// system gives to outgoing connections: otherwise one of another test could
// take a port between its choice here and the process that is to listen.
var nextPort = func() *atomic.Int32 {
	var p atomic.Int32
	p.Store(int32(15000 + os.Getpid()*97%15000))
	return &p
}()

func freeAddrs(t *testing.T, n int) []string {
	t.Helper()
	var addrs []string
	for tries := 0; len(addrs) < n; tries++ {
		if tries > 2000 {
			t.Fatal("no free ports")
		}
		addr := fmt.Sprintf("127.0.0.1:%d", nextPort.Add(1))
		if ln, err := net.Listen("tcp", addr); err == nil {
			ln.Close()
			addrs = append(addrs, addr)
		}
	}
	return addrs
}

func eventually(t *testing.T, within time.Duration, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !cond(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

func tail(s string, n int) string {
	if len(s) > n {
		return "..." + s[len(s)-n:]
	}
	return s
}
