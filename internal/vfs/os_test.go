package vfs

import (
	"errors"
	"io/fs"
	"slices"
	"testing"
)

func TestOS(t *testing.T) {
	d, err := OS(t.TempDir())
	must(t, err)
	must(t, d.MkdirAll("a/b"))
	f, err := d.Create("a/b/x")
	must(t, err)
	must(t, f.Allocate(1<<20))
	if n, _ := f.Size(); n != 1<<20 {
		t.Errorf("allocated %d", n)
	}
	put(t, f, 7, 100, 5000)
	must(t, f.Sync())
	must(t, d.SyncDir("a/b"))
	if _, err := d.Create("a/b/x"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("create twice: %v", err)
	}
	if _, err := d.Open("a/b/y"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open nothing: %v", err)
	}
	must(t, d.Rename("a/b/x", "a/b/z"))
	names, err := d.List("a/b")
	if must(t, err); !slices.Equal(names, []string{"z"}) {
		t.Errorf("names %v", names)
	}
	must(t, f.Truncate(10))
	must(t, f.Close())
	must(t, d.Remove("a/b/z"))
	for _, bad := range []string{"../x", "/x", "a/../../x"} {
		if _, err := d.Create(bad); err == nil {
			t.Errorf("created %s", bad)
		}
	}
	if n, err := d.Free("a"); err != nil || n == 0 {
		t.Errorf("free: %d, %v", n, err)
	}
}

func TestOSLock(t *testing.T) {
	d, err := OS(t.TempDir())
	must(t, err)
	l, err := d.Lock("lock")
	must(t, err)
	if _, err := d.Lock("lock"); !errors.Is(err, ErrLocked) {
		t.Errorf("second lock: %v", err)
	}
	must(t, l.Close())
	l, err = d.Lock("lock")
	must(t, err)
	must(t, l.Close())
}
