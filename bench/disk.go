package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
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

// nodeDir is one of our processes' folder; none if the case is in memory.
func (c *Case) nodeDir(p ids.Process) string {
	if c.Dir == "" {
		return ""
	}
	return filepath.Join(c.Dir, fmt.Sprint("process", p))
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
