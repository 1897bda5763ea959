package e2e

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// TestSaysWhatItWaitsFor: who waits for a cluster that does not answer hears so in
// seconds, long before it is given up.
func TestSaysWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "eyrie.json")
	addr := freeAddrs(t, 1)[0]
	if out, code := eyrie(t, nil, "init", "--cluster", file, "--partitions", "1", "--replicas", "1", "--addrs", addr); code != 0 {
		t.Fatal(out)
	}
	for _, line := range []string{"chirper load", "volery import .. /x", "volery ls", "chirper web --web 127.0.0.1:0", "chirper load --json"} {
		stdout, stderr, code := split(t, append(strings.Fields(line), "--timeout", "4s", "--cluster", file)...)
		if code != 5 || stdout != "" || !strings.Contains(stderr, "nothing answers yet at "+addr+"; tries for 4s in all") || !strings.Contains(stderr, "could be reached") {
			t.Errorf("eyrie %s: %d %s %s", line, code, stdout, stderr)
		}
	}
}

// TestLongCommandsSayWhyTheyStand: a command of no timeout that has no majority says
// which, and goes on when there is one.
func TestLongCommandsSayWhyTheyStand(t *testing.T) {
	t.Parallel()
	p := startProcesses(t, 1, 3)
	stop := []ids.Process{2, 3}
	for _, id := range stop {
		p.signal(id, syscall.SIGSTOP)
	}
	cmd, log := begin(t, "chirper", "load", "--users", "10", "--posts", "1", "--cluster", p.file)
	eventually(t, 30*time.Second, "it says why", func() bool {
		return strings.Contains(log.String(), "no progress: what is of partition 0 alone waits: of processes [1 2 3] 1 answer, and 2 must run; what is not answered is tried for 3m0s in all")
	})
	for _, id := range stop {
		p.signal(id, syscall.SIGCONT)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, log)
	}
}

// TestAnotherProgramAnswers: what has the address of a process and is none is named.
func TestAnotherProgramAnswers(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			c.Write([]byte("220 mail.example.org ESMTP\r\n"))
			c.Close()
		}
	}()
	addr := ln.Addr().String()
	says := "something that is not Eyrie answers at " + addr
	dir := t.TempDir()
	file := filepath.Join(dir, "eyrie.json")
	if out, code := eyrie(t, nil, "init", "--cluster", file, "--partitions", "1", "--addrs", strings.Join(append(freeAddrs(t, 2), addr), ",")); code != 0 {
		t.Fatal(out)
	}
	for _, b := range []bad{
		{"status --timeout 1s --cluster DIR/eyrie.json", 5, []string{says}},
		{"volery ls --timeout 1s --cluster DIR/eyrie.json", 5, []string{says}},
		{"up --web off --dir DIR", 4, []string{says, "--dir"}},
	} {
		b.run(t, dir)
	}
	p := startProcesses(t, 1, 3)
	p.kill(3)
	b, err := os.ReadFile(p.file)
	if err != nil {
		t.Fatal(err)
	}
	moved := filepath.Join(dir, "moved.json")
	if err := os.WriteFile(moved, []byte(strings.ReplaceAll(string(b), p.desc.Addrs()[3], addr)), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, code := eyrie(t, nil, "status", "--cluster", moved); code != 0 || !strings.Contains(out, "process 3: transport: "+says) {
		t.Errorf("status: %d %s", code, out)
	}
}
