package journal

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path"
	"sync"

	"github.com/eyrie-dev/eyrie/internal/vfs"
)

const (
	frontierName = "frontier"
	frontierTemp = "frontier.new"
	lockName     = "lock"
	version      = 1
	slotSize     = 512
	slotStride   = 4096 // slots in different pages: writing one cannot harm the other
)

var slotMagic = [8]byte{'E', 'y', 'r', 'i', 'e', 'J', 'n', 'l'}

// mark is what the frontier file says: the journal reaches at least up to
// durable, in the segments from oldest to newest. newest is below oldest when
// no segment has been written to. size is that of the newest: nothing else
// would tell that it has been cut off between two records.
type mark struct {
	durable        uint64
	oldest, newest uint32
	size           int64
}

// frontier is the file. Its two slots are written in turn, each with a count:
// the higher one that proves itself holds. Slots of any version:
//
//	0 magic; 8 version, 32 bits; 12 CRC-32C of the slot with this field zero;
//	16 journal id; 32 count; 40 durable; 48 oldest; 52 newest, 32 bits each; 56 size
//
// A batch's Commit and an upkeep's may meet here, hence the lock; the mark
// only rises, so their order does not matter.
type frontier struct {
	mu    sync.Mutex
	file  vfs.File
	id    ID
	mark  mark
	count uint64
}

func (f *frontier) slot() []byte {
	b := make([]byte, slotSize)
	copy(b, slotMagic[:])
	le.PutUint32(b[8:], version)
	copy(b[16:], f.id[:])
	le.PutUint64(b[32:], f.count)
	le.PutUint64(b[40:], f.mark.durable)
	le.PutUint32(b[48:], f.mark.oldest)
	le.PutUint32(b[52:], f.mark.newest)
	le.PutUint64(b[56:], uint64(f.mark.size))
	le.PutUint32(b[12:], crc32.Checksum(b, castagnoli))
	return b
}

// write puts the mark into the slots, one sync each: twice when it must hold
// even if one slot rots.
func (f *frontier) write(times int) error {
	for range times {
		f.count++
		if _, err := f.file.WriteAt(f.slot(), int64(f.count%2)*slotStride); err != nil {
			return err
		}
		if err := f.file.Sync(); err != nil {
			return err
		}
	}
	return nil
}

// raise makes a mark durable. Fields that are lower than what is there stay.
func (f *frontier) raise(m mark, times int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mark.durable = max(f.mark.durable, m.durable)
	f.mark.oldest = max(f.mark.oldest, m.oldest)
	if m.newest > f.mark.newest {
		f.mark.newest, f.mark.size = m.newest, m.size
	}
	if err := f.write(times); err != nil {
		return fmt.Errorf("frontier: %w", err)
	}
	return nil
}

// createFrontier is the whole of a new journal. The rename is the moment from
// which there is one.
func createFrontier(fsys vfs.FS, dir string, id ID) error {
	temp := path.Join(dir, frontierTemp)
	file, err := fsys.Create(temp)
	if err != nil {
		return err
	}
	f := frontier{file: file, id: id, mark: mark{oldest: 1}}
	err = f.write(2)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := fsys.Rename(temp, path.Join(dir, frontierName)); err != nil {
		return err
	}
	return fsys.SyncDir(dir)
}

// openFrontier reads the mark and writes nothing.
func openFrontier(fsys vfs.FS, dir string, id ID) (*frontier, error) {
	name := path.Join(dir, frontierName)
	file, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	f := &frontier{file: file, id: id}
	found := false
	for i := range 2 {
		b := make([]byte, slotSize)
		if _, err := file.ReadAt(b, int64(i)*slotStride); err != nil && err != io.EOF {
			return nil, errors.Join(err, file.Close())
		}
		ok, err := f.read(b)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", name, err), file.Close())
		}
		found = found || ok
	}
	if !found {
		d := &Damage{Kind: ErrAmnesia, File: name, What: "neither of the two slots can be read"}
		return nil, errors.Join(d, file.Close())
	}
	return f, nil
}

// read takes a slot over if it proves itself and is the newest so far.
func (f *frontier) read(b []byte) (bool, error) {
	sum := le.Uint32(b[12:])
	le.PutUint32(b[12:], 0)
	if [8]byte(b) != slotMagic || sum != crc32.Checksum(b, castagnoli) {
		return false, nil
	}
	if v := le.Uint32(b[8:]); v != version {
		return false, fmt.Errorf("%w: %d; this program knows %d", ErrNewer, v, version)
	}
	if id := ID(b[16:32]); id != f.id {
		return false, fmt.Errorf("%w: it is of %x, this process's is %x. Give every process its own directory again", ErrForeign, id, f.id)
	}
	if count := le.Uint64(b[32:]); count >= f.count {
		f.count = count
		f.mark = mark{le.Uint64(b[40:]), le.Uint32(b[48:]), le.Uint32(b[52:]), int64(le.Uint64(b[56:]))}
	}
	return true, nil
}

// missingFrontier tells an empty directory from one that lost its frontier.
func missingFrontier(dir string, segments int) error {
	if segments == 0 {
		return fmt.Errorf("no journal in %s: %w", dir, fs.ErrNotExist)
	}
	return &Damage{Kind: ErrAmnesia, File: path.Join(dir, frontierName), What: "the file is missing, and there are segments"}
}
