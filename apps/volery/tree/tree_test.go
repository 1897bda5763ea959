package tree

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Skip("no go command to ask for GOROOT:", err)
	}
	dir := filepath.Join(strings.TrimSpace(string(root)), "src", "net")
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
