package tree

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/eyrie-dev/eyrie/apps/volery"
)

func TestOverwrite(t *testing.T) {
	ctx := context.Background()
	c := newClient(t)
	one, two := t.TempDir(), t.TempDir()
	write(t, one, "shrinks", strings.Repeat("a", 5000), 0o644)
	write(t, one, "splits", "small", 0o644)
	write(t, one, "joins", strings.Repeat("b", 5000), 0o644)
	write(t, one, "becomes a directory", strings.Repeat("c", 5000), 0o644)
	write(t, two, "shrinks", strings.Repeat("x", 2500), 0o644)
	write(t, two, "splits", strings.Repeat("y", 2500), 0o755)
	write(t, two, "joins", "small", 0o644)
	write(t, two, "becomes a directory/chunk-000001", "z", 0o644)
	if _, err := Import(ctx, c, one, "/t", small); err != nil {
		t.Fatal(err)
	}
	if _, err := Import(ctx, c, two, "/t", small); !errors.Is(err, ErrConflict) {
		t.Fatalf("without Overwrite: %v", err)
	}
	o := small
	o.Overwrite = true
	if _, err := Import(ctx, c, two, "/t", o); err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	if _, err := Export(ctx, c, "/t", out, Options{}); err != nil {
		t.Fatal(err)
	}
	same(t, out, two)
	// A directory with children does not become a file.
	three := t.TempDir()
	write(t, three, "becomes a directory", "a file again", 0o644)
	if _, err := Import(ctx, c, three, "/t", o); !errors.Is(err, ErrConflict) {
		t.Errorf("a directory in the way: %v", err)
	}
}

func TestImportRefuses(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	write(t, dir, "file", "x", 0o644)
	c := newClient(t)
	for name, row := range map[string]struct {
		dir, path string
		o         Options
		want      error
	}{
		"no directory":  {filepath.Join(dir, "none"), "/t", Options{}, fs.ErrNotExist},
		"a file":        {filepath.Join(dir, "file"), "/t", Options{}, ErrNotDirectory},
		"no parent":     {dir, "/none/t", Options{}, volery.ErrNoNode},
		"bad path":      {dir, "t", Options{}, volery.ErrBadArguments},
		"chunk too big": {dir, "/t", Options{Chunk: volery.MaxValue + 1}, ErrOptions},
		"split too big": {dir, "/t", Options{Split: volery.MaxValue + 1}, ErrOptions},
		"no window":     {dir, "/t", Options{Window: -1}, ErrOptions},
	} {
		if _, err := Import(ctx, c, row.dir, row.path, row.o); !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", name, err, row.want)
		}
	}
	for _, name := range []string{"a pipe", "another"} {
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := Import(ctx, c, dir, "/t", Options{})
	if !errors.Is(err, ErrUnsupported) || !strings.HasSuffix(err.Error(), "and 1 more") || p.Skipped != 2 {
		t.Errorf("two pipes: %+v: %v", p, err)
	}
	if _, _, err := c.GetData(ctx, "/t/file"); err != nil {
		t.Errorf("what is no pipe: %v", err)
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := Import(canceled, c, dir, "/u", Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}
