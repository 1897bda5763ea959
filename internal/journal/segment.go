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
// so itself; who comes second finds it done, or failed for good.
func (f *segmentFile) ensure(size int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed == nil && f.size < size {
		f.failed = f.make(size)
	}
	return f.failed
}

func (f *segmentFile) make(size int64) error {
	if f.file == nil {
		file, err := f.fs.Create(f.name())
		if err != nil {
			return err
		}
		f.file = file
	}
	if err := f.file.Allocate(size); err != nil {
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
