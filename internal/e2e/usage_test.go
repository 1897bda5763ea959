package e2e

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// bad is a command line with its exit code and parts of what it must say.
type bad struct {
	line string
	code int
	says []string
}

func (b bad) run(t *testing.T, dir string) {
	t.Helper()
	args := strings.Fields(strings.ReplaceAll(b.line, "DIR", dir))
	stdout, stderr, code := split(t, args...)
	if code != b.code {
		t.Errorf("eyrie %s: exit code %d, want %d: %s", b.line, code, b.code, stderr)
	}
	if stdout != "" {
		t.Errorf("eyrie %s: an error on standard output: %s", b.line, stdout)
	}
	for _, part := range b.says {
		if !strings.Contains(stderr, part) {
			t.Errorf("eyrie %s: does not say %q: %s", b.line, part, stderr)
		}
	}
}

func TestWrongUsage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if out, code := eyrie(t, nil, "init", "--cluster", dir+"/ok.json"); code != 0 {
		t.Fatal(out)
	}
	for _, b := range []bad{
		{"", 2, []string{"Usage"}},
		{"fly", 2, []string{`no command "fly"`, "Usage"}},
		{"help fly", 2, []string{`no command "fly"`, "Usage"}},
		{"status --timeout 0s --cluster DIR/ok.json", 2, []string{"--timeout"}},
		{"status --timeout 3 --cluster DIR/ok.json", 2, []string{`"3"`, "such as 5s", "see eyrie status --help"}},
		{"up --wings", 2, []string{"eyrie up: ", "-wings", "see eyrie up --help"}},
		{"up --partitions two", 2, []string{`"two"`, "whole number"}},
		{"up extra", 2, []string{`"extra"`, "--help"}},
		{"up --dir DIR --partitions 0", 2, []string{"at least 1"}},
		{"up --dir DIR --replicas 2", 2, []string{"odd"}},
		{"up --dir DIR --listen nowhere", 2, []string{"HOST:PORT"}},
		{"up --dir DIR --listen 127.0.0.1:65535", 2, []string{"65535"}},
		{"up --dir DIR/ok.json", 1, []string{"not a directory"}},
		{"init --cluster DIR/ok.json", 4, []string{"--force"}},
		{"init --cluster DIR/no/such.json", 1, []string{"no such file"}},
		{"init --cluster DIR/x.json --replicas 4", 2, []string{"odd"}},
		{"init --cluster DIR/x.json --addrs a:1,b:1", 2, []string{"give 6"}},
		{"init --cluster DIR/x.json --partitions 1 --addrs a:1,a:1,b", 2, []string{"a:1 is used by processes 1 and 2", `"b" is not HOST:PORT`}},
		{"init --cluster DIR/x.json --partitions 1 --addrs :1,b:0,c:x", 2, []string{"names no host", `"b:0"`, `"c:x"`}},
		{"node --cluster DIR/ok.json", 2, []string{"--id"}},
		{"node --id 1 --cluster DIR/none.json", 2, []string{"no cluster file", "eyrie up"}},
		{"node --cluster DIR/ok.json --id 7", 2, []string{"no process 7"}},
		{"node --cluster DIR/ok.json --id 65537", 2, []string{"no process 65537"}},
		{"node --cluster DIR/ok.json --id one", 2, []string{`"one"`}},
		{"node --cluster DIR/ok.json --id 1,4,1", 2, []string{"process 1 is named twice"}},
		{"node --cluster DIR/ok.json --id 1,4,", 2, []string{`""`}},
		{"node --cluster DIR/ok.json --id 1,4,5", 2, []string{"replicas of partition 1"}},
		{"node --cluster DIR/ok.json --id 1 --memory --dir DIR/x", 2, []string{"--dir", "--memory", "one of them"}},
		{"forget --cluster DIR/ok.json --dir DIR", 2, []string{"--process is missing"}},
		{"forget --cluster DIR/ok.json --process 4", 2, []string{"--dir", "data"}},
		{"forget --cluster DIR/ok.json --process 4 --dir DIR", 4, []string{"no identity"}},
		{"forget --cluster DIR/ok.json --process 4 --dir DIR/none", 1, []string{"no such file"}},
		{"status --cluster DIR/none.json", 2, []string{"no cluster file", "eyrie up"}},
		{"volery", 2, []string{"Usage"}},
		{"volery fly", 2, []string{`no command "fly"`}},
		{"volery get", 2, []string{"PATH"}},
		{"volery get /a --cluster DIR/none.json", 2, []string{"no cluster file"}},
		{"volery get /a --timeout soon", 2, []string{`"soon"`}},
		{"sim --runs 0", 2, []string{"at least 1"}},
		{"sim --seed -1", 2, []string{"-seed"}},
		{"bench", 2, []string{"order"}},
		{"bench fly", 2, []string{`"fly"`}},
		{"bench order --fly", 2, []string{"fly"}},
	} {
		b.run(t, dir)
	}
	if _, err := os.Stat(filepath.Join(dir, "x.json")); err == nil {
		t.Error("a refused init has left a file")
	}
}

// TestForcedInit: the file of a cluster whose data are there is not lost.
func TestForcedInit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "c.json")
	var written []string
	for range 3 {
		if out, code := eyrie(t, nil, "init", "--force", "--cluster", file); code != 0 {
			t.Fatal(out)
		}
		b, _ := os.ReadFile(file)
		written = append(written, string(b))
	}
	for n, name := range []string{file + ".1", file + ".2", file} {
		if b, err := os.ReadFile(name); err != nil || string(b) != written[n] {
			t.Errorf("%s: %v, %s", name, err, b)
		}
	}
}

// TestRanElsewhere: a process that shared a directory does not begin with an empty
// one, by mistake.
func TestRanElsewhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if out, code := eyrie(t, nil, "init", "--cluster", dir+"/c.json"); code != 0 {
		t.Fatal(out)
	}
	if err := errors.Join(os.MkdirAll(dir+"/data/2-5/journal", 0o700), os.MkdirAll(dir+"/data/3/journal", 0o700)); err != nil {
		t.Fatal(err)
	}
	for _, b := range []bad{
		{"node --cluster DIR/c.json --id 5", 4, []string{"process 5 has run from", "--id 2,5", "--dir"}},
		{"node --cluster DIR/c.json --id 5 --memory", 4, []string{"process 5 has kept its state in", "2-5", "without --memory"}},
		{"node --cluster DIR/c.json --id 6,3", 4, []string{"process 3 has run from", "--id 3,"}},
	} {
		b.run(t, dir)
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for _, command := range []string{
		"", "help up", "help volery get", "version", "up", "init", "node", "status", "replace", "forget", "upgrade", "volery", "chirper", "sim", "bench", "bench order", "bench sweep", "volery ls", "volery get",
		"volery set", "volery create", "volery rm", "volery stat", "volery import", "volery export",
	} {
		for _, help := range []string{"--help", "-h"} {
			stdout, stderr, code := split(t, append(strings.Fields(command), help)...)
			if code != 0 || !strings.Contains(stdout, "Usage") || stderr != "" {
				t.Errorf("eyrie %s %s: exit code %d, %q on standard error", command, help, code, stderr)
			}
		}
	}
}

// TestBadClusterFiles: a file is read by all commands in the same way, so one
// command stands for all.
func TestBadClusterFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "c.json")
	if out, code := eyrie(t, nil, "init", "--cluster", file, "--partitions", "1", "--listen", "127.0.0.1:7001"); code != 0 {
		t.Fatal(out)
	}
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ old, new, says string }{
		{`"id": 2`, `"id": 1`, "process id 1 is used twice"},
		{`"id": 2`, `"id": 0`, "ids start at 1"},
		{`"id": 2`, `"id": -2`, "-2"},
		{`"id": 2`, `"id": 70000`, "70000"},
		{`:7002"`, `:7001"`, "127.0.0.1:7001 is used by processes 1 and 2"},
		{`:7002"`, `"`, "not HOST:PORT"},
		{`:7002"`, `:0"`, "1 to 65535"},
		{`127.0.0.1:7002`, `:7002`, "names no host"},
		{`"cluster":`, `"clutser":`, "clutser"},
		{`"version": 1`, `"version": 9`, "version 1"},
		{`"partitions": [`, `"partitions": [[],`, "partition 0 has 0 replicas"},
		{`"version": 1`, `"failure_timeout": "soon", "version": 1`, "soon"},
		{`"version": 1`, `"failure_timeout": "-1s", "version": 1`, "FailureTimeout"},
		{`{`, ``, "invalid cluster file"},
		{"\n}", "\n}{}", "follows"},
		{string(good), "", "nothing in it"},
		{"\n}", "", "its end is missing"},
	} {
		bytes := strings.Replace(string(good), row.old, row.new, 1)
		if err := os.WriteFile(file, []byte(bytes), 0o644); err != nil {
			t.Fatal(err)
		}
		bad{"status --cluster DIR/c.json", 2, []string{"c.json", row.says}}.run(t, dir)
	}
}

// TestNobodyThere: a cluster that does not run is reported within the timeout,
// with what to do.
func TestNobodyThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "eyrie.json")
	// One port refuses, one takes connections and never answers.
	silent, err := net.Listen("tcp", freeAddrs(t, 1)[0])
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	addrs := append(freeAddrs(t, 2), silent.Addr().String())
	if out, code := eyrie(t, nil, "init", "--cluster", file, "--partitions", "1", "--addrs", strings.Join(addrs, ",")); code != 0 {
		t.Fatal(out)
	}
	began := time.Now()
	for _, b := range []bad{
		{"status --timeout 500ms --cluster " + file, 5, []string{"eyrie node", "eyrie up"}},
		{"volery get /a --timeout 500ms --cluster " + file, 5, []string{"eyrie status", "eyrie up"}},
		{"volery set /a b --timeout 500ms --cluster " + file, 5, []string{"eyrie status"}},
		{"volery import . /a --timeout 500ms --cluster " + file, 5, []string{"eyrie status"}},
	} {
		b.run(t, dir)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("four timeouts of half a second took %v", took)
	}
	stdout, _, code := split(t, "status", "--json", "--timeout", "300ms", "--cluster", file)
	var doc struct{ Processes []struct{ Reachable bool } }
	if err := json.Unmarshal([]byte(stdout), &doc); err != nil || code != 5 || len(doc.Processes) != 3 || doc.Processes[0].Reachable {
		t.Errorf("status --json of nobody: %d, %v: %s", code, err, stdout)
	}
}
