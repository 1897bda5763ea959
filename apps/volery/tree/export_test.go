package tree

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eyrie-dev/eyrie/apps/volery"
)

// put makes a node for what nobody imported.
func put(t *testing.T, c *volery.Client, path, value string) {
	t.Helper()
	if _, err := c.Create(context.Background(), path, []byte(value)); err != nil {
		t.Fatal(err)
	}
}

func TestExportOfWhatNobodyImported(t *testing.T) {
	c := newClient(t)
	for _, node := range []string{"/a", "/a/b", "/a/100%"} {
		put(t, c, node, "")
	}
	put(t, c, "/a/b/file", "value")
	out, want := t.TempDir(), t.TempDir()
	write(t, want, "b/file", "value", 0o644)
	write(t, want, "100%", "", 0o644)
	if _, err := Export(context.Background(), c, "/a", out, Options{}); err != nil {
		t.Fatal(err)
	}
	same(t, out, want)
}

func TestExportRefuses(t *testing.T) {
	ctx := context.Background()
	c := newClient(t)
	dir := t.TempDir()
	write(t, dir, "big", strings.Repeat("a", 3000), 0o644)
	in := func(path string) {
		if _, err := Import(ctx, c, dir, path, small); err != nil {
			t.Fatal(err)
		}
	}
	in("/lost")
	c.Delete(ctx, "/lost/big/chunk-000001", volery.AnyVersion)
	in("/swapped")
	c.SetData(ctx, "/swapped/big/chunk-000001", bytes.Repeat([]byte("b"), 1000), volery.AnyVersion)
	in("/longer")
	c.SetData(ctx, "/longer/big/chunk-000001", bytes.Repeat([]byte("a"), 1001), volery.AnyVersion)
	in("/extra")
	put(t, c, "/extra/big/child", "")
	put(t, c, "/mixed", "")
	put(t, c, "/mixed/both", "value")
	put(t, c, "/mixed/both/child", "")
	put(t, c, "/format", "")
	put(t, c, "/format/x", "#eyrie file chunks=2 size=-1 sha256=00\n")
	put(t, c, "/file", "value")
	for path, want := range map[string]error{
		"/lost": ErrIncomplete, "/swapped": ErrIncomplete, "/longer": ErrIncomplete, "/extra": ErrMixed,
		"/mixed": ErrMixed, "/format": ErrFormat, "/file": ErrNotDirectory, "/none": volery.ErrNoNode,
	} {
		if _, err := Export(ctx, c, path, t.TempDir(), Options{}); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
	full := t.TempDir()
	write(t, full, "here", "x", 0o644)
	put(t, c, "/fine", "")
	put(t, c, "/fine/here", "y")
	if _, err := Export(ctx, c, "/fine", full, Options{}); !errors.Is(err, ErrTargetNotEmpty) {
		t.Errorf("a full target: %v", err)
	}
	if got, _ := os.ReadFile(filepath.Join(full, "here")); string(got) != "x" {
		t.Error("the refused export wrote", string(got))
	}
	if _, err := Export(ctx, c, "/fine", full, Options{Overwrite: true}); err != nil {
		t.Error(err)
	}
	if got, _ := os.ReadFile(filepath.Join(full, "here")); string(got) != "y" {
		t.Error("told to overwrite, and did not:", string(got))
	}
}

// Whatever nodes are called and whatever links lie in the way, nothing is
// written outside the target.
func TestExportStaysInside(t *testing.T) {
	ctx := context.Background()
	for _, name := range []string{"%2E%2E", "%2E", "a%2Fb", "%2E%2E%2Foutside", "%00"} {
		c := newClient(t)
		put(t, c, "/t", "")
		put(t, c, "/t/"+name, "value")
		parent := t.TempDir()
		if _, err := Export(ctx, c, "/t", filepath.Join(parent, "target"), Options{}); err != nil && !errors.Is(err, ErrName) {
			t.Errorf("%s: %v", name, err)
		}
		if entries, _ := os.ReadDir(parent); len(entries) != 1 {
			t.Errorf("%s: wrote beside the target: %v", name, entries)
		}
	}
	// A link in the target, also one made by the same export, leads nowhere.
	c := newClient(t)
	outside, target := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(target, "link")); err != nil {
		t.Fatal(err)
	}
	put(t, c, "/t", "")
	put(t, c, "/t/link", "")
	put(t, c, "/t/link/file", "value")
	if _, err := Export(ctx, c, "/t", target, Options{Overwrite: true}); err == nil {
		t.Error("wrote through a link")
	}
	if entries, _ := os.ReadDir(outside); len(entries) != 0 {
		t.Errorf("wrote outside: %v", entries)
	}
}
