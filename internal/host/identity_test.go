package host

import (
	"errors"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/vfs"
)

var quiet = slog.New(slog.DiscardHandler)

// openAs opens a directory as process p of a cluster, and closes it.
func openAs(t *testing.T, dir, cluster string, p ids.Process) (identity, error) {
	t.Helper()
	d, _, err := openDisk(dir, nil, drawIdentity(cluster, p, 7), quiet)
	if err != nil {
		return identity{}, err
	}
	id := d.id
	if err := d.close(nil); err != nil {
		t.Fatal(err)
	}
	return id, nil
}

func TestDirectoryKeepsItsIdentity(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	first, err := openAs(t, dir, "c", 3)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if again, err := openAs(t, dir, "c", 3); err != nil || again != first {
			t.Fatalf("%+v, then %+v, %v", first, again, err)
		}
	}
}

// TestWrongDirectory: scenario 66. A directory that is another's, or has lost
// a part, is refused with an explanation, and so it stays.
func TestWrongDirectory(t *testing.T) {
	for name, c := range map[string]struct {
		harm    func(dir string) error
		cluster string
		process ids.Process
		says    string
	}{
		"another cluster's":    {nil, "d", 3, `belongs to cluster "c"`},
		"another process's":    {nil, "c", 4, "belongs to process 3"},
		"no identity":          {remove(identityFile, identityCopy), "c", 3, "no identity"},
		"no journal":           {remove(journalDir), "c", 3, "journal is gone"},
		"no frontier":          {remove(journalDir + "/frontier"), "c", 3, "journal"},
		"a file of somebody's": {remove(identityFile, identityCopy, journalDir, checkpointsDir), "c", 3, ""},
		"files in it": {func(dir string) error {
			return errors.Join(remove(identityFile, identityCopy, journalDir, checkpointsDir)(dir), os.WriteFile(filepath.Join(dir, "thesis.txt"), nil, 0o600))
		}, "c", 3, "thesis.txt"},
		"mixed": {func(dir string) error {
			other := drawIdentity("c", 3, 7)
			return os.WriteFile(filepath.Join(dir, identityCopy), other.encode(), 0o600)
		}, "c", 3, "mixed"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if _, err := openAs(t, dir, "c", 3); err != nil {
				t.Fatal(err)
			}
			if c.harm != nil {
				if err := c.harm(dir); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 {
				_, err := openAs(t, dir, c.cluster, c.process)
				if c.says == "" && err == nil {
					return // an empty directory is as good as a new one
				}
				if !errors.Is(err, ErrDirectory) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), dir) {
					t.Fatalf("it says: %v", err)
				}
			}
		})
	}
}

func remove(names ...string) func(dir string) error {
	return func(dir string) error {
		var errs []error
		for _, n := range names {
			errs = append(errs, os.RemoveAll(filepath.Join(dir, n)))
		}
		return errors.Join(errs...)
	}
}

// TestDirectoryIsLocked: two processes never run from one directory.
func TestDirectoryIsLocked(t *testing.T) {
	dir := t.TempDir()
	d, _, err := openDisk(dir, nil, drawIdentity("c", 1, 7), quiet)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openAs(t, dir, "c", 1); !errors.Is(err, ErrDirectory) || !strings.Contains(err.Error(), "another process runs") {
		t.Errorf("the second one: %v", err)
	}
	if err := d.close(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := openAs(t, dir, "c", 1); err != nil {
		t.Errorf("after the first has ended: %v", err)
	}
}

// TestIdentityBits: every flipped bit and every length of one copy is repaired
// from the other, for good; in both, it is refused.
func TestIdentityBits(t *testing.T) {
	want := drawIdentity("cluster", 9, 7)
	good := want.encode()
	var bad [][]byte
	for bit := range 8 * len(good) {
		b := append([]byte(nil), good...)
		b[bit/8] ^= 1 << (bit % 8)
		bad = append(bad, b)
	}
	for n := range len(good) {
		bad = append(bad, good[:n])
	}
	bad = append(bad, append(append([]byte(nil), good...), 0))
	for i, b := range bad {
		for _, harmed := range []string{identityFile, identityCopy} {
			fsys := vfs.NewMem()
			put(t, fsys, identityFile, good)
			put(t, fsys, identityCopy, good)
			put(t, fsys, harmed, b)
			for range 2 {
				if got, err := readIdentity(fsys); err != nil || got != want {
					t.Fatalf("%s, damage %d: %+v, %v", harmed, i, got, err)
				}
			}
			if now, err := readFile(fsys, harmed); err != nil || string(now) != string(good) {
				t.Fatalf("%s, damage %d: not repaired: %v", harmed, i, err)
			}
		}
		fsys := vfs.NewMem()
		put(t, fsys, identityFile, b)
		put(t, fsys, identityCopy, b)
		if _, err := readIdentity(fsys); !errors.Is(err, ErrDirectory) {
			t.Fatalf("both copies with damage %d: %v", i, err)
		}
	}
}

func put(t *testing.T, fsys vfs.FS, name string, b []byte) {
	t.Helper()
	if err := fsys.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	f, err := fsys.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > 0 {
		if _, err := f.WriteAt(b, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(f.Sync(), f.Close(), fsys.SyncDir(".")); err != nil {
		t.Fatal(err)
	}
}

// TestClaimCutShort: a directory whose making is cut short by a power cut,
// after any operation, is made by the next start; and an identity that has once
// been returned is there for ever.
func TestClaimCutShort(t *testing.T) {
	for k := 0; ; k++ {
		rng := rand.New(rand.NewPCG(uint64(k), 1))
		fsys := vfs.NewMem()
		var known identity
		for life := range 4 {
			if life < 3 {
				fsys.StopAfter(k)
			} else {
				fsys.StopAfter(1 << 30)
			}
			d := &disk{dir: "dir", fs: fsys}
			id, err := d.identify(drawIdentity("c", 1, 7))
			if err == nil {
				if known.process != 0 && id != known {
					t.Fatalf("after %d operations: %+v, then %+v", k, known, id)
				}
				known = id
			} else if life == 3 || errors.Is(err, ErrDirectory) {
				t.Fatalf("after %d operations, life %d: %v", k, life, err)
			}
			fsys.Crash(rng.IntN)
			if err == nil && life == 0 {
				return // no operation was left to fail
			}
		}
	}
}

// TestDamagedIdentityIsNotNone: a copy that cannot be read, and no other, is
// not a directory that has never been used.
func TestDamagedIdentityIsNotNone(t *testing.T) {
	want := drawIdentity("cluster", 9, 7)
	for _, name := range []string{identityFile, identityCopy} {
		fsys := vfs.NewMem()
		put(t, fsys, name, want.encode()[1:])
		if _, err := readIdentity(fsys); !errors.Is(err, ErrDirectory) || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
