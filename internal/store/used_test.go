package store

import (
	"io/fs"
	"os"
	"syscall"
	"testing"
)

// used is what a file, which may have holes, takes on the disk.
func used(fi fs.FileInfo) int64 {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return fi.Size()
}

// tempDir is a directory in memory, where there is one: most tests are about
// contents, and syncs of a disk would be most of their time.
func tempDir(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "eyrie-store")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
