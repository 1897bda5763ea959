package e2e

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/apps"
	"github.com/eyrie-dev/eyrie/apps/volery"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/testroom"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// TestFlippedBits: scenario 45 with whole processes. A bit of one process's
// directory is flipped, in files of every kind. Either the process refuses to
// start, naming the file and what to do; or it starts, with one other process
// alone, so that nothing can be ordered or read without it, and every answer
// is right. EYRIE_FLIPS is how many bits of each kind of file.
func TestFlippedBits(t *testing.T) {
	longer(t)
	t.Parallel()
	flips := 1
	if v := os.Getenv("EYRIE_FLIPS"); v != "" {
		var err error
		if flips, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	sample := []string{".seg", "frontier", "identity", ".sst", "MANIFEST"}
	rng := rand.New(rand.NewPCG(seed, 0))
	f := newFlipped(t)
	outcomes := map[string]int{}
	for kind, files := range f.kinds(2) {
		if flips == 1 && !slices.Contains(sample, kind) {
			continue
		}
		for range flips {
			file := files[rng.IntN(len(files))]
			at, bit, ok := f.flip(rng, file)
			if !ok {
				continue
			}
			outcome, err := f.try()
			if err != nil {
				t.Errorf("bit %d of byte %d of %s: %v", bit, at, file, err)
			}
			outcomes[kind+" "+outcome]++
		}
	}
	t.Logf("%v", outcomes)
}

// flipped is a cluster that has been killed, with its directories as they were then.
type flipped struct {
	*processes
	load     *hammered
	live     string // the directories of the processes
	pristine string
}

func newFlipped(t *testing.T) *flipped {
	t.Helper()
	base := t.TempDir()
	testroom.Processes(t, base, 3*3) // pristine, live, and one that is to be told apart
	f := &flipped{live: filepath.Join(base, "live"), pristine: filepath.Join(base, "pristine")}
	f.processes = newCluster(t, base, 1, 3)
	for _, id := range f.all() {
		f.dirs[id] = filepath.Join(f.live, fmt.Sprint(id))
	}
	if err := os.Mkdir(f.live, 0o700); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a checkpoint, and something after it
		for _, id := range f.all() {
			f.start(id)
		}
		f.waitReady(30 * time.Second)
		if f.load == nil {
			f.load = hammer(t, f.processes, 2)
			f.load.goesOn(200)
			f.load.stop()
			f.load.workers.Wait()
			for _, id := range f.all() {
				f.cmds[id].Process.Signal(os.Interrupt)
				f.cmds[id].Wait()
			}
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for i := range 50 {
		if _, err := f.load.client.Create(ctx, fmt.Sprint("/later", i), nil); err != nil {
			t.Fatal(err)
		}
	}
	f.killAll(f.all()...)
	f.copy(f.live, f.pristine)
	return f
}

func (f *flipped) copy(from, to string) {
	f.t.Helper()
	if out, err := exec.Command("cp", "-r", "--sparse=always", from, to).CombinedOutput(); err != nil {
		f.t.Fatalf("%v: %s", err, out)
	}
}

// kinds are a process's files.
func (f *flipped) kinds(id ids.Process) map[string][]string {
	kinds := map[string][]string{}
	filepath.WalkDir(f.dirs[id], func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			kind := strings.TrimRight(strings.TrimSuffix(d.Name(), ".2"), "0123456789")
			if ext := filepath.Ext(path); ext != "" && ext != ".2" {
				kind = ext
			}
			kinds[kind] = append(kinds[kind], path)
		}
		return err
	})
	return kinds
}

// flip makes the directories as they were, but for one bit of a file, mostly
// where there is something.
func (f *flipped) flip(rng *rand.Rand, file string) (at, bit int, ok bool) {
	f.t.Helper()
	if err := os.RemoveAll(f.live); err != nil {
		f.t.Fatal(err)
	}
	f.copy(f.pristine, f.live)
	b, err := os.ReadFile(file)
	if err != nil {
		f.t.Fatal(err)
	}
	end := len(b)
	for end > 0 && b[end-1] == 0 {
		end--
	}
	if end = min(len(b), end+1000); end == 0 {
		return 0, 0, false
	}
	at, bit = rng.IntN(end), rng.IntN(8)
	h, err := os.OpenFile(file, os.O_RDWR, 0)
	if err == nil {
		_, err = h.WriteAt([]byte{b[at] ^ 1<<bit}, int64(at))
		err = errors.Join(err, h.Close())
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return at, bit, true
}

// try starts two processes, the second of which has the flipped bit.
func (f *flipped) try() (string, error) {
	f.start(1)
	f.start(2)
	ended := make(chan struct{})
	second := f.cmds[2]
	go func() { second.Wait(); close(ended) }()
	defer func() {
		f.killAll(1)
		second.Process.Kill()
		<-ended
		delete(f.cmds, 2)
	}()
	limit := time.After(30 * time.Second)
	for {
		select {
		case <-ended:
			return f.refused(second.ProcessState.ExitCode())
		case <-limit:
			return "stuck", fmt.Errorf("neither started nor refused: %s", tail(f.logs[2].String(), 2000))
		case <-time.After(20 * time.Millisecond):
		}
		if s := f.status(); s[1].State == "ready" && s[2].State == "ready" {
			break
		}
	}
	before := f.t.Failed()
	if err := f.read(); err != nil {
		return "wrong", fmt.Errorf("%w: %s", err, tail(f.logs[2].String(), 2000))
	}
	if f.t.Failed() && !before {
		return "wrong", errors.New("read above")
	}
	return "good", nil
}

// refused: the process says which file and what to do.
func (f *flipped) refused(code int) (string, error) {
	said := f.logs[2].String()
	for _, bad := range []string{"panic", "goroutine ", "SIG"} {
		if strings.Contains(said, bad) {
			return "crash", errors.New(said)
		}
	}
	names := strings.Contains(said, f.dirs[2]) && slices.ContainsFunc([]string{"replace", "right"}, func(s string) bool { return strings.Contains(said, s) })
	if code != 4 || !names {
		return "refused", fmt.Errorf("exit code %d, and it said: %s", code, said)
	}
	return "refused", nil
}

// read reads everything, by clients that ask different replicas, and writes.
func (f *flipped) read() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for i := range 4 {
		s, err := ssmr.Dial(ctx, f.file, apps.Service, ssmr.ClientConfig{})
		if err != nil {
			return err
		}
		defer s.Close()
		c := volery.NewClient(s)
		f.load.verify(c)
		for n := range 50 {
			if _, there, err := c.Exists(ctx, fmt.Sprint("/later", n)); !there || err != nil {
				return fmt.Errorf("/later%d: %v, %w", n, there, err)
			}
		}
		if _, err := c.Create(ctx, fmt.Sprint("/new", i), nil); err != nil {
			return err
		}
	}
	return nil
}
