package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestHalfRemoved: the power is cut while a database that was replaced is being
// removed. What is left of it neither counts as damaged nor stays.
func TestHalfRemoved(t *testing.T) {
	cut := errors.New("the power is cut")
	removeAll = func(dir string) error {
		tables, _ := filepath.Glob(filepath.Join(dir, "*.sst"))
		if len(tables) == 0 {
			t.Errorf("%s has no tables", dir)
		}
		for _, name := range tables {
			if err := os.Remove(name); err != nil {
				t.Error(err)
			}
		}
		return cut
	}
	t.Cleanup(func() { removeAll = os.RemoveAll })
	dir := tempDir(t)
	s := open(t, dir)
	items := []Item{{Key: []byte("a"), Value: []byte("b")}}
	write(t, s, 1, false, nil, items)
	if err := s.Rest(); err != nil { // into a table
		t.Fatal(err)
	}
	w, err := s.Begin(2, true)
	if err != nil {
		t.Fatal(err)
	}
	want := state{"a": "b"}
	if err := w.Add(items); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(want.sum(), nil, 2); !errors.Is(err, cut) {
		t.Fatalf("the end of the checkpoint: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	removeAll = os.RemoveAll
	s = open(t, dir)
	if s.Damaged != nil {
		t.Fatal(s.Damaged)
	}
	check(t, s, 2, want)
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("there are %v (%v), want one database", entries, err)
	}
}
