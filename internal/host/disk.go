package host

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/journal"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/store"
	"github.com/eyrie-dev/eyrie/internal/vfs"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// Room on the disk. Below reserve a process has proposals refused: the journal
// and a checkpoint still find room then, and no write fails. Above comfort it
// takes them again.
const (
	reserve = 320 << 20
	comfort = reserve + 64<<20
)

// disk is the directory of a durable process, locked.
type disk struct {
	dir    string
	fs     vfs.FS
	lock   io.Closer
	id     identity
	ledger *ledger // its own, or one that it shares
	high   uint32  // what its records' ensembles bear there
	store  *store.Badger
}

// openDisk opens the directory of the process that want names, and says what a
// life before has left. An empty directory is made the process's own, with the
// incarnation and journal that want brings. The errors wrap ErrDirectory where
// the directory is not this process's or has lost something.
func openDisk(dir string, fsys vfs.FS, want identity, log *slog.Logger) (d *disk, found *node.Recovered, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("host: process %d: directory %s: %w", want.process, dir, err)
		}
	}()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, err
	}
	if fsys == nil {
		if fsys, err = vfs.OS(dir); err != nil {
			return nil, nil, err
		}
	}
	names, err := fsys.List(".")
	if err != nil {
		return nil, nil, err
	}
	d = &disk{dir: dir, fs: fsys}
	if d.lock, err = lockDir(fsys); err != nil {
		return nil, nil, err
	}
	if found, err = d.open(want, log); err != nil {
		err = errors.Join(err, d.close(nil))
		if len(names) > 0 && !slices.Contains(names, lockFile) {
			err = errors.Join(err, fsys.Remove(lockFile)) // somebody else's directory stays as it was
		}
		return nil, nil, err
	}
	return d, found, nil
}

func lockDir(fsys vfs.FS) (io.Closer, error) {
	lock, err := fsys.Lock(lockFile)
	if errors.Is(err, vfs.ErrLocked) {
		return nil, fmt.Errorf("%w: another process runs from it (%w)", ErrDirectory, err)
	}
	return lock, err
}

func (d *disk) open(want identity, log *slog.Logger) (*node.Recovered, error) {
	var err error
	if d.id, err = d.identify(want); err != nil {
		return nil, err
	}
	found := new(node.Recovered)
	j, err := openJournal(d.fs, d.id.journal, func(r journal.Record) error {
		if r.Ensemble > uint32(ids.All) {
			return fmt.Errorf("%w: the journal has a record of ensemble %d", ErrDirectory, r.Ensemble)
		}
		found.Records = append(found.Records, recordOf(r))
		return nil
	})
	if err != nil {
		return nil, err
	}
	d.ledger = newLedger(d.dir, j, log)
	found.Sequence = j.Durable()
	return found, d.openStore(found, log)
}

// recordOf is a record of the journal as the core knows it.
func recordOf(r journal.Record) ridge.Record {
	ensemble := ids.Ensemble(r.Ensemble & (1<<partBits - 1))
	return ridge.Record{Ensemble: ensemble, Instance: ids.Instance(r.Instance), Body: [][]byte{bytes.Clone(r.Body)}}
}

// openJournal opens the journal of that name, and explains why not.
func openJournal(fsys vfs.FS, id journal.ID, visit func(journal.Record) error) (*journal.Journal, error) {
	j, err := journal.Open(fsys, journalDir, id, journal.Options{Reserve: reserve}, visit)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: its journal is gone, and with it what this process has promised; put the right disk in its place, or replace this process by a new one (%w)", ErrDirectory, err)
	case errors.Is(err, journal.ErrAmnesia), errors.Is(err, journal.ErrForeign), errors.Is(err, journal.ErrNewer):
		return nil, fmt.Errorf("%w: %w", ErrDirectory, err)
	}
	return j, err
}

func (d *disk) openStore(found *node.Recovered, log *slog.Logger) (err error) {
	if d.store, err = store.Open(filepath.Join(d.dir, checkpointsDir)); err != nil {
		return err
	}
	if d.store.Damaged != nil {
		log.Warn("checkpoints are damaged; others' are fetched", "err", d.store.Damaged)
	}
	found.Checkpoints = d.saved(log)
	return nil
}

// identify finds or makes the directory's identity, which must be that of want
// but for what want has drawn.
func (d *disk) identify(want identity) (identity, error) {
	id, err := readIdentity(d.fs)
	if errors.Is(err, fs.ErrNotExist) {
		id = want
		err = claim(d.fs, &id)
	} else if err == nil {
		if err = same(&id, &want); err == nil {
			err = forgetFirst(d.fs)
		}
	}
	return id, err
}

// saved are the checkpoints, newest first.
func (d *disk) saved(log *slog.Logger) (out []node.Saved) {
	for _, c := range d.store.Newest() {
		m, err := node.DecodeManifest(c.Manifest)
		if err == nil && (m.Number != c.Number || m.Sum != c.Sum) {
			err = store.ErrDamaged
		}
		if err != nil {
			log.Warn("a checkpoint's manifest is damaged", "checkpoint", c.Number, "err", err)
			continue
		}
		out = append(out, node.Saved{Manifest: m, Items: func(add func([]partition.StateItem) error) error {
			return d.store.Load(m.Number, add)
		}})
	}
	return out
}

// settle leaves the store with what the core has begun from: the number of a
// checkpoint, or zero. If that is not the newest, what is newer is damaged.
func (d *disk) settle(number uint64) error {
	if kept := d.store.Newest(); len(kept) == 0 || kept[0].Number == number {
		return d.store.Rest()
	}
	if err := d.store.Rebuild(number); err != nil {
		return err
	}
	return d.store.Rest()
}

// close gives the directory up, and the ledger's part, if it has been joined.
// What is pending in the journal is written, and how far it reaches.
func (d *disk) close(p *part) error {
	var errs []error
	if d.ledger != nil {
		errs = append(errs, d.ledger.leave(p))
	}
	if d.store != nil {
		errs = append(errs, d.store.Close())
	}
	return errors.Join(append(errs, d.lock.Close())...)
}

// drawIdentity is that of a new directory.
func drawIdentity(cluster string, p ids.Process, layout uint64) identity {
	i := identity{cluster: cluster, process: p, layout: layout, incarnation: ids.Incarnation(draw())}
	binary.LittleEndian.PutUint64(i.journal[:8], draw())
	binary.LittleEndian.PutUint64(i.journal[8:], draw())
	return i
}
