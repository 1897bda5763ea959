package vfs

import (
	"bytes"
	"errors"
	"io/fs"
	"slices"
	"syscall"
	"testing"
)

func lost(int) int   { return 0 }
func kept(n int) int { return n - 1 }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// file makes a durable file of zeros.
func file(t *testing.T, m *Mem, name string, size int64) File {
	t.Helper()
	f, err := m.Create(name)
	must(t, err)
	must(t, f.Allocate(size))
	must(t, f.Sync())
	must(t, m.SyncDir("."))
	return f
}

func read(t *testing.T, m *Mem, name string) []byte {
	t.Helper()
	f, err := m.Open(name)
	must(t, err)
	n, _ := f.Size()
	b := make([]byte, n)
	f.ReadAt(b, 0)
	return b
}

func put(t *testing.T, f File, b byte, n int, off int64) {
	t.Helper()
	_, err := f.WriteAt(bytes.Repeat([]byte{b}, n), off)
	must(t, err)
}

func TestCrashTearsBySector(t *testing.T) {
	m := NewMem()
	f := file(t, m, "a", 2048)
	put(t, f, 1, 2048, 0)
	must(t, f.Sync())
	put(t, f, 2, 1200, 400) // touches sectors 0 to 3
	i := 0
	m.Crash(func(int) int { i++; return i % 2 })
	b := read(t, m, "a")
	if b[400] != 2 || b[512] != 1 || b[1024] != 2 || b[1023] != 1 || b[1599] != 1 || b[0] != 1 {
		t.Errorf("sectors: %v", []byte{b[0], b[400], b[512], b[1023], b[1024], b[1599]})
	}
	if _, err := f.WriteAt(b, 0); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("a dead process writes: %v", err)
	}
}

func TestNamesNeedSyncDir(t *testing.T) {
	for _, rng := range []func(int) int{lost, kept} {
		m := NewMem()
		file(t, m, "old", 512)
		_, err := m.Create("new")
		must(t, err)
		must(t, m.Rename("old", "moved"))
		m.Crash(rng)
		names, _ := m.List(".")
		want := []string{"old"}
		if rng(2) == 1 {
			want = []string{"moved", "new"}
		}
		if !slices.Equal(names, want) {
			t.Errorf("names %v, want %v", names, want)
		}
	}
}

func TestFailedSyncLosesItsPagesForGood(t *testing.T) {
	m := NewMem()
	f := file(t, m, "a", 1024)
	m.Fail(OpSync, 1)
	put(t, f, 1, 512, 0)
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	put(t, f, 2, 512, 512)
	must(t, f.Sync())
	if b := read(t, m, "a"); b[0] != 1 || b[512] != 2 {
		t.Error("the process no longer reads what it wrote")
	}
	m.Crash(kept)
	if b := read(t, m, "a"); b[0] != 0 || b[512] != 2 {
		t.Errorf("after the crash: %d %d", b[0], b[512])
	}
}

func TestLiesAndShifts(t *testing.T) {
	m := NewMem()
	f := file(t, m, "a", 2048)
	m.Hook(func(op Op) (out Outcome) {
		out.Lie = op.Kind == OpSync
		if op.Kind == OpWrite && op.Offset == 0 {
			out.Shift = 1024
		}
		return out
	})
	put(t, f, 1, 512, 0)
	put(t, f, 1, 512, 512)
	must(t, f.Sync())
	if b := read(t, m, "a"); b[0] != 0 || b[512] != 1 || b[1024] != 1 {
		t.Error("the write was not misplaced")
	}
	m.Crash(lost)
	if b := read(t, m, "a"); b[512] != 0 || b[1024] != 0 {
		t.Error("the sync did not lie")
	}
}

func TestFullLockAndClone(t *testing.T) {
	m := NewMem()
	f := file(t, m, "a", 1024)
	m.SetCapacity(1536)
	if _, err := f.WriteAt(make([]byte, 2000), 0); !errors.Is(err, ErrFull) {
		t.Errorf("write beyond the disk: %v", err)
	}
	if n, _ := m.Free("."); n != 512 {
		t.Errorf("free: %d", n)
	}
	if err := f.Allocate(2000); !errors.Is(err, ErrFull) {
		t.Errorf("allocate beyond the disk: %v", err)
	}
	if n, _ := m.Free("."); n != 0 {
		t.Errorf("free after it took what there was: %d", n)
	}
	_, err := m.Lock("lock")
	must(t, err)
	if _, err := m.Lock("lock"); !errors.Is(err, ErrLocked) {
		t.Errorf("second lock: %v", err)
	}
	put(t, f, 1, 512, 0)
	c := m.Clone()
	m.Crash(lost)
	if b := read(t, c, "a"); b[0] != 1 {
		t.Error("the clone is not a copy of its own")
	}
	if _, err := c.Lock("lock"); err != nil {
		t.Errorf("the clone inherits locks: %v", err)
	}
}

func TestStoppedDiskTears(t *testing.T) {
	m := NewMem()
	f := file(t, m, "a", 1024)
	m.StopAfter(1)
	put(t, f, 1, 1024, 0)
	if err := f.Sync(); !errors.Is(err, ErrStopped) {
		t.Fatal(err)
	}
	i := 0
	m.Crash(func(int) int { i++; return i % 2 })
	if b := read(t, m, "a"); b[0] != 1 || b[512] != 0 {
		t.Errorf("after the crash: %d %d", b[0], b[512])
	}
}
