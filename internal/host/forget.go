package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/vfs"
	"github.com/eyrie-dev/eyrie/ridge"
)

// SharedDir says whether dir is one that processes share.
func SharedDir(dir string) bool {
	fsys, err := vfs.OS(dir)
	if err != nil {
		return false
	}
	b, err := readFile(fsys, identityFile)
	if err != nil {
		b, err = readFile(fsys, identityCopy)
	}
	if err != nil {
		return false
	}
	id, err := decodeIdentity(b)
	return err == nil && id.process == 0
}

// ForgetShared gives up what process p has in a directory that it shares, as if
// its disk had been emptied: when its part is lost or damaged, or another
// elsewhere has taken its place. The others keep what they have. No program may run
// from the directory meanwhile. Afterwards p may be started from it again, as
// another incarnation that has nothing and waits to be admitted, or be left out.
// It may be interrupted, and called again. The error wraps ErrDirectory if
// dir is not such a directory of the cluster, or has nothing of p.
func ForgetShared(dir, cluster string, t *ridge.Topology, p ids.Process) error {
	fsys, err := vfs.OS(dir)
	if err == nil {
		err = forgetShared(dir, fsys, drawIdentity(cluster, 0, layoutOf(t)), p)
	}
	if err != nil {
		return fmt.Errorf("host: directory %s: %w", dir, err)
	}
	return nil
}

// forgetShared first has the journal say it, durably, and then removes the
// process's own part: one that is found there later is refused, since a part of
// the predecessor's promises may be gone.
func forgetShared(dir string, fsys vfs.FS, want identity, p ids.Process) error {
	id, err := readIdentity(fsys)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: it has no identity: it is none that processes share", ErrDirectory)
	case err != nil:
		return err
	case id.process != 0 && id.cluster == want.cluster:
		return fmt.Errorf("%w: it belongs to process %d alone, which shares it with nobody; if what is there is of no use, start the process with another directory, empty, and replace it by that (eyrie replace --help)", ErrDirectory, id.process)
	}
	if err := same(&id, &want); err != nil {
		return err
	}
	lock, err := lockDir(fsys)
	if err != nil {
		return err
	}
	part := fmt.Sprint(p)
	there := exists(fsys, part)
	if err = bequeath(fsys, id, p, there); err == nil && there {
		err = removePart(dir, fsys, part)
	}
	return errors.Join(err, lock.Close())
}

// bequeath has the journal say that what it has of p is nobody's, and who comes next.
func bequeath(fsys vfs.FS, id identity, p ids.Process, there bool) error {
	j, shelves, err := openShelves(fsys, id.journal)
	if err != nil {
		return err
	}
	s := shelves[p]
	if s == nil {
		s = new(shelf)
	}
	if len(s.records) == 0 && !there {
		return errors.Join(fmt.Errorf("%w: it has nothing of process %d", ErrDirectory, p), j.Close())
	}
	l := legacy{heir: ids.Incarnation(draw()), since: j.Durable()}
	s.forget(j, l.since)
	j.Append(uint32(p), 0, l.encode())
	return j.Close() // commits it
}

func exists(fsys vfs.FS, part string) bool {
	names, err := fsys.List(".")
	return err == nil && slices.Contains(names, part)
}

// removePart removes a process's own part of the directory, its identity first.
func removePart(dir string, fsys vfs.FS, part string) error {
	in, err := vfs.Sub(fsys, part)
	if err != nil {
		return err
	}
	for _, name := range []string{identityFile, identityCopy, identityTemp} {
		if err := in.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := in.SyncDir("."); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(dir, part)); err != nil {
		return err
	}
	return fsys.SyncDir(".")
}
