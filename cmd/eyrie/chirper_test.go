package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/eyrie-dev/eyrie/apps"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// chirp runs commands of `eyrie chirper` against a service on one machine.
func chirp(t *testing.T, dialErr error) func(stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	m, err := ssmr.NewMachine(apps.Service)
	if err != nil {
		t.Fatal(err)
	}
	return func(stdin string, args ...string) (int, string, string) {
		t.Helper()
		var out, errs bytes.Buffer
		dial := func(context.Context, string, int) (*ssmr.Client, error) { return m.Client(), dialErr }
		code := newChirper().run(t.Context(), env{stdin: strings.NewReader(stdin), stdout: &out, stderr: &errs}, dial, args)
		return code, out.String(), errs.String()
	}
}

func TestChirperCommands(t *testing.T) {
	dir := t.TempDir()
	edges, bad := filepath.Join(dir, "edges"), filepath.Join(dir, "bad")
	os.WriteFile(edges, []byte("10 11\n11 12\n12 12\n"), 0o644)
	os.WriteFile(bad, []byte("10 11\n11 x\n"), 0o644)
	run := chirp(t, nil)
	post := regexp.MustCompile(`(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  `)
	for _, st := range []struct {
		line   string
		stdin  string
		code   int
		stdout string // times are left out
		stderr string // a part of it
	}{
		{line: "join 1"},
		{line: "join 1", stdout: "1 had joined already\n"},
		{line: "join 2"},
		{line: "post 2 hello"},
		{line: "follow 1 2"},
		{line: "follow 1 2", stdout: "1 followed 2 already\n"},
		{line: "post 2 -", stdin: "two\nlines\n"},
		{line: "timeline 1", stdout: "2: two\n    lines\n2: hello\n"},
		{line: "timeline 1 --ordered -n 1", stdout: "2: two\n    lines\n"},
		{line: "posts 2 -n 1", stdout: "2: two\n    lines\n"},
		{line: "followers 2", stdout: "1\n"},
		{line: "following 1 --json", stdout: `{"following":[2],"user":1}` + "\n"},
		{line: "unfollow 1 2 --optimistic", stderr: "conservative reply after"},
		{line: "unfollow 1 2", stdout: "1 did not follow 2\n"},
		{line: "timeline 1"},
		{line: "refill 2", stdout: "2: two\n    lines\n2: hello\n"},
		{line: "timeline 1 --json", stdout: `{"user":1,"posts":[]}` + "\n"},
		{line: "load " + edges + " --posts 1 -q", stdout: "3 users, 2 edges; new: 3 users, 4 follows, 3 posts; "},
		{line: "load - --posts 1", stdin: "10 11\n11 12\n", stderr: "follows 4 of 4", stdout: "3 users, 2 edges; new: 0 users, 0 follows, 0 posts; "},
		{line: "load --users 20 --degree 4 --json", stdout: `{"users":20,"edges":`},
		{line: "load " + bad, code: exitRefused, stderr: bad + `: line 2: not an edge list: bad user number: "x"`},
		{line: "load " + bad + ".none", code: exitUsage, stderr: "no such file"},
		{line: "load " + edges + " --users 3", code: exitUsage, stderr: "generated graph"},
		{line: "load --users 0", code: exitUsage},
		{line: "load --degree 9223372036854775807", code: exitUsage},
		{line: "load --posts 21", code: exitUsage, stderr: "from 0 to 20"},
		{line: "post 99 x", code: exitNotFound, stderr: "eyrie chirper join"},
		{line: "follow 1 99 --cluster c.json", code: exitNotFound, stderr: "join USER --cluster c.json"},
		{line: "follow 1 1", code: exitRefused, stderr: "themselves"},
		{line: "post 1 two words", code: exitUsage, stderr: "3 arguments given, it takes 2; what has blanks in it needs quotes"},
		{line: "load -", stdin: "\x1f\x8bno gzip", code: exitRefused, stderr: "-: damaged or cut off"},
		{line: "post 1 " + strings.Repeat("x", 141), code: exitRefused, stderr: "141 characters, the limit is 140"},
		{line: "post 1 -", stdin: strings.Repeat("x", 1<<20), code: exitRefused, stderr: "bytes"},
		{line: "post -1 x", code: exitUsage, stderr: `"-1" was taken for a flag. What begins with a dash and is none goes behind --, as in: eyrie chirper post -- "-1"`},
		{line: "post -- -1 x", code: exitUsage, stderr: `"-1" is not`},
		{line: "post 2 -- -1"},
		{line: "timeline 2 -n 1", stdout: "2: -1\n"},
		{line: "timeline x", code: exitUsage, stderr: `"x" is not a number`},
		{line: "timeline 1 --optimistic", code: exitUsage, stderr: "--ordered"},
		{line: "timeline", code: exitUsage, stderr: "0 arguments"},
		{line: "tweet 1 x", code: exitUsage, stderr: `no command "tweet"`},
		{line: "", code: exitUsage, stderr: "Usage: eyrie chirper"},
	} {
		code, out, errs := run(st.stdin, strings.Fields(st.line)...)
		out = post.ReplaceAllString(out, "")
		long := strings.HasPrefix(st.line, "load")
		if code != st.code || !strings.Contains(errs, st.stderr) || !long && out != st.stdout || !strings.HasPrefix(out, st.stdout) ||
			st.stderr == "" && st.code == exitOK && !long && errs != "" {
			t.Errorf("chirper %.100s: %d %q %q, want %d %q ...%q...", st.line, code, out, errs, st.code, st.stdout, st.stderr)
		}
	}
}

func TestChirperJSON(t *testing.T) {
	run := chirp(t, nil)
	run("", "join", "7")
	_, out, _ := run("", "post", "7", "hi", "--json", "--optimistic")
	var r struct {
		Post struct {
			ID, Text, Time string
			Author         int
		}
		Replies struct {
			Conservative *float64 `json:"conservative_ms"`
		}
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || r.Post.Author != 7 || r.Post.Text != "hi" || r.Replies.Conservative == nil {
		t.Error(out, err)
	}
	if code, _, errs := run("", "post", "8", "hi", "--json"); code != exitNotFound || !json.Valid([]byte(errs)) {
		t.Error(code, errs)
	}
}

func TestChirperUnreachable(t *testing.T) {
	if code, _, errs := chirp(t, ssmr.ErrUnavailable)("", "timeline", "1"); code != exitUnreachable || !strings.Contains(errs, "eyrie up") {
		t.Error(code, errs)
	}
}
