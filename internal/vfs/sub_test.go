package vfs

import (
	"errors"
	"io/fs"
	"testing"
)

// What is named from within is below the directory, on either kind of disk, and
// nothing above can be reached.
func TestSub(t *testing.T) {
	real, err := OS(t.TempDir())
	must(t, err)
	for name, whole := range map[string]FS{"mem": NewMem(), "os": real} {
		t.Run(name, func(t *testing.T) {
			must(t, whole.MkdirAll("a"))
			s, err := Sub(whole, "a")
			must(t, err)
			f, err := s.Create("x")
			must(t, err)
			put(t, f, 7, 0, 100)
			must(t, errors.Join(f.Sync(), f.Close(), s.SyncDir(".")))
			must(t, s.Rename("x", "y"))
			f, err = whole.Open("a/y")
			must(t, err)
			must(t, f.Close())
			if names, err := s.List("."); err != nil || len(names) != 1 {
				t.Errorf("%v, %v", names, err)
			}
			l, err := s.Lock("lock")
			must(t, err)
			if _, err := whole.Lock("a/lock"); !errors.Is(err, ErrLocked) {
				t.Errorf("the same lock: %v", err)
			}
			must(t, l.Close())
			if _, err := s.Create("../z"); !errors.Is(err, fs.ErrInvalid) {
				t.Errorf("created above: %v", err)
			}
		})
	}
	if _, err := Sub(NewMem(), ".."); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("sub of above: %v", err)
	}
}
