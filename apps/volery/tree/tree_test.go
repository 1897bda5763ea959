package tree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/eyrie-dev/eyrie/apps/volery"
	"github.com/eyrie-dev/eyrie/ssmr"
)

func newClient(t testing.TB) *volery.Client {
	t.Helper()
	m, err := ssmr.NewMachine(volery.Service)
	if err != nil {
		t.Fatal(err)
	}
	return volery.NewClient(m.Client())
}

// snapshot is a tree as text: what is there, whether it may be executed, and
// its content or target.
func snapshot(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch info.Mode().Type() {
		case fs.ModeDir:
			all[name] = "directory"
		case fs.ModeSymlink:
			target, err := os.Readlink(path)
			all[name] = "link " + target
			return err
		default:
			content, err := os.ReadFile(path)
			all[name] = fmt.Sprintf("file %v %s", info.Mode()&0o100 != 0, content)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func same(t testing.TB, got, want string) {
	t.Helper()
	g, w := snapshot(t, got), snapshot(t, want)
	for name, text := range w {
		if g[name] != text {
			t.Errorf("%q: %.60q, want %.60q", name, g[name], text)
		}
	}
	for name := range g {
		if _, ok := w[name]; !ok {
			t.Errorf("%q should not be there", name)
		}
	}
}

func write(t testing.TB, dir, name, content string, mode fs.FileMode) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

// oddTree has everything that is hard to carry over.
func oddTree(t testing.TB) string {
	dir := t.TempDir()
	for _, name := range []string{
		"plain", "with space", "100%", "100%25", "%2F", "%", "ten-0000000042", "ten-0000000042.d/1700000000",
		"minus-000000042", ".hidden", "..almost", "...", "tab\there", "line\nfeed", "\x01", "\x7f", "\u0085",
		"emoji\U0001f600", "private\ue000", "latin\xe9", "\xff\xfe", "replacement\ufffd", "chunk-000000", `back\slash`,
		"long-" + strings.Repeat("x", 240), "世界",
	} {
		write(t, dir, name, "content of "+name, 0o644)
	}
	write(t, dir, "empty", "", 0o644)
	write(t, dir, "empty executable", "", 0o755)
	write(t, dir, "bin/run.sh", "#!/bin/sh\n", 0o755)
	write(t, dir, "marked", "#eyrie directory\n", 0o644)
	write(t, dir, "marked badly", "#eyrie nonsense", 0o644)
	write(t, dir, "nearly marked", "#eyrie", 0o644)
	for _, size := range []int{999, 1000, 1001, 2000, 2001, 7777} {
		random := rand.New(rand.NewPCG(uint64(size), 0))
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		write(t, dir, fmt.Sprint("big/", size), string(b), 0o644)
		write(t, dir, fmt.Sprint("big/x", size), string(b), 0o755)
		write(t, dir, fmt.Sprint("big/m", size), "#eyrie directory\n"+string(b), 0o644)
	}
	for i := range 40 {
		if err := os.MkdirAll(filepath.Join(dir, "deep", strings.Repeat("d/", i)), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"void", "nest/void", "0123456789"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{
		"link": "plain", "dangling": "/no/such\nfile", "up": "../..", "dirlink": "nest", "marklink": "#eyrie symlink\n",
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

var small = Options{Split: 1000, Window: 7}

func TestRoundTrip(t *testing.T) {
	ctx := context.Background()
	dir := oddTree(t)
	for _, path := range []string{"/t", "/"} {
		c := newClient(t)
		o := small
		calls := 0
		o.Progress = func(Progress) { calls++ }
		in, err := Import(ctx, c, dir, path, o)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Import(ctx, c, dir, path, o)
		if err != nil || again.Unchanged != again.Directories+again.Files+again.Links {
			t.Errorf("repeated: %+v %v, want all unchanged", again, err)
		}
		out := filepath.Join(t.TempDir(), "new", "dir")
		got, err := Export(ctx, c, path, out, Options{})
		if err != nil {
			t.Fatal(err)
		}
		same(t, out, dir)
		if got.Path, in.Path = "", ""; got != in || calls == 0 || in.Links != 5 {
			t.Errorf("imported %+v, exported %+v, %d calls", in, got, calls)
		}
	}
}

func TestRoundTripOfRealSources(t *testing.T) {
	ctx := context.Background()
	dir := filepath.Join(runtime.GOROOT(), "src", "net")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the Go sources are not there:", err)
	}
	c := newClient(t)
	in, err := Import(ctx, c, dir, "/net", Options{})
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	if _, err := Export(ctx, c, "/net", out, Options{}); err != nil {
		t.Fatal(err)
	}
	same(t, out, dir)
	// A file can be read where it is.
	want, _ := os.ReadFile(filepath.Join(dir, "dial.go"))
	if got, _, err := c.GetData(ctx, "/net/dial.go"); err != nil || !bytes.Equal(got, want) || in.Files < 100 {
		t.Error("dial.go differs", err, in)
	}
}

// unsure loses replies, before and after the command took effect.
type unsure struct {
	Client
	mu     sync.Mutex
	random *rand.Rand
	lost   int
}

func (u *unsure) lose() (before, after bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	n := u.random.IntN(12)
	if n < 2 {
		u.lost++
	}
	return n == 0, n == 1
}

func (u *unsure) Create(ctx context.Context, path string, data []byte) (volery.Stat, error) {
	before, after := u.lose()
	if before {
		return volery.Stat{}, ssmr.ErrOutcomeUnknown
	}
	s, err := u.Client.Create(ctx, path, data)
	if after {
		return volery.Stat{}, ssmr.ErrOutcomeUnknown
	}
	return s, err
}

func (u *unsure) SetData(ctx context.Context, path string, data []byte, version int32) (volery.Stat, error) {
	before, after := u.lose()
	if before {
		return volery.Stat{}, ssmr.ErrOutcomeUnknown
	}
	s, err := u.Client.SetData(ctx, path, data, version)
	if after {
		return volery.Stat{}, ssmr.ErrOutcomeUnknown
	}
	return s, err
}

func (u *unsure) Delete(ctx context.Context, path string, version int32) error {
	before, after := u.lose()
	if before {
		return ssmr.ErrOutcomeUnknown
	}
	err := u.Client.Delete(ctx, path, version)
	if after {
		return ssmr.ErrOutcomeUnknown
	}
	return err
}

func (u *unsure) GetData(ctx context.Context, path string) ([]byte, volery.Stat, error) {
	if before, _ := u.lose(); before {
		return nil, volery.Stat{}, ssmr.ErrOutcomeUnknown
	}
	return u.Client.GetData(ctx, path)
}

// However many outcomes are unknown, repeating the import completes it, and
// nothing is there twice or halfway.
func TestUnknownOutcomes(t *testing.T) {
	ctx := context.Background()
	dir := oddTree(t)
	for seed := range uint64(20) {
		u := &unsure{Client: newClient(t), random: rand.New(rand.NewPCG(seed, 2))}
		var err error
		runs := 0
		for ; runs < 100; runs++ {
			if _, err = Import(ctx, u, dir, "/t", small); err == nil {
				break
			}
			if !errors.Is(err, ssmr.ErrOutcomeUnknown) {
				t.Fatal(err)
			}
		}
		if err != nil || u.lost == 0 {
			t.Fatalf("after %d runs and %d lost replies: %v", runs, u.lost, err)
		}
		out := t.TempDir()
		if _, err := Export(ctx, u.Client, "/t", out, Options{}); err != nil {
			t.Fatal(err)
		}
		same(t, out, dir)
	}
}

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
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Import(ctx, c, dir, "/t", Options{}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a pipe: %v", err)
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := Import(canceled, c, dir, "/u", Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

func TestRemove(t *testing.T) {
	ctx := context.Background()
	for seed := range uint64(5) {
		u := &unsure{Client: newClient(t), random: rand.New(rand.NewPCG(seed, 3))}
		in, err := Import(ctx, u.Client, oddTree(t), "/t", small)
		if err != nil {
			t.Fatal(err)
		}
		_, before, _ := u.GetChildren(ctx, "/")
		got, err := Remove(ctx, u, "/t", small)
		for errors.Is(err, ssmr.ErrOutcomeUnknown) {
			got.Removed = 1000 // of several runs; their sum is not the point
			_, err = Remove(ctx, u, "/t", small)
		}
		if err != nil && !errors.Is(err, volery.ErrNoNode) || got.Removed < in.Directories+in.Files+in.Links {
			t.Fatalf("removed %+v of %+v: %v", got, in, err)
		}
		names, after, err := u.GetChildren(ctx, "/")
		if err != nil || len(names) != 0 || before.NumChildren != 1 {
			t.Error(names, after, err)
		}
	}
	c := newClient(t)
	if _, err := Remove(ctx, c, "/", Options{}); !errors.Is(err, volery.ErrBadArguments) {
		t.Errorf("the root: %v", err)
	}
	if _, err := Remove(ctx, c, "/none", Options{}); !errors.Is(err, volery.ErrNoNode) {
		t.Errorf("nothing there: %v", err)
	}
}

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

func TestNames(t *testing.T) {
	for name, node := range map[string]string{
		"plain": "plain", "a b": "a b", "100%": "100%25", "%41": "%2541", "\n": "%0A", "\xff": "%FF",
		"\u0085": "%C2%85", "\U0001f600": "%F0%9F%98%80", "é": "é", ".x": ".x",
	} {
		if got := EscapeName(name); got != node {
			t.Errorf("EscapeName(%q) = %q, want %q", name, got, node)
		}
	}
	for node, name := range map[string]string{"100%": "100%", "%4": "%4", "%zz": "%zz", "%41": "%41", "%0a": "%0a"} {
		if got, err := UnescapeName(node); err != nil || got != name {
			t.Errorf("UnescapeName(%q) = %q, %v", node, got, err)
		}
	}
}

func FuzzNames(f *testing.F) {
	f.Add("a%b\xff")
	f.Fuzz(func(t *testing.T, name string) {
		node := EscapeName(name)
		if strings.ContainsAny(name, "/\x00") || slices.Contains([]string{"", ".", ".."}, name) {
			return // no file is called so
		}
		if len(node) < 4000 && volery.CheckPath("/"+node) != nil {
			t.Errorf("%q becomes %q, which is no name of a node", name, node)
		}
		if got, err := UnescapeName(node); err != nil || got != name {
			t.Errorf("%q becomes %q becomes %q, %v", name, node, got, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("#eyrie file executable chunks=3 size=5 sha256=00\n"))
	f.Add(chunkedValue(true, 3, 5, [32]byte{1}))
	f.Fuzz(func(t *testing.T, value []byte) {
		e, err := parse(value)
		if err == nil && e.chunks > 0 && (e.size < 0 || e.body != nil) {
			t.Errorf("%q: %+v", value, e)
		}
	})
}
