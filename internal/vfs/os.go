package vfs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"
)

// OS is the real file system below root, which must exist. Links that lead out
// of it are not followed.
func OS(root string) (FS, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	return &disk{r}, nil
}

type disk struct{ root *os.Root }

func (d *disk) Create(name string) (File, error) {
	return d.open(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

func (d *disk) Open(name string) (File, error) { return d.open(name, os.O_RDWR) }

func (d *disk) open(name string, flag int) (File, error) {
	if err := check("open", name); err != nil {
		return nil, err
	}
	f, err := d.root.OpenFile(name, flag, 0o600)
	if err != nil {
		return nil, full(err)
	}
	return diskFile{f}, nil
}

func (d *disk) Remove(name string) error { return d.root.Remove(name) }

func (d *disk) Rename(from, to string) error { return full(d.root.Rename(from, to)) }

func (d *disk) List(dir string) ([]string, error) {
	f, err := d.root.Open(dir)
	if err != nil {
		return nil, err
	}
	names, err := f.Readdirnames(-1)
	slices.Sort(names)
	return names, errors.Join(err, f.Close())
}

// MkdirAll syncs the directory above each, the topmost first: a directory that
// is lost takes along all that was made durable in it.
func (d *disk) MkdirAll(dir string) error {
	if err := check("mkdir", dir); err != nil {
		return err
	}
	if dir == "." {
		return nil
	}
	if err := d.root.MkdirAll(dir, 0o700); err != nil {
		return full(err)
	}
	parts := strings.Split(dir, "/")
	for i := range parts {
		if err := d.SyncDir(path.Join(append([]string{"."}, parts[:i]...)...)); err != nil {
			return err
		}
	}
	return nil
}

func (d *disk) SyncDir(dir string) error {
	f, err := d.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(syncDir(f), f.Close())
}

func (d *disk) Free(dir string) (uint64, error) {
	f, err := d.root.Open(dir)
	if err != nil {
		return 0, err
	}
	n, err := room(f)
	return n, errors.Join(err, f.Close())
}

func (d *disk) Lock(name string) (io.Closer, error) {
	f, err := d.root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, full(err)
	}
	if err := lock(f); err != nil {
		return nil, fmt.Errorf("lock %s: %w", name, errors.Join(err, f.Close()))
	}
	return f, nil
}

type diskFile struct{ *os.File }

func (f diskFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(p, off)
	return n, full(err)
}

func (f diskFile) Sync() error { return full(dataSync(f.File)) }

func (f diskFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// zeroStep is how much is zeroed at a time. After each step the disk is left to
// others for as long as the step took, but not longer than zeroRest: their syncs
// wait for what is before them. Beside three files that are zeroed by steps of 1
// MiB, one after another, a hundredth of syncs took 118 ms; so, 8 ms.
const (
	zeroStep = 256 << 10
	zeroRest = 20 * time.Millisecond
)

// Allocate takes the room first, so that a full disk is noticed before the file
// is longer, and in one piece where the file system has one. Then it writes the
// zeros, step by step: room that was taken and never written makes the file
// system note for each sync that follows what has become of it, and with that,
// wait for other files' data. Syncs of room that has been written are a third
// shorter, beside other writers too.
func (f diskFile) Allocate(size int64) error {
	have, err := f.Size()
	if err != nil || have >= size {
		return err
	}
	if err := allocate(f.File, have, size-have); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return full(err)
	}
	zeros := make([]byte, min(size-have, zeroStep))
	for have < size {
		began := time.Now()
		n, err := f.File.WriteAt(zeros[:min(int64(len(zeros)), size-have)], have)
		if err == nil {
			err = settle(f.File, have, int64(n))
		}
		if have += int64(n); err != nil {
			return full(err)
		}
		if have < size {
			time.Sleep(min(time.Since(began), zeroRest))
		}
	}
	return nil
}

// full adds ErrFull to the system's ways of saying so.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

var _ FS = (*disk)(nil)
