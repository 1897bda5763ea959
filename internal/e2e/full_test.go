package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/store"
)

// smallDisk is a file system of its own, of so many MiB.
func smallDisk(t *testing.T, size int64) (dir string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root may mount a small disk")
	}
	base := t.TempDir()
	image, dir := filepath.Join(base, "image"), filepath.Join(base, "disk")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, size<<20); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, line := range [][]string{{"mkfs.ext4", "-q", image}, {"mount", "-o", "loop", image, dir}} {
		if out, err := exec.Command(line[0], line[1:]...).CombinedOutput(); err != nil {
			t.Skipf("no small disk here: %s: %v: %s", line[0], err, out)
		}
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return dir
}

// fill leaves so many MiB of room on the disk of dir.
func fill(t *testing.T, dir string, leave int64) {
	t.Helper()
	name := filepath.Join(dir, "filler")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	part := make([]byte, 1<<20)
	for {
		free, err := store.Free(dir)
		if err != nil {
			t.Fatal(err)
		}
		if int64(free>>20) <= leave {
			break
		}
		if _, err := f.Write(part); err != nil {
			t.Logf("filled up: %v", err)
			break
		}
	}
	if err := f.Sync(); err != nil {
		t.Logf("filled up: %v", err)
	}
}

// TestFullDisk: scenario 50. A disk that is almost full has commands refused,
// with an explanation; reads go on, and nothing dies. When there is room
// again, everything goes on by itself. A process that cannot write dies with a
// clear word, not by a signal, and starts again when there is room.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t, 1024)
	p := startIn(t, dir, 1, 3, true)
	run := func(line string) (string, int) {
		return eyrie(t, nil, append(strings.Fields(line), "--cluster", p.file)...)
	}
	if out, code := run("volery create /a b"); code != 0 {
		t.Fatalf("create: %d: %s", code, out)
	}
	fill(t, dir, 200)
	n := 0
	eventually(t, 20*time.Second, "a command is refused for lack of room", func() bool {
		n++
		out, code := run(fmt.Sprintf("volery create /full%d", n))
		return code == 4 && strings.Contains(out, "almost full") && strings.Contains(out, "Make room")
	})
	if out, code := run("volery get /a"); code != 0 || out != "b" {
		t.Errorf("get: %d: %s", code, out)
	}
	// A process that is stopped now finds no room for a checkpoint.
	fill(t, dir, 0)
	stopped := p.desc.Partitions[0][2].ID
	began := time.Now()
	if code := ends(t, p.cmds[stopped], syscall.SIGINT); code != 0 && code != 1 {
		t.Errorf("exit code %d: %s", code, p.logs[stopped])
	}
	delete(p.cmds, stopped)
	if d := time.Since(began); d > 8*time.Second {
		t.Errorf("stopping took %v", d)
	}
	for id, s := range p.status() {
		if s.State != "ready" {
			t.Errorf("process %d: %s %s", id, s.State, s.Error)
		}
	}
	if err := os.Remove(filepath.Join(dir, "filler")); err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, "commands are taken again", func() bool {
		n++
		_, code := run(fmt.Sprintf("volery create /again%d", n))
		return code == 0
	})
	p.start(stopped)
	p.waitReady(20 * time.Second)
	p.killAll(p.all()...)
	for _, id := range p.all() {
		p.start(id)
	}
	p.waitReady(20 * time.Second)
	for _, path := range []string{"/a", fmt.Sprintf("/again%d", n)} {
		if out, code := run("volery get " + path); code != 0 {
			t.Errorf("get %s: %d: %s", path, code, out)
		}
	}
	for id, log := range p.logs {
		for _, bad := range []string{"SIGBUS", "panic", "fault"} {
			if strings.Contains(log.String(), bad) {
				t.Errorf("process %d: %s", id, tail(log.String(), 2000))
			}
		}
	}
}
