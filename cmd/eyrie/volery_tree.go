package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/eyrie-dev/eyrie/apps/volery/tree"
)

func (v *voleryCall) importTree(ctx context.Context) error {
	return v.copyTree(func(o tree.Options) (tree.Progress, error) {
		return tree.Import(ctx, v.c, v.args[0], v.args[1], o)
	})
}

func (v *voleryCall) exportTree(ctx context.Context) error {
	return v.copyTree(func(o tree.Options) (tree.Progress, error) {
		return tree.Export(ctx, v.c, v.args[0], v.args[1], o)
	})
}

// copyTree runs a copy, shows its progress, and sums it up.
func (v *voleryCall) copyTree(run func(tree.Options) (tree.Progress, error)) error {
	began := time.Now()
	show, end := v.progress(func(p tree.Progress) string {
		return fmt.Sprintf("%d files, %d directories, %s, %v",
			p.Files, p.Directories, size(p.Bytes), time.Since(began).Round(time.Second))
	})
	p, err := run(tree.Options{Window: v.window, Overwrite: v.overwrite, Progress: show})
	end()
	if err == nil && v.json {
		err = v.print(map[string]any{
			"directories": p.Directories, "files": p.Files, "links": p.Links, "unchanged": p.Unchanged,
			"bytes": p.Bytes, "seconds": time.Since(began).Seconds(),
		})
	}
	return err
}

// progress makes a function that shows progress on one line of a terminal, a
// few times a second, and one that ends the line. On anything else than a
// terminal nothing is shown, and the steps are noted all the same.
func (v *voleryCall) progress(text func(tree.Progress) string) (show func(tree.Progress), end func()) {
	if v.quiet || v.json || !isTerminal(v.stderr) {
		return func(p tree.Progress) { v.steps.came(p) }, func() {}
	}
	const pause = 200 * time.Millisecond
	var last tree.Progress
	var shown time.Time
	print := func() { fmt.Fprintf(v.stderr, "\r\x1b[K%s", text(last)) }
	show = func(p tree.Progress) {
		v.steps.came(p)
		last = p
		if time.Since(shown) >= pause {
			shown = time.Now()
			print()
		}
	}
	return show, func() {
		print()
		fmt.Fprintln(v.stderr)
	}
}

// isTerminal says whether somebody looks at w.
func isTerminal(w io.Writer) bool {
	if k, ok := w.(*keeper); ok {
		w = k.w
	}
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

// size writes a number of bytes for people.
func size(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	f, i := float64(n)/unit, 0
	for f >= unit && i < 3 {
		f, i = f/unit, i+1
	}
	return fmt.Sprintf("%.1f %ciB", f, "KMGT"[i])
}
