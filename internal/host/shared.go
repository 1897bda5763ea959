package host

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/vfs"
	"github.com/eyrie-dev/eyrie/ridge"
)

// Shared is a directory that several processes of a cluster, of different
// partitions, share with one journal, when one program runs them: one sync then
// serves the votes of all of them. It is locked, and open until its Close and
// the end of all nodes that were started from it. They fail together: an error
// of the journal ends them all. Its methods are safe for concurrent use.
//
// In the directory, besides what a process's own has, checkpoints excepted:
//
//	N/    of process N: lock, identity, identity.2, checkpoints/
//
// The directory's identity is that of process 0. That of process N names the
// directory's journal, whose records of N bear N in the upper half of their ensemble.
// What a process has there may be given up, and a successor begin: see ForgetShared.
type Shared struct {
	dir    string
	fs     vfs.FS
	lock   io.Closer
	id     identity
	ledger *ledger
	// sequence is how far the journal reached when it was opened.
	sequence uint64

	mu     sync.Mutex
	found  map[ids.Process]*shelf // of processes that have not been started
	closed bool
}

// OpenShared opens a directory for processes of a cluster, or makes it if it is
// empty. They have to be all that have something there: what the others have
// promised would else lie untended. The errors wrap ErrDirectory where the
// directory is not these processes', or has lost something.
func OpenShared(dir, cluster string, t *ridge.Topology, processes []ids.Process, log *slog.Logger) (*Shared, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	for p, replicas := range t.Replicas {
		var here []ids.Process
		for _, r := range replicas {
			if slices.Contains(processes, r) {
				here = append(here, r)
			}
		}
		if len(here) > 1 {
			return nil, fmt.Errorf("host: processes %v are replicas of partition %d: what ends one of them must not end another; run them from different directories", here, p)
		}
	}
	s, err := openShared(dir, nil, drawIdentity(cluster, 0, layoutOf(t)), processes, log)
	if err != nil {
		return nil, fmt.Errorf("host: processes %v: directory %s: %w", processes, dir, err)
	}
	return s, nil
}

func openShared(dir string, fsys vfs.FS, want identity, processes []ids.Process, log *slog.Logger) (s *Shared, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if fsys == nil {
		if fsys, err = vfs.OS(dir); err != nil {
			return nil, err
		}
	}
	s = &Shared{dir: dir, fs: fsys, found: map[ids.Process]*shelf{}}
	if s.lock, err = lockDir(fsys); err != nil {
		return nil, err
	}
	if err := s.open(want, processes, log); err != nil {
		return nil, errors.Join(err, s.lock.Close())
	}
	return s, nil
}

func (s *Shared) open(want identity, processes []ids.Process, log *slog.Logger) (err error) {
	d := disk{dir: s.dir, fs: s.fs}
	if s.id, err = d.identify(want); err != nil {
		return err
	}
	j, shelves, err := openShelves(s.fs, s.id.journal)
	if err != nil {
		return err
	}
	for _, p := range slices.Sorted(maps.Keys(shelves)) {
		if len(shelves[p].records) > 0 && !slices.Contains(processes, p) {
			return errors.Join(fmt.Errorf("%w: process %d has run from it too, and it is shared by several processes: start all that have run from it, together; if process %d has been replaced by one elsewhere, have what it left here forgotten (eyrie forget --process %d)", ErrDirectory, p, p, p), j.Close())
		}
	}
	for _, p := range processes {
		if s.found[p] = shelves[p]; s.found[p] == nil {
			s.found[p] = new(shelf)
		}
	}
	s.sequence = j.Durable()
	s.ledger = newLedger(s.dir, j, log)
	s.ledger.lock = s.lock
	return nil
}

// disk opens the part of the process that want names.
func (s *Shared) disk(want identity, log *slog.Logger) (d *disk, found *node.Recovered, err error) {
	dir := filepath.Join(s.dir, fmt.Sprint(want.process))
	defer func() {
		if err != nil {
			err = fmt.Errorf("host: process %d: directory %s: %w", want.process, dir, err)
		}
	}()
	sh, err := s.take(want.process)
	if err != nil {
		return nil, nil, err
	}
	found = &node.Recovered{Records: sh.found(), Sequence: s.sequence}
	d = &disk{dir: dir, ledger: s.ledger, high: uint32(want.process) << partBits}
	if err = s.fs.MkdirAll(filepath.Base(dir)); err == nil {
		if d.fs, err = vfs.Sub(s.fs, filepath.Base(dir)); err == nil {
			d.lock, err = lockDir(d.fs)
		}
	}
	if err != nil {
		return nil, nil, errors.Join(err, s.ledger.leave(nil))
	}
	want.journal = s.id.journal
	if d.id, err = identifyPart(d.fs, want, sh); err == nil {
		err = d.openStore(found, log)
	}
	if err != nil {
		return nil, nil, errors.Join(err, d.close(nil))
	}
	return d, found, nil
}

// take gives a process what was found of it, once, and has it use the ledger.
func (s *Shared) take(p ids.Process) (*shelf, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.found[p]
	if found == nil || s.closed {
		return nil, fmt.Errorf("%w: it was not opened for process %d, or that has run since", ErrDirectory, p)
	}
	delete(s.found, p)
	s.ledger.mu.Lock()
	s.ledger.users++
	s.ledger.mu.Unlock()
	return found, nil
}

// identifyPart finds or makes the identity of a process in a shared directory.
// Invariant: it is durable before the journal has a record of the process, so
// where there are records and no identity, it was lost.
func identifyPart(fsys vfs.FS, want identity, sh *shelf) (identity, error) {
	if sh.heir != 0 {
		want.incarnation = sh.heir
	}
	id, err := readIdentity(fsys)
	switch {
	case err == nil:
		if id.journal != want.journal {
			return id, fmt.Errorf("%w: it belongs to the journal of another directory: files of two were mixed", ErrDirectory)
		}
		if sh.heir != 0 && id.incarnation != sh.heir {
			return id, fmt.Errorf("%w: what process %d had here has been given up, and a part of it is gone: this is of no use any more; empty it, or run eyrie forget --process %d again, and replace the process", ErrDirectory, want.process, want.process)
		}
		return id, same(&id, &want)
	case !errors.Is(err, fs.ErrNotExist):
		return id, err
	case len(sh.records) > 0:
		return id, fmt.Errorf("%w: it has no identity, but the journal beside it has what this process has promised; put the right disk in its place, or, if that is lost, run eyrie forget --process %d and replace it by a new one", ErrDirectory, want.process)
	}
	if err := empty(fsys); err != nil {
		return id, err
	}
	if err := writeIdentity(fsys, identityFile, &want); err != nil {
		return id, err
	}
	return want, writeIdentity(fsys, identityCopy, &want)
}

// Close gives the directory up when all nodes that were started from it have
// ended; the error is that of the journal, if they have.
func (s *Shared) Close() error {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	s.mu.Unlock()
	if again {
		return nil
	}
	return s.ledger.leave(nil)
}
