package bench

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/eyrie-dev/eyrie/internal/vfs"
)

// floorJournal is a replica's file of the durable floor: written full of zeros
// before the load, so that a sync need not write metadata; filled from the
// front, and from the front again when it is full, so that it does not grow.
type floorJournal struct {
	file vfs.File
	size int64
	at   int64
}

// journalRoom is the size of a floor's journal, unless two batches need more.
const journalRoom = 32 << 20

func newFloorJournal(dir, name string, batch int) (*floorJournal, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	disk, err := vfs.OS(dir)
	if err != nil {
		return nil, err
	}
	f, err := disk.Create(name)
	if err != nil {
		return nil, err
	}
	j := &floorJournal{file: f, size: int64(max(journalRoom, 2*batch))}
	zeros := make([]byte, 1<<20)
	for at := int64(0); at < j.size && err == nil; at += int64(len(zeros)) {
		_, err = f.WriteAt(zeros[:min(int64(len(zeros)), j.size-at)], at)
	}
	if err = errors.Join(err, f.Sync()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return j, nil
}

// append writes b behind what was written before, and returns when it is
// durable.
func (j *floorJournal) append(b []byte) error {
	for len(b) > 0 {
		n, err := j.file.WriteAt(b[:min(int64(len(b)), j.size-j.at)], j.at)
		if err != nil {
			return err
		}
		b, j.at = b[n:], (j.at+int64(n))%j.size
	}
	return j.file.Sync()
}

// floorOwn is the leader's journal, and what waits for it. All but the journal
// is guarded by Floor.mu.
type floorOwn struct {
	journal *floorJournal // nil: in memory
	more    sync.Cond
	pending []byte
	spare   []byte
	count   uint64 // operations in pending
	durable uint64
}

// keep writes the leader's operations to its journal while the followers do the
// same: what comes during one sync waits for the next.
func (f *Floor) keep() {
	o := &f.own
	var ready []floorOp
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		for o.count == 0 && f.failed == nil {
			o.more.Wait()
		}
		if f.failed != nil {
			return
		}
		frame, count := o.pending, o.count
		o.pending, o.count = o.spare[:0], 0
		f.mu.Unlock()
		err := o.journal.append(frame)
		if err != nil {
			f.fail(err)
			f.mu.Lock()
			return
		}
		f.mu.Lock()
		o.spare = frame
		o.durable += count
		ready = f.commit(ready[:0])
		f.mu.Unlock()
		f.complete(nil, ready, nil)
		f.mu.Lock()
	}
}

// openJournals makes a journal for each replica; the first is the leader's.
func (f *Floor) openJournals(js []*floorJournal) (err error) {
	for i := range js {
		if js[i], err = newFloorJournal(f.c.Dir, fmt.Sprint("journal", i), f.c.Outstanding*(f.c.Size+4)); err != nil {
			return err
		}
		f.journals = append(f.journals, js[i])
	}
	f.own.journal, f.own.more.L = js[0], &f.mu
	return nil
}
