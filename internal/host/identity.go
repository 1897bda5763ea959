package host

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	"github.com/cespare/xxhash/v2"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/journal"
	"github.com/eyrie-dev/eyrie/internal/vfs"
)

// ErrDirectory is wrapped by every refusal to start a process from a directory:
// it is another's, or was wiped, or is damaged.
var ErrDirectory = errors.New("cannot start from this directory")

// identity says whose directory it is. It is written once, when the directory
// is made, in two copies.
type identity struct {
	cluster     string
	process     ids.Process
	layout      uint64 // see layoutOf
	incarnation ids.Incarnation
	journal     journal.ID
}

// Files of a process's directory.
const (
	lockFile       = "lock"
	identityFile   = "identity"
	identityCopy   = "identity.2"
	identityFirst  = "identity.first" // of a directory that is being made
	identityTemp   = "identity.tmp"
	journalDir     = "journal"
	checkpointsDir = "checkpoints"
)

const (
	identityMagic  = "eyrieID\n"
	identityFormat = 2
	maxCluster     = 1 << 10
)

func (i *identity) encode() []byte {
	b := append([]byte(identityMagic), identityFormat)
	b = binary.LittleEndian.AppendUint16(b, uint16(i.process))
	b = binary.LittleEndian.AppendUint64(b, i.layout)
	b = binary.LittleEndian.AppendUint64(b, uint64(i.incarnation))
	b = append(b, i.journal[:]...)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(i.cluster)))
	b = append(b, i.cluster...)
	return binary.LittleEndian.AppendUint64(b, xxhash.Sum64(b))
}

var errIdentity = errors.New("not as it was written")

func decodeIdentity(b []byte) (i identity, err error) {
	const head = len(identityMagic) + 1 + 2 + 8 + 8 + 16 + 2
	end := len(b) - 8
	if end < head || xxhash.Sum64(b[:end]) != binary.LittleEndian.Uint64(b[end:]) || string(b[:8]) != identityMagic {
		return i, errIdentity
	}
	if b[8] != identityFormat {
		return i, fmt.Errorf("of format %d, and this program knows %d; start the program that made it", b[8], identityFormat)
	}
	i.process = ids.Process(binary.LittleEndian.Uint16(b[9:]))
	i.layout, i.incarnation = binary.LittleEndian.Uint64(b[11:]), ids.Incarnation(binary.LittleEndian.Uint64(b[19:]))
	copy(i.journal[:], b[27:])
	if i.cluster = string(b[head:end]); len(i.cluster) != int(binary.LittleEndian.Uint16(b[43:])) {
		return i, errIdentity
	}
	return i, nil
}

// readIdentity finds out whose directory it is, and repairs a copy that is
// missing or damaged. The error wraps fs.ErrNotExist if there is none.
func readIdentity(fsys vfs.FS) (identity, error) {
	names := []string{identityFile, identityCopy}
	var found [2]identity
	var errs [2]error
	for n, name := range names {
		var b []byte
		if b, errs[n] = readFile(fsys, name); errs[n] == nil {
			found[n], errs[n] = decodeIdentity(b)
		}
		if errs[n] != nil {
			errs[n] = fmt.Errorf("%s: %w", name, errs[n])
		}
	}
	switch {
	case errs[0] == nil && errs[1] == nil:
		if found[0] != found[1] {
			return identity{}, fmt.Errorf("%w: %s and %s name different processes: files of two directories were mixed", ErrDirectory, names[0], names[1])
		}
		return found[0], nil
	case errs[0] == nil:
		return found[0], writeIdentity(fsys, identityCopy, &found[0])
	case errs[1] == nil:
		return found[1], writeIdentity(fsys, identityFile, &found[1])
	case errors.Is(errs[0], fs.ErrNotExist) && errors.Is(errs[1], fs.ErrNotExist):
		return identity{}, errs[0]
	}
	// Not wrapped: that one of them is missing does not make it a new directory.
	return identity{}, fmt.Errorf("%w: it cannot be told whose it is: %v; put the right disk in its place, or replace this process by a new one", ErrDirectory, errors.Join(errs[:]...))
}

// writeIdentity makes a copy durable, all of it or nothing.
func writeIdentity(fsys vfs.FS, name string, i *identity) error {
	err := fsys.Remove(identityTemp)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := fsys.Create(identityTemp)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(i.encode(), 0)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("%s: %w", identityTemp, err)
	}
	if err := fsys.Rename(identityTemp, name); err != nil {
		return err
	}
	return fsys.SyncDir(".")
}

// readFile reads a small file.
func readFile(fsys vfs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, min(size, maxCluster+100))
	if n, err := f.ReadAt(b, 0); n < len(b) {
		return nil, err
	}
	return b, nil
}

// claim makes the directory's identity out of want, whose incarnation and
// journal are drawn already, and an empty journal, if it is empty, or goes on
// with what a claim has left that was cut short. Invariant: identityFile is
// there only when the journal is, so that a journal that is missing later was
// lost; and the journal only when a first identity is that knows its name.
func claim(fsys vfs.FS, want *identity) error {
	switch b, err := readFile(fsys, identityFirst); {
	case err == nil:
		first, err := decodeIdentity(b)
		if err != nil {
			return fmt.Errorf("%w: %s: %w; if this process has never run, empty the directory", ErrDirectory, identityFirst, err)
		}
		want.incarnation, want.journal = first.incarnation, first.journal
		if err := same(&first, want); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	default:
		if err := empty(fsys); err != nil {
			return err
		}
		if err := writeIdentity(fsys, identityFirst, want); err != nil {
			return err
		}
	}
	if err := journal.Create(fsys, journalDir, want.journal); err != nil && !errors.Is(err, journal.ErrExists) {
		return err
	}
	if err := writeIdentity(fsys, identityFile, want); err != nil {
		return err
	}
	if err := writeIdentity(fsys, identityCopy, want); err != nil {
		return err
	}
	return forgetFirst(fsys)
}

// forgetFirst removes what only a claim needs.
func forgetFirst(fsys vfs.FS) error {
	if err := fsys.Remove(identityFirst); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return fsys.SyncDir(".")
}

// empty refuses a directory that has been used and has lost its identity: its
// process has promised and voted, and must not begin anew.
func empty(fsys vfs.FS) error {
	names, err := fsys.List(".")
	if err != nil {
		return err
	}
	for _, name := range names {
		switch name {
		case lockFile, identityTemp, "lost+found":
			continue
		}
		return fmt.Errorf("%w: it has no identity, but it has %q: either its identity was deleted, and with it the right to take part, or it is not a process's directory; name an empty one, or put the right disk in its place", ErrDirectory, name)
	}
	return nil
}

// same explains why a directory of identity i is not that of want.
func same(i, want *identity) error {
	switch {
	case i.cluster != want.cluster:
		return fmt.Errorf("%w: it belongs to cluster %q, and this process to cluster %q", ErrDirectory, i.cluster, want.cluster)
	case i.process == 0 && want.process != 0:
		return fmt.Errorf("%w: it is shared by several processes, and has to be opened as such", ErrDirectory)
	case want.process == 0 && i.process != 0:
		return fmt.Errorf("%w: it belongs to process %d alone", ErrDirectory, i.process)
	case i.process != want.process:
		return fmt.Errorf("%w: it belongs to process %d, and this is process %d", ErrDirectory, i.process, want.process)
	case i.layout != want.layout:
		return fmt.Errorf("%w: it was made when the cluster's partitions had other processes; the cluster's file has been changed since", ErrDirectory)
	case i.incarnation == 0 || bytes.Equal(i.journal[:], make([]byte, len(i.journal))):
		return fmt.Errorf("%w: its identity is void", ErrDirectory)
	}
	return nil
}
