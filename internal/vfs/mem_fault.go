package vfs

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"syscall"
)

// OpKind says what an operation changes.
type OpKind uint8

// The kinds of operations that Hook is asked about: all that change something.
const (
	OpCreate OpKind = iota
	OpWrite
	OpSync
	OpAllocate
	OpTruncate
	OpRename
	OpRemove
	OpSyncDir
	OpMkdir
)

var kindNames = [...]string{"create", "write", "sync", "allocate", "truncate", "rename", "remove", "syncdir", "mkdir"}

func (k OpKind) String() string { return kindNames[k] }

// Op is an operation that is about to happen.
type Op struct {
	Kind   OpKind
	Name   string // of the file, or the new one of a rename, or the directory
	Offset int64
	Len    int
	Nth    int // among those of its kind, from 1
	Total  int // among all, from 1
}

// Outcome is what a Hook has happen instead. The zero value: what should.
type Outcome struct {
	Err   error // the operation fails with it, and has done nothing
	Lie   bool  // it returns nil and does nothing (write, sync, syncdir, allocate, truncate)
	Shift int64 // a write goes this many bytes elsewhere
}

// ErrStopped is what operations of a stopped disk return.
var ErrStopped = errors.New("simulated disk has been stopped")

// IOError is the error of a failing device.
func IOError(op Op) error { return fmt.Errorf("%s %s: %w", op.Kind, op.Name, syscall.EIO) }

// Hook sets what decides over faults; nil has all succeed. It must not call
// the disk.
func (m *Mem) Hook(hook func(Op) Outcome) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hook = hook
}

// Fail has the k-th operation of a kind from now on fail with EIO, once.
func (m *Mem) Fail(kind OpKind, k int) {
	m.mu.Lock()
	k += m.counts[kind]
	m.mu.Unlock()
	m.Hook(func(op Op) (out Outcome) {
		if op.Kind == kind && op.Nth == k {
			out.Err = IOError(op)
		}
		return out
	})
}

// StopAfter has the next k operations succeed and all later ones fail with
// ErrStopped: a power cut between two operations, followed by Crash.
func (m *Mem) StopAfter(k int) {
	m.mu.Lock()
	k += m.total
	m.mu.Unlock()
	m.Hook(func(op Op) (out Outcome) {
		if op.Total > k {
			out.Err = ErrStopped
		}
		return out
	})
}

// Ops counts the operations that changed something or should have.
func (m *Mem) Ops() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.total
}

// SetCapacity bounds the sum of the sizes of all files; 0 is no bound.
func (m *Mem) SetCapacity(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.capacity = bytes
}

// Flip turns one bit (0 to 7) over, for readers and on the disk.
func (m *Mem) Flip(name string, offset int64, bit int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find("flip", name)
	if err != nil {
		return err
	}
	for _, b := range [][]byte{n.data, n.disk} {
		if offset < int64(len(b)) {
			b[offset] ^= 1 << bit
		}
	}
	return nil
}

// Lose has a file gone, durably.
func (m *Mem) Lose(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.now, name)
	delete(m.disk, name)
	m.moves = slices.DeleteFunc(m.moves, func(v move) bool { return v.to == name })
}

// Swap has two files exchange their names, durably.
func (m *Mem) Swap(a, b string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now[a], m.now[b] = m.now[b], m.now[a]
	m.disk = maps.Clone(m.now)
	m.moves = nil
}

func (m *Mem) ask(kind OpKind, name string, off int64, size int) Outcome {
	m.total++
	m.counts[kind]++
	if m.hook == nil {
		return Outcome{}
	}
	return m.hook(Op{kind, name, off, size, m.counts[kind], m.total})
}
