package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/eyrie-dev/eyrie/apps"
	"github.com/eyrie-dev/eyrie/apps/volery"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/powercut"
	"github.com/eyrie-dev/eyrie/internal/store"
	"github.com/eyrie-dev/eyrie/ssmr"
)

const filler = "filler"

// fill leaves so many MiB of room on a disk, or less if there is less.
func fill(t *testing.T, dir string, leave uint64) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, filler), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for tries := 0; ; tries++ { // what the processes take meanwhile counts, too
		free, err := store.Free(dir)
		info, serr := f.Stat()
		if err := errors.Join(err, serr); err != nil {
			t.Fatal(err)
		}
		if free <= leave<<20 {
			return
		}
		err = unix.Fallocate(int(f.Fd()), 0, info.Size(), int64(free-leave<<20))
		if err != nil && (err != unix.ENOSPC || tries > 10) {
			t.Fatal(err)
		}
	}
}

func makeRoom(t *testing.T, dir string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, filler)); err != nil {
		t.Fatal(err)
	}
}

// TestFullUnderLoad: scenario 50. Under load, the disks of all processes fill up
// to some of what they keep in reserve, then altogether, then of all but the
// one that orders. New commands are refused with an error that says why, reads are answered, no process ends;
// when there is room again, all goes on; and then the power is cut.
func TestFullUnderLoad(t *testing.T) {
	longer(t)
	t.Parallel()
	p := startPowered(t, 1, 3, 768<<20)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	s, err := ssmr.Dial(ctx, p.file, apps.Service, ssmr.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := volery.NewClient(s)
	if _, err := c.Create(ctx, "/n", nil); err != nil {
		t.Fatal(err)
	}
	written := int32(0)
	value := make([]byte, 10_000)
	write := func() error {
		stat, err := c.SetData(ctx, "/n", value, -1)
		if err == nil {
			written++
			if stat.Version != written {
				t.Fatalf("version %d after %d acknowledged writes", stat.Version, written)
			}
		}
		return err
	}
	followers := maps.Clone(p.disks)
	delete(followers, p.desc.Partitions[0][0].ID) // it coordinates
	for _, full := range []struct {
		leave uint64
		disks map[ids.Process]*powercut.Disk
	}{{256, p.disks}, {0, p.disks}, {256, followers}} {
		for range 50 {
			if err := write(); err != nil {
				t.Fatal(err)
			}
		}
		for _, d := range full.disks {
			fill(t, d.Dir, full.leave)
		}
		eventually(t, 10*time.Second, "commands are refused", func() bool {
			err := write()
			if err != nil && !errors.Is(err, ssmr.ErrNoRoom) {
				t.Fatal(err)
			}
			return err != nil && !errors.Is(err, ssmr.ErrOutcomeUnknown)
		})
		if _, stat, err := c.GetData(ctx, "/n"); err != nil || stat.Version != written {
			t.Errorf("a read: version %d, want %d; %v", stat.Version, written, err)
		}
		if out, code := eyrie(t, nil, "volery", "create", "/other", "--cluster", p.file); code == 0 {
			t.Errorf("a command was taken: %s", out)
		}
		p.waitReady(time.Second)
		for _, d := range full.disks {
			makeRoom(t, d.Dir)
		}
		eventually(t, 20*time.Second, "commands are taken again", func() bool {
			err := write()
			if err != nil && !errors.Is(err, ssmr.ErrNoRoom) {
				t.Fatal(err)
			}
			return err == nil
		})
	}
	p.cut(p.all()...)
	if _, stat, err := c.GetData(ctx, "/n"); err != nil || stat.Version != written {
		t.Errorf("after all: version %d, want %d; %v", stat.Version, written, err)
	}
}

// TestFullDisk: scenario 50. A disk that is almost full has commands refused,
// with an explanation; reads go on, and nothing dies. When there is room
// again, everything goes on by itself. A process that cannot write dies with a
// clear word, not by a signal, and starts again when there is room.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := diskOf(t, 1<<30)
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
	if out, code := run("status"); code != 0 || !strings.Contains(out, "its disk is almost full") {
		t.Errorf("status: %d: %s", code, out)
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
	makeRoom(t, dir)
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

// TestFullDiskOptimistic: with optimistic execution, too, who is refused for lack
// of room is told so, and not that the outcome is unknown.
func TestFullDiskOptimistic(t *testing.T) {
	t.Parallel()
	dir := diskOf(t, 1<<30)
	p := newCluster(t, dir, 1, 3, "--execution", "full")
	p.durable = true
	for id := range p.desc.Addrs() {
		p.start(id)
	}
	p.waitReady(30 * time.Second)
	n := 0
	create := func() (string, int) {
		n++
		return eyrie(t, nil, "volery", "create", fmt.Sprintf("/n%d", n), "--cluster", p.file, "--timeout", "3s")
	}
	eventually(t, 20*time.Second, "a command is taken", func() bool { _, code := create(); return code == 0 })
	fill(t, dir, 200)
	eventually(t, 30*time.Second, "a command is refused for lack of room", func() bool {
		out, code := create()
		return code == 4 && strings.Contains(out, "almost full") && strings.Contains(out, "Make room")
	})
	refused := fmt.Sprintf("/n%d", n)
	makeRoom(t, dir)
	eventually(t, 20*time.Second, "commands are taken again", func() bool { _, code := create(); return code == 0 })
	if out, code := eyrie(t, nil, "volery", "get", refused, "--cluster", p.file); code != 3 {
		t.Errorf("a command that was refused has been executed: %d: %s", code, out)
	}
}

// diskOf is a directory on a disk of its own, of so many bytes.
func diskOf(t *testing.T, size int64) string {
	t.Helper()
	if err := powercut.Disks(); err != nil {
		t.Skip(err)
	}
	d, err := powercut.NewDisk(size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d.Dir
}

// TestFullCoordinator: the disk of the process that orders commands fills up, and stays
// full. Another takes over, and commands are taken.
func TestFullCoordinator(t *testing.T) {
	longer(t)
	t.Parallel()
	p := startPowered(t, 1, 3, 768<<20)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := ssmr.Dial(ctx, p.file, apps.Service, ssmr.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := volery.NewClient(s)
	if _, err := c.Create(ctx, "/n", nil); err != nil {
		t.Fatal(err)
	}
	first := p.desc.Partitions[0][0].ID
	fill(t, p.disks[first].Dir, 256)
	eventually(t, 10*time.Second, "the process says that it has no room", func() bool { return p.status()[first].Durable.NoRoom })
	taken := 0 // in a row
	eventually(t, 10*time.Second, "commands are taken", func() bool {
		_, err := c.SetData(ctx, "/n", nil, -1)
		if err != nil && !errors.Is(err, ssmr.ErrNoRoom) {
			t.Fatal(err)
		}
		if taken++; err != nil {
			taken = 0
		}
		return taken == 50
	})
	if !p.status()[first].Durable.NoRoom {
		t.Error("it has room")
	}
	p.cut(p.all()...)
	if _, _, err := c.GetData(ctx, "/n"); err != nil {
		t.Error(err)
	}
}
