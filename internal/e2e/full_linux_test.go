package e2e

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/eyrie-dev/eyrie/apps/volery"
	"github.com/eyrie-dev/eyrie/internal/client"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// fill leaves so many bytes free on the disks of all processes.
func (p *powered) fill(leave uint64) {
	p.t.Helper()
	for _, d := range p.disks {
		var st unix.Statfs_t
		if err := unix.Statfs(d.Dir, &st); err != nil {
			p.t.Fatal(err)
		}
		f, err := os.Create(filepath.Join(d.Dir, "ballast"))
		if err != nil {
			p.t.Fatal(err)
		}
		size := int64(st.Bavail)*st.Bsize - int64(leave)
		if err := errors.Join(unix.Fallocate(int(f.Fd()), 0, 0, size), f.Close()); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *powered) makeRoom() {
	for _, d := range p.disks {
		if err := os.Remove(filepath.Join(d.Dir, "ballast")); err != nil {
			p.t.Error(err)
		}
	}
}

// TestDiskFull: scenario 50. Under load, the disks of all processes fill up to
// some of what they keep in reserve, then altogether. New commands are refused
// with an error that says why, reads are answered, no process ends; when there
// is room again, all goes on.
func TestDiskFull(t *testing.T) {
	p := startPowered(t, 1, 3, 768<<20)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	s, err := ssmr.Dial(ctx, p.file, ssmr.Compose("eyrie", volery.Service), ssmr.ClientConfig{})
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
	for _, leave := range []uint64{256 << 20, 0} {
		for range 50 {
			if err := write(); err != nil {
				t.Fatal(err)
			}
		}
		p.fill(leave)
		eventually(t, 10*time.Second, "commands are refused", func() bool {
			err := write()
			if err != nil && !errors.Is(err, client.ErrNoRoom) {
				t.Fatal(err)
			}
			return err != nil && !errors.Is(err, client.ErrOutcomeUnknown)
		})
		if _, stat, err := c.GetData(ctx, "/n"); err != nil || stat.Version != written {
			t.Errorf("a read: version %d, want %d; %v", stat.Version, written, err)
		}
		if out, code := eyrie(t, nil, "volery", "create", "/other", "--cluster", p.file); code == 0 {
			t.Errorf("a command was taken: %s", out)
		}
		p.waitReady(time.Second)
		p.makeRoom()
		eventually(t, 20*time.Second, "commands are taken again", func() bool {
			err := write()
			if err != nil && !errors.Is(err, client.ErrNoRoom) {
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
