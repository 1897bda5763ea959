package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

const sector = 512

type memFile struct {
	m     *Mem
	n     *node
	name  string
	epoch int // -1 when closed
}

func (f *memFile) use(op string) error {
	if f.epoch != f.m.epoch {
		return &fs.PathError{Op: op, Path: f.name, Err: fs.ErrClosed}
	}
	return nil
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.use("read"); err != nil {
		return 0, err
	}
	if off < 0 || off >= int64(len(f.n.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.n.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.use("write"); err != nil {
		return 0, err
	}
	out := f.m.ask(OpWrite, f.name, off, len(p))
	if out.Err != nil {
		return 0, out.Err
	}
	if out.Lie {
		return len(p), nil
	}
	if off += out.Shift; off < 0 {
		return 0, &fs.PathError{Op: "write", Path: f.name, Err: fs.ErrInvalid}
	}
	if err := f.m.grow(f.n, off+int64(len(p))); err != nil {
		return 0, fmt.Errorf("write %s: %w", f.name, err)
	}
	copy(f.n.data[off:], p)
	f.n.soil(off, int64(len(p)))
	return len(p), nil
}

// Sync that fails leaves the pages clean, as Linux does: they can be read, are
// not on the disk, and no later Sync writes them.
func (f *memFile) Sync() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.use("sync"); err != nil {
		return err
	}
	out := f.m.ask(OpSync, f.name, 0, 0)
	if out.Lie || errors.Is(out.Err, ErrStopped) { // a sync that has not begun cleans no page
		return out.Err
	}
	n := f.n
	if out.Err == nil {
		if n.resized {
			n.disk = resize(n.disk, len(n.data))
		}
		for s := range n.dirty {
			n.settle(s)
		}
	}
	n.resized = n.resized && out.Err != nil
	clear(n.dirty)
	return out.Err
}

// Allocate on a disk that has not enough takes what there is, as some systems do.
func (f *memFile) Allocate(size int64) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.use("allocate"); err != nil {
		return err
	}
	out := f.m.ask(OpAllocate, f.name, 0, int(size))
	if out.Err != nil || out.Lie {
		return out.Err
	}
	if err := f.m.grow(f.n, size); err != nil {
		_ = f.m.grow(f.n, int64(len(f.n.data))+max(0, f.m.capacity-f.m.used()))
		return fmt.Errorf("allocate %s: %w", f.name, err)
	}
	return nil
}

func (f *memFile) Truncate(size int64) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.use("truncate"); err != nil {
		return err
	}
	out := f.m.ask(OpTruncate, f.name, 0, int(size))
	if out.Err != nil || out.Lie {
		return out.Err
	}
	if size < 0 {
		return &fs.PathError{Op: "truncate", Path: f.name, Err: fs.ErrInvalid}
	}
	if size > int64(len(f.n.data)) {
		return f.m.grow(f.n, size)
	}
	f.n.data, f.n.resized = f.n.data[:size:size], true
	return nil
}

func (f *memFile) Size() (int64, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.use("size"); err != nil {
		return 0, err
	}
	return int64(len(f.n.data)), nil
}

func (f *memFile) Close() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	err := f.use("close")
	f.epoch = -1
	return err
}

func (m *Mem) grow(n *node, size int64) error {
	more := size - int64(len(n.data))
	if more <= 0 {
		return nil
	}
	if m.capacity > 0 && m.used()+more > m.capacity {
		return ErrFull
	}
	n.data, n.resized = resize(n.data, int(size)), true
	return nil
}

// used counts files with names.
func (m *Mem) used() (sum int64) {
	for _, n := range m.now {
		sum += int64(len(n.data))
	}
	return sum
}

func (n *node) soil(off, size int64) {
	for s := off / sector; s*sector < off+size; s++ {
		n.dirty[int(s)] = true
	}
}

// settle writes one sector to the disk, as far as the file reaches there.
func (n *node) settle(s int) {
	if at := s * sector; at < min(len(n.data), len(n.disk)) {
		copy(n.disk[at:min(at+sector, len(n.disk))], n.data[at:min(at+sector, len(n.data))])
	}
}

func resize(b []byte, size int) []byte {
	if size <= len(b) {
		return b[:size:size]
	}
	return append(b[:len(b):len(b)], make([]byte, size-len(b))...)
}
