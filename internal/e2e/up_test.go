package e2e

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/testroom"
)

// startUp runs `eyrie up` until it says that it is up.
func startUp(t *testing.T, args ...string) (*exec.Cmd, *record) {
	t.Helper()
	if !slices.Contains(args, "--memory") {
		testroom.Processes(t, os.TempDir(), 6)
	}
	cmd, log := begin(t, append([]string{"up"}, args...)...)
	t.Cleanup(func() { cmd.Process.Kill() })
	eventually(t, 30*time.Second, "up is up", func() bool { return strings.Contains(log.String(), "Ctrl-C") })
	return cmd, log
}

// ends sends a signal and returns the exit code.
func ends(t *testing.T, cmd *exec.Cmd, s syscall.Signal) int {
	t.Helper()
	if err := cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Errorf("did not end within 10 s of %v", s)
		cmd.Process.Kill()
		<-done
	}
	return cmd.ProcessState.ExitCode()
}

func TestUp(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new")
	cmd, log := startUp(t, "--dir", dir, "--listen", freeRun(t, 6))
	flag := "--cluster=" + filepath.Join(dir, "eyrie.json")
	if !strings.Contains(log.String(), "volery create --cluster "+dir) {
		t.Errorf("what it says to try lacks the file's name: %s", log)
	}
	for _, line := range []string{"volery create /hello world", "volery get /hello", "status"} {
		if out, code := eyrie(t, nil, append(strings.Fields(line), flag)...); code != 0 {
			t.Errorf("eyrie %s: %d: %s", line, code, out)
		}
	}
	// Another one in the same directory is refused, and harms nothing.
	bad{"up --dir DIR", 4, []string{"runs already", "--dir"}}.run(t, dir)
	if out, code := eyrie(t, nil, "volery", "get", "/hello", flag); code != 0 || out != "world" {
		t.Errorf("after another up: %d: %s", code, out)
	}
	if code := ends(t, cmd, syscall.SIGINT); code != 0 || !strings.Contains(log.String(), "stopped") {
		t.Errorf("Ctrl-C: exit code %d: %s", code, log)
	}
	// The next one goes on with the cluster, at the same addresses, also when
	// the last one could not say good-bye.
	before, err := os.ReadFile(filepath.Join(dir, "eyrie.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		cmd, _ = startUp(t, "--dir", dir)
		if out, code := eyrie(t, nil, "volery", "get", "/hello", flag); code != 0 || out != "world" {
			t.Errorf("after another start: %d: %s", code, out)
		}
		if code := ends(t, cmd, end); end == syscall.SIGTERM && code != 0 {
			t.Errorf("%v: exit code %d", end, code)
		}
		if after, err := os.ReadFile(filepath.Join(dir, "eyrie.json")); err != nil || string(after) != string(before) {
			t.Errorf("the cluster's file has changed: %s, %v", after, err)
		}
	}
	for _, b := range []bad{
		{"up --dir DIR --partitions 1", 2, []string{"2 partitions of 3 replicas", "--dir"}},
		{"up --dir DIR --memory", 4, []string{"holds the data", "--dir"}},
		{"up --dir DIR --listen 127.0.0.1:7411", 2, []string{"first process listens on"}},
	} {
		b.run(t, dir)
	}
	if err := os.Rename(filepath.Join(dir, "eyrie.json"), filepath.Join(dir, "away.json")); err != nil {
		t.Fatal(err)
	}
	bad{"up --dir DIR", 4, []string{"holds the data", "Bring", "eyrie.json back"}}.run(t, dir)
}

// TestUpInMemory: with --memory nothing is kept, and the file of a cluster that
// has ended is replaced.
func TestUpInMemory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	flag := "--cluster=" + filepath.Join(dir, "eyrie.json")
	cmd, log := startUp(t, "--dir", dir, "--memory", "--partitions", "1")
	if out, code := eyrie(t, nil, "volery", "create", "/hello", "world", flag); code != 0 || !strings.Contains(log.String(), "in memory") {
		t.Errorf("create: %d: %s; %s", code, out, log)
	}
	if code := ends(t, cmd, syscall.SIGINT); code != 0 {
		t.Errorf("Ctrl-C: exit code %d", code)
	}
	cmd, _ = startUp(t, "--dir", dir, "--memory", "--partitions", "1", "--replicas", "1")
	if out, code := eyrie(t, nil, "volery", "get", "/hello", flag); code != 3 {
		t.Errorf("the state of another life: %d: %s", code, out)
	}
	if code := ends(t, cmd, syscall.SIGTERM); code != 0 {
		t.Errorf("SIGTERM: exit code %d", code)
	}
	if _, err := os.Stat(filepath.Join(dir, "data")); err == nil {
		t.Error("--memory has left data")
	}
}

// freeRun is the first of n consecutive free addresses.
func freeRun(t *testing.T, n int) string {
	t.Helper()
	for {
		addrs := freeAddrs(t, n)
		first, err1 := net.ResolveTCPAddr("tcp", addrs[0])
		last, err2 := net.ResolveTCPAddr("tcp", addrs[n-1])
		if err1 == nil && err2 == nil && last.Port == first.Port+n-1 {
			return addrs[0]
		}
	}
}

func TestTakenPorts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ln, err := net.Listen("tcp", freeAddrs(t, 1)[0])
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	bad{"up --dir DIR --listen " + ln.Addr().String(), 1, []string{"in use", "--listen"}}.run(t, dir)
	if _, err := os.Stat(filepath.Join(dir, "eyrie.json")); err == nil {
		t.Error("a failed up has left a file")
	}
	if out, code := eyrie(t, nil, "init", "--cluster", dir+"/c.json", "--partitions", "1", "--replicas", "1", "--addrs", ln.Addr().String()); code != 0 {
		t.Fatal(out)
	}
	bad{"node --id 1 --cluster DIR/c.json", 1, []string{"in use", ln.Addr().String(), "c.json"}}.run(t, dir)
}

// TestNodeEndsCleanly: at any time, founded or not, a signal ends a process
// with exit code 0.
func TestNodeEndsCleanly(t *testing.T) {
	t.Parallel()
	p := startProcesses(t, 1, 3)
	if code := ends(t, p.cmds[2], syscall.SIGINT); code != 0 {
		t.Errorf("SIGINT: exit code %d: %s", code, p.logs[2])
	}
	delete(p.cmds, 2)
	lonely := &processes{t: t, file: filepath.Join(t.TempDir(), "c.json"), cmds: map[ids.Process]*exec.Cmd{}, logs: map[ids.Process]*record{}}
	if out, code := eyrie(t, nil, "init", "--cluster", lonely.file, "--partitions", "1", "--addrs", strings.Join(freeAddrs(t, 3), ",")); code != 0 {
		t.Fatal(out)
	}
	lonely.start(2)
	defer lonely.stop()
	eventually(t, 10*time.Second, "it says for whom it waits", func() bool {
		out, _ := eyrie(t, nil, "status", "--cluster", lonely.file, "--timeout", "500ms")
		return strings.Contains(out, "waiting for processes [1]")
	})
	out, code := eyrie(t, nil, "volery", "create", "/a", "--timeout", "500ms", "--cluster", lonely.file)
	if code != 5 && code != 6 {
		t.Errorf("a command before the cluster is founded: %d: %s", code, out)
	}
	if code := ends(t, lonely.cmds[2], syscall.SIGTERM); code != 0 {
		t.Errorf("SIGTERM: exit code %d: %s", code, lonely.logs[2])
	}
	delete(lonely.cmds, 2)
}

// TestUpWithoutADirectory: a process of a local cluster has lost its directory. What
// it waits for is said, and done while it waits.
func TestUpWithoutADirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd, _ := startUp(t, "--dir", dir, "--web", "off", "--partitions", "1")
	if code := ends(t, cmd, syscall.SIGINT); code != 0 {
		t.Fatal(code)
	}
	if err := os.RemoveAll(filepath.Join(dir, "data", "2")); err != nil {
		t.Fatal(err)
	}
	cmd, log := begin(t, "up", "--dir", dir, "--web", "off")
	t.Cleanup(func() { cmd.Process.Kill() })
	eventually(t, 20*time.Second, "up says what it waits for", func() bool { return strings.Contains(log.String(), "eyrie replace --process 2") })
	if out, code := eyrie(t, nil, "replace", "--process", "2", "--cluster", filepath.Join(dir, "eyrie.json")); code != 0 {
		t.Fatalf("%d: %s", code, out)
	}
	eventually(t, 20*time.Second, "up is up", func() bool { return strings.Contains(log.String(), "Ctrl-C") })
	if code := ends(t, cmd, syscall.SIGINT); code != 0 {
		t.Errorf("%d: %s", code, log)
	}
}
