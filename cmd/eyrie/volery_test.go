package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eyrie-dev/eyrie/apps"
	"github.com/eyrie-dev/eyrie/apps/volery"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// shell runs commands against a service on one machine.
type shell struct {
	t       *testing.T
	machine *ssmr.Machine
	dialErr error
}

func newShell(t *testing.T) *shell {
	t.Helper()
	m, err := ssmr.NewMachine(apps.Service)
	if err != nil {
		t.Fatal(err)
	}
	return &shell{t: t, machine: m}
}

func (s *shell) run(stdin string, args ...string) (code int, stdout, stderr string) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var out, errs bytes.Buffer
	dial := func(context.Context, string, int) (*ssmr.Client, error) { return s.machine.Client(), s.dialErr }
	code = newVolery().run(ctx, env{stdin: strings.NewReader(stdin), stdout: &out, stderr: &errs}, dial, args)
	return code, out.String(), errs.String()
}

// step is a command line with what it must do.
type step struct {
	line   string
	stdin  string
	code   int
	stdout string
	stderr string // a part of it
}

func (s *shell) steps(steps []step) {
	s.t.Helper()
	for _, st := range steps {
		code, out, errs := s.run(st.stdin, strings.Fields(st.line)...)
		if code != st.code || out != st.stdout || !strings.Contains(errs, st.stderr) || st.code == 0 && errs != "" {
			s.t.Errorf("volery %s: %d %q %q, want %d %q ...%q...", st.line, code, out, errs, st.code, st.stdout, st.stderr)
		}
	}
}

func TestVoleryCommands(t *testing.T) {
	file := filepath.Join(t.TempDir(), "value")
	if err := os.WriteFile(file, []byte("from a file\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	newShell(t).steps([]step{
		{line: "ls"},
		{line: "create /hello world"},
		{line: "get /hello", stdout: "world"},
		{line: "ls /", stdout: "hello\n"},
		{line: "create /hello/empty"},
		{line: "get /hello/empty"},
		{line: "set /hello new --version 0"},
		{line: "get /hello", stdout: "new"},
		{line: "set /hello @" + file},
		{line: "get /hello", stdout: "from a file\n"},
		{line: "set /hello -", stdin: "from standard input"},
		{line: "get /hello", stdout: "from standard input"},
		{line: "set /hello @@at"},
		{line: "get /hello", stdout: "@at"},
		{line: "set /hello -- -dash"},
		{line: "get /hello", stdout: "-dash"},
		{line: "--cluster x.json --timeout 1s get /hello", stdout: "-dash"},
		{line: "rm --version 0 /hello/empty"},
		{line: "create /hello/a/b", code: exitNotFound, stderr: "`eyrie volery create /hello/a`"},
		{line: "create /hello", code: exitRefused, stderr: "`eyrie volery set /hello VALUE`"},
		{line: "create hello", code: exitUsage, stderr: "begin with a slash: /hello"},
		{line: "create /hello/", code: exitUsage, stderr: "no slash at the end"},
		{line: "get /none", code: exitNotFound, stderr: "no such node"},
		{line: "get none", code: exitUsage, stderr: "begin with a slash: /none"},
		{line: "stat /none --cluster c.json", code: exitNotFound, stderr: "`eyrie volery ls / --cluster c.json`"},
		{line: "set /none x", code: exitNotFound},
		{line: "set /hello x --version 7", code: exitRefused, stderr: "not 7"},
		{line: "rm /", code: exitRefused, stderr: "root"},
		{line: "rm -r /", code: exitRefused, stderr: "root"},
		{line: "create /hello/child"},
		{line: "create /hello/child/grand"},
		{line: "rm /hello", code: exitRefused, stderr: "`eyrie volery rm -r /hello`"},
		{line: "rm -r --version 2 /hello", code: exitUsage, stderr: "no version"},
		{line: "rm /hello -r"},
		{line: "ls"},
		{line: "set / @/no/such/file", code: exitFailed, stderr: "names a file"},
		{line: "set / -", stdin: strings.Repeat("x", volery.MaxValue+1), code: exitRefused, stderr: "1.0 MiB"},
		{line: "set / x --version -2", code: exitUsage},
	})
}

func TestVoleryUsage(t *testing.T) {
	s := newShell(t)
	s.steps([]step{
		{line: "", code: exitUsage, stderr: "Usage: eyrie volery COMMAND"},
		{line: "mkdir /a", code: exitUsage, stderr: `no command "mkdir"`},
		{line: "get", code: exitUsage, stderr: "Usage: eyrie volery get PATH"},
		{line: "get /a /b", code: exitUsage, stderr: "2 arguments"},
		{line: "get --what /a", code: exitUsage, stderr: "what"},
		{line: "ls -r /", code: exitUsage, stderr: "-r"},
		{line: "import . /x --window -1", code: exitUsage},
	})
	for _, c := range newVolery().commands {
		if code, out, _ := s.run("", c.name, "--help"); code != 0 || !strings.Contains(out, "Usage: eyrie volery "+c.name) {
			t.Errorf("%s --help: %d %q", c.name, code, out)
		}
	}
	if code, out, _ := s.run("", "--help"); code != 0 || !strings.Contains(out, "import DIR PATH") {
		t.Errorf("--help: %d %q", code, out)
	}
}

func TestVoleryJSON(t *testing.T) {
	s := newShell(t)
	s.steps([]step{{line: "create /a text"}})
	decode := func(line string) map[string]any {
		t.Helper()
		code, out, errs := s.run("", strings.Fields(line)...)
		var doc map[string]any
		if err := json.Unmarshal([]byte(out+errs), &doc); err != nil {
			t.Fatalf("%s: %d %q %q: %v", line, code, out, errs, err)
		}
		return doc
	}
	if doc := decode("get /a --json"); doc["text"] != "text" || doc["data"] != "dGV4dA==" || doc["stat"].(map[string]any)["data_length"] != 4.0 {
		t.Error(doc)
	}
	if doc := decode("ls --json /a"); fmt.Sprint(doc["children"]) != "[]" {
		t.Error(doc)
	}
	if doc := decode("set --json /a x"); doc["stat"].(map[string]any)["version"] != 1.0 {
		t.Error(doc)
	}
	if doc := decode("stat --json /a"); !strings.HasPrefix(doc["stat"].(map[string]any)["mtime"].(string), "20") {
		t.Error(doc)
	}
	if doc := decode("get --json /none"); doc["exit"] != 3.0 {
		t.Error(doc)
	}
	if doc := decode("rm --json /a"); doc["removed"] != 1.0 {
		t.Error(doc)
	}
}

func TestVoleryImportExport(t *testing.T) {
	s := newShell(t)
	src, dst := t.TempDir(), filepath.Join(t.TempDir(), "out")
	if err := os.MkdirAll(filepath.Join(src, "d", "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(src, "d", "100%"), []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.steps([]step{
		{line: "import " + src + " /none/t", code: exitNotFound, stderr: "`eyrie volery create /none`"},
		{line: "import " + src + " /t"},
		{line: "import " + src + " /t"},
		{line: "get /t/d/100%25", stdout: "content"},
		{line: "export /t " + dst},
		{line: "export /t " + dst, code: exitRefused, stderr: "--overwrite"},
		{line: "export --overwrite /t " + dst},
		{line: "export /t/d/100%25 " + dst + "x", code: exitRefused, stderr: "`eyrie volery get /t/d/100%25`"},
		{line: "set /t/d/100%25 other"},
		{line: "import " + src + " /t", code: exitRefused, stderr: "--overwrite"},
		{line: "import /no/such/directory /t", code: exitFailed, stderr: "no such file"},
	})
	if got, err := os.ReadFile(filepath.Join(dst, "d", "100%")); err != nil || string(got) != "content" {
		t.Error(string(got), err)
	}
	code, out, _ := s.run("", "import", "--json", "--overwrite", src, "/t")
	if want := `"files":1`; code != 0 || !strings.Contains(out, want) {
		t.Error(code, out)
	}
}

func TestVoleryUnreachableAndUnknown(t *testing.T) {
	s := newShell(t)
	s.dialErr = fmt.Errorf("%w: nobody answers", ssmr.ErrUnavailable)
	s.steps([]step{{line: "get /a", code: exitUnreachable, stderr: "`eyrie status`"}})
	// A missing file is a wrong use, and says what to do.
	var out, errs bytes.Buffer
	e := env{stdin: strings.NewReader(""), stdout: &out, stderr: &errs}
	if code := runVolery(context.Background(), e, []string{"ls", "--cluster", filepath.Join(t.TempDir(), "eyrie.json")}); code != exitUsage || !strings.Contains(errs.String(), "eyrie up") {
		t.Errorf("no file: %d %q", code, errs.String())
	}
	for _, row := range []struct {
		command string
		want    int
	}{{"set", exitUnknown}, {"create", exitUnknown}, {"get", exitUnreachable}} {
		for _, c := range newVolery().commands {
			if c.name != row.command {
				continue
			}
			v := newVolery()
			v.command, v.args = &c, []string{"/a", "x"}
			err := &volery.Error{Op: "x", Path: "/a", Err: fmt.Errorf("%w: %w", ssmr.ErrOutcomeUnknown, context.DeadlineExceeded)}
			if code := v.code(err); code != row.want {
				t.Errorf("%s unanswered: %d, want %d", row.command, code, row.want)
			}
			if hint := v.hint(err, v.code(err)); hint == "" {
				t.Errorf("%s unanswered: no hint", row.command)
			}
			var said bytes.Buffer
			v.stderr = &said
			if v.fail(err); strings.Contains(said.String(), "may not have been executed") != (row.want == exitUnknown) {
				t.Errorf("%s unanswered: %s", row.command, &said)
			}
		}
	}
}
