package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/eyrie-dev/eyrie/internal/host"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/ridge"
)

// ownDir gives a turn of a durable case a new folder within the case's. end
// removes it, and returns when the file system has done so: freeing is work for
// a disk that would else be the next turn's.
func (c *Case) ownDir() (end func() error, err error) {
	if c.Dir == "" {
		return func() error { return nil }, nil
	}
	parent := c.Dir
	if c.Dir, err = os.MkdirTemp(parent, "turn-"); err != nil {
		return nil, err
	}
	return func() error { return errors.Join(os.RemoveAll(c.Dir), syncDir(parent)) }, nil
}

// folders are where our processes keep what they promise. The i-th processes
// of all partitions would run on one machine, in one program: where there are
// several, they share a directory, and so a journal.
type folders struct {
	c      *Case
	shared []*host.Shared // by place in the partition
}

// open makes the directories of the cluster.
func (f *folders) open(c *Case, cluster string, t *ridge.Topology) error {
	f.c = c
	if c.Dir == "" || len(t.Replicas) == 1 {
		return nil
	}
	for i := range t.Replicas[0] {
		var here []ids.Process
		for _, replicas := range t.Replicas {
			here = append(here, replicas[i])
		}
		s, err := host.OpenShared(filepath.Join(c.Dir, fmt.Sprint("machine", i+1)), cluster, t, here, nil)
		if err != nil {
			return err
		}
		f.shared = append(f.shared, s)
	}
	return nil
}

// give says where process p, the i-th of its partition, keeps it; nowhere if the
// case is in memory.
func (f *folders) give(cfg *host.NodeConfig, p ids.Process, i int) {
	switch {
	case f.c.Dir == "":
	case f.shared != nil:
		cfg.Shared = f.shared[i]
	default:
		cfg.Dir = filepath.Join(f.c.Dir, fmt.Sprint("process", p))
	}
}

func (f *folders) close() error {
	var errs []error
	for _, s := range f.shared {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// disk says for people, in a line, what a folder lies on and how long a sync takes there.
// A folder in memory is refused: durable systems would be measured as if syncs
// cost nothing.
func disk(dir string) (string, error) {
	source, kind := mount(dir)
	if kind == "tmpfs" || kind == "ramfs" {
		return "", fmt.Errorf("%s is a %s, that is, memory: name a folder on a disk (-dir, or TMPDIR)", dir, kind)
	}
	h, err := probeSyncs(dir)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("disk: %s on %s; one sync at a time, of 4 KiB in a file that does not grow: p50 %s, p99 %s\n",
		kind, source, micros(float64(h.Quantile(0.5))/1e3), micros(float64(h.Quantile(0.99))/1e3)), nil
}

// mount is the device and the file system that a folder is on, where Linux tells.
func mount(dir string) (source, kind string) {
	source, kind = "an unknown device", "an unknown file system"
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	table, _ := os.ReadFile("/proc/self/mounts")
	longest := 0
	for line := range strings.Lines(string(table)) { // later mounts cover earlier ones
		f := strings.Fields(line)
		if len(f) < 3 || len(f[1]) < longest {
			continue
		}
		if rel, err := filepath.Rel(f[1], dir); err == nil && rel != ".." && !strings.HasPrefix(rel, "../") {
			source, kind, longest = f[0], f[2], len(f[1])
		}
	}
	return source, kind
}

// probeSyncs times syncs of pages of a file that is as large as it gets.
func probeSyncs(dir string) (h *Histogram, err error) {
	const syncs, page = 200, 4096
	j, err := newFloorJournal(dir, "probe", 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, j.file.Close(), os.Remove(filepath.Join(dir, "probe"))) }()
	h = new(Histogram)
	for range syncs {
		start := time.Now()
		if err := j.append(make([]byte, page)); err != nil {
			return nil, err
		}
		h.Record(time.Since(start))
	}
	return h, nil
}
