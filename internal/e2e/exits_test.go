package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/apps/volery"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// TestVoleryExitCodes takes `eyrie volery` through all its exit codes, and
// through values from everywhere, against separate processes.
func TestVoleryExitCodes(t *testing.T) {
	t.Parallel()
	p := startProcesses(t, 1, 3)
	dir := t.TempDir()
	write := func(name string, size int) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Repeat("x", size)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("most", volery.MaxValue)
	write("more", volery.MaxValue+1)
	long := "/" + strings.Repeat("n", 2000)
	for _, step := range []struct {
		line, stdin string
		code        int
		says        string
	}{
		{"create /a text", "", 0, ""},
		{"get /a", "", 0, "text"},
		{"set /a -", "from stdin", 0, ""},
		{"get /a", "", 0, "from stdin"},
		{"set /a @DIR/most", "", 0, ""},
		{"stat /a", "", 0, "1048576"},
		{"set /a @@name --version 2", "", 0, ""},
		{"get /a", "", 0, "@name"},
		{"set /a @DIR/none", "", 1, "names a file"},
		{"set /a", "", 2, "Usage"},
		{"set /a b --version x", "", 2, "version"},
		{"get /none", "", 3, "eyrie volery ls"},
		{"stat /none", "", 3, "no such node"},
		{"create /none/b", "", 3, "/none"},
		{"rm /none", "", 3, "no such node"},
		{"create /a", "", 4, "already"},
		{"set /a b --version 7", "", 4, "not 7"},
		{"set /a @DIR/more", "", 4, "1.0 MiB"},
		{"create a", "", 2, "slash"},
		{"create /a/", "", 2, "slash"},
		{"create //a", "", 2, "empty"},
		{"create /a/../b", "", 2, "no empty, . or .. component"},
		{"create /a/./b", "", 2, "no empty, . or .. component"},
		{"create /a/..", "", 2, "no empty, . or .. component"},
		{"create /a\x01", "", 2, "control"},
		{"create /\xff", "", 2, "UTF-8"},
		{"create " + long, "", 0, ""}, // as in ZooKeeper, the message alone bounds a path
		{"get //", "", 2, "slash"},
		{"ls a", "", 2, "Paths begin with a slash: /a"},
		{"set /a/ b", "", 2, "slash"},
		{"stat /..", "", 2, "relative"},
		{"rm -r /a//b", "", 2, "empty"},
		{"import DIR none", "", 2, "Paths begin with a slash: /none"},
		{"export none DIR/out", "", 2, "slash"},
		{"create /zookeeper", "", 0, ""},
		{"rm /", "", 4, "root"},
		{"create /a/b", "", 0, ""},
		{"rm /a", "", 4, "rm -r"},
		{"rm -r /a", "", 0, ""},
	} {
		line := strings.ReplaceAll(step.line, "DIR", dir)
		args := append([]string{"volery", "--cluster", p.file}, strings.Fields(line)...)
		out, code := eyrie(t, strings.NewReader(step.stdin), args...)
		if code != step.code || !strings.Contains(out, step.says) {
			t.Errorf("volery %.60s: %d, want %d and %q: %s", step.line, code, step.code, step.says, tail(out, 300))
		}
	}

	// A majority stops while a write is under way: its outcome is unknown. A
	// read has none that could be.
	c := p.leader(0)
	for id := range p.cmds {
		if id != c {
			p.signal(id, syscall.SIGSTOP)
		}
	}
	for line, want := range map[string]int{"create /limbo": 6, "get /a": 5} {
		began := time.Now()
		args := append([]string{"volery", "--cluster", p.file, "--timeout", "700ms"}, strings.Fields(line)...)
		out, code := eyrie(t, nil, args...)
		if code != want || want == 6 && !strings.Contains(out, "stat /limbo") {
			t.Errorf("volery %s without a majority: %d, want %d: %s", line, code, want, out)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("volery %s without a majority took %v", line, took)
		}
	}
	for id := range p.cmds {
		p.signal(id, syscall.SIGCONT)
	}
	eventually(t, 20*time.Second, "the majority is back", func() bool {
		_, code := eyrie(t, nil, "volery", "--cluster", p.file, "--timeout", "2s", "ls")
		return code == 0
	})
}

// TestJSONOfEveryCommand: what --json prints is JSON, of failures too, with names in small
// letters and underscores.
func TestJSONOfEveryCommand(t *testing.T) {
	t.Parallel()
	p := startProcesses(t, 1, 1)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"volery create /a text", "volery ls /", "volery get /a", "volery set /a \xff", "volery get /a", "volery stat /a",
		"volery import " + dir + " /d", "volery export /d " + dir + "/copy", "volery rm /a", "volery rm -r /d",
		"volery get /none", "volery create /none/a", "volery create /x @/no/such", "status",
		"init", "init --cluster " + dir + "/new.json", "version", "volery get", "volery fly", "volery ls --fly", "volery ls --timeout 0s", "status --fly", "status extra", "replace", "replace --process 1 --timeout 9s", "upgrade",
		"forget --process 1 --dir " + dir, "sim --runs 1 --seed 1",
		"bench order --only floor --rounds 1 --warm 10ms --window 20ms --outstanding 1",
	} {
		args := append(strings.Fields(line), "--json")
		if !strings.HasPrefix(line, "sim") && !strings.HasPrefix(line, "bench") && line != "version" && !strings.Contains(line, "--cluster") {
			args = append(args, "--cluster", p.file)
		}
		stdout, stderr, code := split(t, args...)
		doc := stdout
		if code != 0 {
			doc = stderr
		}
		var v map[string]any
		if err := json.Unmarshal([]byte(doc), &v); err != nil || len(v) == 0 {
			t.Errorf("eyrie %s --json: %d, %v: %s", line, code, err, tail(doc, 300))
		}
		for _, name := range oddNames(v) {
			t.Errorf("eyrie %s --json: %q is not named like_this", line, name)
		}
		if code != 0 && v["exit"] != float64(code) {
			t.Errorf("eyrie %s --json: exit code %d, JSON says %v", line, code, v["exit"])
		}
	}
}

var goodName = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)

// oddNames are the names in a document that are not as all others. What is counted of
// a simulation has names for people.
func oddNames(v any) (odd []string) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			odd = append(odd, oddNames(e)...)
		}
	case map[string]any:
		for name, e := range v {
			if !goodName.MatchString(name) {
				odd = append(odd, name)
			}
			if name != "faults" && name != "slow" {
				odd = append(odd, oddNames(e)...)
			}
		}
	}
	return odd
}

func (p *processes) signal(id ids.Process, s syscall.Signal) {
	p.t.Helper()
	if err := p.cmds[id].Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
	if s == syscall.SIGSTOP { // on a busy machine it goes on for a while
		eventually(p.t, 20*time.Second, "the process stops", func() bool { return stopped(p.cmds[id].Process.Pid) })
	}
}

// stopped says whether all threads of a process stand still. Where there is no
// /proc that is taken for granted.
func stopped(pid int) bool {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, f := range tasks {
		b, err := os.ReadFile(f)
		if i := strings.LastIndexByte(string(b), ')'); err == nil && i >= 0 && !strings.HasPrefix(string(b[i:]), ") T") {
			return false
		}
	}
	return true
}
