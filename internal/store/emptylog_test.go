package store

import (
	"os"
	"path/filepath"
	"testing"
)

// TestEmptyLogs: a power cut leaves a log of no bytes, new or about to be
// removed; the checkpoints are there all the same.
func TestEmptyLogs(t *testing.T) {
	dir := tempDir(t)
	s := open(t, dir)
	want := write(t, s, 1, false, nil, []Item{{Key: []byte("a"), Value: []byte("b")}})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"00077.mem", "000077.vlog"} {
		if err := os.WriteFile(filepath.Join(dir, "000001", name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, dir)
	if s.Damaged != nil {
		t.Fatal(s.Damaged)
	}
	check(t, s, 1, want)
}
