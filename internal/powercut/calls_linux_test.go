package powercut

import (
	"bytes"
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

	"github.com/eyrie-dev/eyrie/internal/store"
)

// failures are the calls by which the journal and the store get to their disk,
// and an error of each.
var failures = []struct {
	call  string
	errno syscall.Errno
}{
	{"fdatasync", syscall.EIO}, {"fsync", syscall.EIO}, {"msync", syscall.EIO},
	{"pwrite64", syscall.ENOSPC}, {"fallocate", syscall.ENOSPC}, {"ftruncate", syscall.EIO},
	{"renameat", syscall.EIO}, {"openat", syscall.EIO}, {"mkdirat", syscall.EIO}, {"unlinkat", syscall.EIO},
}

// every is whether each single call is made to fail, and not a sample.
func every() bool { return os.Getenv("EYRIE_POWERCUTS") != "" }

// failing has the k-th watched call fail, and says which it was.
type failing struct {
	mu     sync.Mutex
	k, n   int
	errno  syscall.Errno
	failed Call
}

func (f *failing) decide(c Call) (syscall.Errno, time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n++; f.n != f.k {
		return 0, 0
	}
	f.failed = c
	return f.errno, 0
}

// TestEveryCallFails: scenarios 48 and 49. The k-th sync, write, rename, open
// and so on of a writer fails, for every k up to the last (EYRIE_POWERCUTS) or
// a sample; then the power is cut, so that what only the kernel knows is gone.
// The writer ends with a message, or goes on where a segment of the journal has no
// room, and all that it had acknowledged is there.
func TestEveryCallFails(t *testing.T) {
	for _, f := range failures {
		t.Run(f.call, func(t *testing.T) {
			d := disk(t, 256<<20)
			total := 0
			for k, step := 1, 1; ; k += step {
				fail := &failing{k: k, errno: f.errno}
				err := failOnce(d, f.call, fail)
				if errors.Is(err, ErrUnavailable) {
					t.Skip(err)
				}
				if err != nil {
					t.Errorf("%s %d of %s with %q: %v", f.call, k, fail.failed.Path, f.errno, err)
					d.Unmount()
					d.Mount()
				}
				total++
				if fail.failed.Name == "" {
					t.Logf("%d calls; %d runs", fail.n, total)
					return
				}
				if testing.Short() {
					step += 5 * step
				} else if !every() {
					step += 2 * step
				}
			}
		})
	}
}

func failOnce(d *Disk, call string, fail *failing) error {
	r, err := newTrial(d)
	if err != nil {
		return err
	}
	watched, err := Start(r.cmd, r.dir, []string{call}, fail.decide)
	if err != nil {
		return err
	}
	late := time.AfterFunc(time.Minute, func() { r.cmd.Process.Signal(syscall.SIGQUIT) })
	_ = r.cmd.Wait()
	late.Stop()
	<-watched
	if code := r.cmd.ProcessState.ExitCode(); withoutRoom(r.dir, fail.failed, fail.errno) && (code == 0 || call == "fallocate") {
		return r.ended(d, false, false, 0)
	}
	return r.ended(d, fail.failed.Name != "", insideBadger(r.dir, fail.failed), fail.errno)
}

// withoutRoom: a segment that finds no room while it is made is made later. Of a
// write nobody sees whether it was one of its zeros or of a record, which ends all.
func withoutRoom(dir string, c Call, errno syscall.Errno) bool {
	return errno == syscall.ENOSPC && strings.HasPrefix(c.Path, dir+"/journal/") && strings.HasSuffix(c.Path, ".seg")
}

// insideBadger: Badger does not report every error of its files, and ends the
// process itself at some.
func insideBadger(dir string, c Call) bool {
	return strings.HasPrefix(c.Path, dir+"/checkpoints/0")
}

// trial is a writer of twelve steps in a directory of its own.
type trial struct {
	dir        string
	cmd        *exec.Cmd
	said, errs bytes.Buffer
}

func newTrial(d *Disk) (*trial, error) {
	dir, err := os.MkdirTemp(d.Dir, "run")
	if err != nil {
		return nil, err
	}
	r := &trial{dir: dir, cmd: writer(dir, 1, 1, 12)}
	r.cmd.Stdout, r.cmd.Stderr = &r.said, &r.errs
	return r, d.WriteBack()
}

// writer is the command of writerMain.
func writer(dir string, seed, next uint64, steps int) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", dir, fmt.Sprint(seed), fmt.Sprint(next), fmt.Sprint(steps))
	cmd.Env = append(os.Environ(), childEnv+"=writer")
	return cmd
}

// ended cuts the power and looks at what a writer said and has left. failed: a
// call has failed, lenient: of Badger's, which may go on after that and then has
// a database that counts as damaged, as a whole.
func (r *trial) ended(d *Disk, failed, lenient bool, errno syscall.Errno) error {
	if err := d.CutFrom(); err != nil {
		return err
	}
	code, text := r.cmd.ProcessState.ExitCode(), r.errs.String()
	switch {
	case !failed && code != 0:
		return fmt.Errorf("without a failure: exit code %d: %s", code, text)
	case failed && !lenient && (code != 3 || !strings.Contains(text, errno.Error())):
		return fmt.Errorf("exit code %d: %s", code, text)
	}
	m := newModel()
	if err := errors.Join(m.hear(r.said.String()), d.Unmount(), d.Mount()); err != nil {
		return err
	}
	if err := checkCopy(r.dir, m); err != nil && !(lenient && errors.Is(err, store.ErrDamaged)) {
		return err
	}
	return os.RemoveAll(r.dir)
}

// TestStrace: the same with strace, which counts each thread's calls by itself
// and is somebody else's program.
func TestStrace(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed")
	}
	d := disk(t, 256<<20)
	injected := 0
	for _, f := range failures[:3] {
		for _, k := range []int{1, 2, 5} {
			r, err := newTrial(d)
			if err != nil {
				t.Fatal(err)
			}
			log := filepath.Join(t.TempDir(), "strace")
			exe, _ := os.Executable()
			r.cmd.Path = strace
			r.cmd.Args = append([]string{"strace", "-f", "-qq", "-y", "-o", log, "-e", "trace=" + f.call,
				"-e", fmt.Sprintf("inject=%s:error=EIO:when=%d", f.call, k), exe}, r.cmd.Args[1:]...)
			_ = r.cmd.Run()
			calls, _ := os.ReadFile(log)
			hit, badger := false, true // of several threads, perhaps
			for line := range bytes.Lines(calls) {
				if bytes.Contains(line, []byte("(INJECTED)")) {
					hit = true
					badger = badger && (f.call == "msync" || bytes.Contains(line, []byte("/checkpoints/0")))
				}
			}
			if hit {
				injected++
			}
			if err := r.ended(d, hit, badger, syscall.EIO); err != nil {
				t.Fatalf("%s %d: %v", f.call, k, err)
			}
		}
	}
	if injected == 0 {
		t.Error("strace has injected nothing")
	}
}
