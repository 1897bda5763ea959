package journal

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/eyrie-dev/eyrie/internal/vfs"
)

// segment is what the caller's goroutine knows of a segment.
type segment struct {
	number uint32
	size   int64
	end    int64  // where the next record goes
	first  uint64 // sequences of its first and last record
	last   uint64
	live   int64  // bytes of records that are the newest of their instance
	deadAt uint64 // no record here died after this sequence
	file   *segmentFile
}

// segmentFile is what goroutines that do IO know of it.
type segmentFile struct {
	fs     vfs.FS
	dir    string
	number uint32

	mu      sync.Mutex
	file    vfs.File // nil until created
	size    int64    // allocated, durably
	failed  error    // the first failure of ensure: all later ones are told it
	used    bool     // a batch writes to it: it stays as it is
	written int64    // synced up to here: what Scrub may read
}

func segmentName(number uint32) string { return fmt.Sprintf("%010d.seg", number) }

func segmentNumber(name string) (uint32, bool) {
	digits, ok := strings.CutSuffix(name, ".seg")
	n, err := strconv.ParseUint(digits, 10, 32)
	return uint32(n), ok && err == nil && n > 0 && segmentName(uint32(n)) == name
}

func (f *segmentFile) name() string { return path.Join(f.dir, segmentName(f.number)) }

// ensure creates the file, or makes it larger, durably and with its room
// taken. A batch that needs the segment before upkeep has prepared it does
// so itself; who comes second finds it done, or failed for good. After ErrNoRoom
// alone it may be tried again: then there is no such file. use says that the caller
// writes to it then. From there on nobody makes it larger, and so nobody removes it
// for want of room: what upkeep wanted may be more than the batch has taken, since
// Mend makes the tail smaller meanwhile.
func (f *segmentFile) ensure(size int64, use bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed != nil || f.used {
		return f.failed
	}
	if f.size < size {
		err := f.make(size)
		if !errors.Is(err, ErrNoRoom) {
			f.failed = err
		}
		if err != nil {
			return err
		}
	}
	f.used = use
	return nil
}

// make tells a full disk by ErrNoRoom while no more than zeros can be lost. A sync
// that fails for lack of room has failed like any other: what the kernel has
// forgotten by it nobody knows.
func (f *segmentFile) make(size int64) error {
	if f.file == nil {
		file, err := f.fs.Create(f.name())
		if errors.Is(err, vfs.ErrFull) {
			return fmt.Errorf("%w: %w", ErrNoRoom, err)
		}
		if err != nil {
			return err
		}
		f.file = file
	}
	if err := f.file.Allocate(size); errors.Is(err, vfs.ErrFull) {
		return f.discard(err)
	} else if err != nil {
		return fmt.Errorf("segment %s: %w", f.name(), err)
	}
	if err := f.file.Sync(); err != nil {
		return err
	}
	if err := f.fs.SyncDir(f.dir); err != nil {
		return err
	}
	f.size = size
	return nil
}

// discard removes a file that the disk has no room for, with the room that it has
// taken. Nothing but zeros has been written to it: a segment has its size before its
// first record, and nobody writes to it before. If a power cut brings it back, recovery finds the zeros.
func (f *segmentFile) discard(full error) error {
	_ = f.file.Close() // some systems tell only here what could not be written
	f.file, f.size = nil, 0
	if err := f.fs.Remove(f.name()); err != nil {
		return fmt.Errorf("segment %s: %w", f.name(), err)
	}
	return fmt.Errorf("%w: segment %s: %w", ErrNoRoom, f.name(), full)
}

// write makes bytes durable.
func (f *segmentFile) write(b []byte, off int64) error {
	if _, err := f.file.WriteAt(b, off); err != nil {
		return fmt.Errorf("segment %s: %w", f.name(), err)
	}
	if err := f.file.Sync(); err != nil {
		return fmt.Errorf("segment %s: %w", f.name(), err)
	}
	f.mu.Lock()
	f.written = off + int64(len(b))
	f.mu.Unlock()
	return nil
}

func (f *segmentFile) synced() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.written
}

func (f *segmentFile) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}

func (f *segmentFile) remove() error {
	return errors.Join(f.close(), f.fs.Remove(f.name()))
}
