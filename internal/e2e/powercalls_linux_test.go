package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/apps"
	"github.com/eyrie-dev/eyrie/apps/volery"
	"github.com/eyrie-dev/eyrie/internal/powercut"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// TestNodeCallsFail: scenarios 48 and 49 with a whole process, alone in its
// cluster: it starts, answers some commands and is told to stop, and meanwhile
// the k-th sync, write, rename or open of its directory fails. Either it ends
// with a message, or it was nothing that matters; then the power is cut, and a
// process that starts from what is left has all that was acknowledged.
// EYRIE_POWERCUTS makes it every k, and not a sample.
func TestNodeCallsFail(t *testing.T) {
	longer(t)
	t.Parallel()
	if err := powercut.Disks(); err != nil {
		t.Skip(err)
	}
	for _, f := range []struct {
		call  string
		errno syscall.Errno
		k     []int
	}{
		{"fdatasync", syscall.EIO, []int{4, 16}}, {"fsync", syscall.EIO, []int{9}}, {"msync", syscall.EIO, []int{2}},
		{"pwrite64", syscall.ENOSPC, []int{13}}, {"fallocate", syscall.ENOSPC, []int{1}}, {"ftruncate", syscall.EIO, nil},
		{"renameat", syscall.EIO, []int{2}}, {"openat", syscall.EIO, []int{20}}, {"mkdirat", syscall.EIO, nil}, {"unlinkat", syscall.EIO, nil},
	} {
		if os.Getenv("EYRIE_POWERCUTS") != "" {
			f.k = nil
			for k := 1; k < 1000; k++ {
				f.k = append(f.k, k)
			}
		}
		for _, k := range f.k {
			one := failingNode{t: t, call: f.call, errno: f.errno, k: k}
			hit := one.run()
			if errors.Is(one.err, powercut.ErrUnavailable) {
				t.Skip(one.err)
			}
			if one.err != nil {
				t.Errorf("%s %d of %s with %q: %v", f.call, k, one.failed, f.errno, one.err)
			}
			if !hit {
				t.Logf("%s: %d calls", f.call, one.n)
				break
			}
		}
	}
}

// failingNode is a process one of whose calls fails.
type failingNode struct {
	t     *testing.T
	call  string
	errno syscall.Errno
	k     int

	mu     sync.Mutex
	n      int
	failed string // the file

	acked int
	err   error
}

func (f *failingNode) decide(c powercut.Call) (syscall.Errno, time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n++; f.n != f.k {
		return 0, 0
	}
	f.failed = c.Path
	return f.errno, 0
}

// run reports whether a call has failed.
func (f *failingNode) run() bool {
	p := newCluster(f.t, f.t.TempDir(), 1, 1)
	d, err := powercut.NewDisk(1 << 30)
	if err != nil {
		f.t.Fatal(err)
	}
	defer d.Close()
	p.dirs[1] = filepath.Join(d.Dir, "node")
	if err := os.Mkdir(p.dirs[1], 0o700); err != nil {
		f.t.Fatal(err)
	}
	if err := d.WriteBack(); err != nil {
		f.t.Fatal(err)
	}
	cmd, said := exec.Command(binary, p.args(1)...), &record{}
	cmd.Stdout, cmd.Stderr = said, said
	watched, err := powercut.Start(cmd, p.dirs[1], []string{f.call}, f.decide)
	if err != nil {
		f.err = err
		return false
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer cancel()
		cmd.Wait()
		<-watched
	}()
	f.acked = create(ctx, p.file, 5)
	cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		cmd.Process.Signal(syscall.SIGQUIT)
		<-ended
		f.err = fmt.Errorf("does not end: %s", tail(said.String(), 3000))
		return true
	}
	if err := errors.Join(d.CutFrom(), d.Unmount(), d.Mount()); err != nil {
		f.t.Fatal(err)
	}
	f.err = errors.Join(f.outcome(cmd.ProcessState.ExitCode(), said.String(), p.dirs[1]), f.after(p))
	return f.failed != ""
}

func (f *failingNode) outcome(code int, said, dir string) error {
	badger := strings.HasPrefix(f.failed, dir+"/checkpoints/0")
	switch {
	case f.failed == "" && (code != 0 || f.acked != 5):
		return fmt.Errorf("without a failure: exit code %d, %d acknowledged: %s", code, f.acked, said)
	case f.mayFail() && code == 0:
	case f.failed != "" && !badger && (code != 1 && code != 4 || !strings.Contains(said, f.errno.Error())), strings.Contains(said, "goroutine "):
		return fmt.Errorf("exit code %d, and it said: %s", code, said)
	}
	return nil
}

// mayFail: room is asked for every second, and an answer that fails means that
// there is none; and a file is removed that is not there, in two ways. A segment of
// the journal that finds no room while it is made is made later.
func (f *failingNode) mayFail() bool {
	return f.errno == syscall.ENOSPC && strings.HasSuffix(f.failed, ".seg") ||
		f.call == "openat" && strings.HasSuffix(f.failed, "/node/journal") || f.call == "unlinkat" && strings.HasSuffix(f.failed, "/identity.tmp")
}

// after starts the process anew and looks for what was acknowledged.
func (f *failingNode) after(p *processes) error {
	p.start(1)
	defer p.kill(1)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	s, err := ssmr.Dial(ctx, p.file, apps.Service, ssmr.ClientConfig{})
	if err != nil {
		return fmt.Errorf("does not start again: %w: %s", err, tail(p.logs[1].String(), 2000))
	}
	defer s.Close()
	c := volery.NewClient(s)
	for i := range f.acked {
		if data, _, err := c.GetData(ctx, fmt.Sprint("/", i)); err != nil || string(data) != fmt.Sprint(i) {
			return fmt.Errorf("of %d acknowledged, %d is %q, %v: %s", f.acked, i, data, err, tail(p.logs[1].String(), 2000))
		}
	}
	if _, err := c.Create(ctx, "/after", nil); err != nil {
		return fmt.Errorf("does not go on: %w", err)
	}
	return nil
}

// create makes nodes and returns how many were acknowledged before ctx ended.
func create(ctx context.Context, file string, n int) (acked int) {
	for ctx.Err() == nil {
		dialing, cancel := context.WithTimeout(ctx, 5*time.Second)
		s, err := ssmr.Dial(dialing, file, apps.Service, ssmr.ClientConfig{})
		cancel()
		if err != nil {
			continue
		}
		defer s.Close()
		c := volery.NewClient(s)
		for acked < n {
			if _, err := c.Create(ctx, fmt.Sprint("/", acked), fmt.Append(nil, acked)); err != nil {
				return acked
			}
			acked++
		}
		return acked
	}
	return acked
}
