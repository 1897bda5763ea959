// Package bugbank keeps deliberate bugs: small changes to the source, each
// breaking one rule, that the simulation must notice within a stated number of
// seeds. A suite that a bug escapes is too weak; the suite is then made
// stronger, not given a test for that bug.
//
// A bug is laid over the source by the build (go build -overlay): the cores
// have no switches for it. One whose old text is not found exactly once no
// longer applies, and is an error.
package bugbank

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Bug is one deliberate bug.
type Bug struct {
	Name  string
	Title string
	// Mark names the rule that it breaks, as the design and docs do.
	Mark string
	// Test is, of a bug that seeds hardly notice, one that notices it: its
	// package, a blank, its name.
	Test  string
	Edits []Edit
}

// Edit replaces one text of a file, which must occur once.
type Edit struct {
	File     string // from the module's root
	Old, New string
}

// Load reads all bugs of a directory, by name.
func Load(dir string) ([]Bug, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.bug"))
	if err != nil {
		return nil, err
	}
	slices.Sort(paths)
	var bugs []Bug
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			return nil, err
		}
		b, err := parse(strings.TrimSuffix(filepath.Base(p), ".bug"), string(text))
		if err != nil {
			return nil, err
		}
		bugs = append(bugs, b)
	}
	return bugs, nil
}

// parse reads a bug: lines "title:", "mark:" and maybe "test:", then for each edit "file:",
// "--- old", text, "--- new", text, "--- end". The last newline of a text is
// not part of it, so that it may end within a line.
func parse(name, text string) (Bug, error) {
	b := Bug{Name: name}
	var into *strings.Builder
	var old, repl strings.Builder
	for i, line := range strings.SplitAfter(text, "\n") {
		word := strings.TrimSuffix(line, "\n")
		key, value, _ := strings.Cut(word, ": ")
		switch {
		case word == "--- old":
			old.Reset()
			into = &old
		case word == "--- new" && into == &old:
			repl.Reset()
			into = &repl
		case word == "--- end" && into == &repl:
			into = nil
			if len(b.Edits) == 0 {
				return b, fmt.Errorf("bug %s, line %d: an edit without a file", name, i+1)
			}
			e := &b.Edits[len(b.Edits)-1]
			e.Old, e.New = strings.TrimSuffix(old.String(), "\n"), strings.TrimSuffix(repl.String(), "\n")
		case into != nil:
			into.WriteString(line)
		case key == "title":
			b.Title = value
		case key == "mark":
			b.Mark = value
		case key == "test":
			b.Test = value
		case key == "file":
			b.Edits = append(b.Edits, Edit{File: value})
		case word != "":
			return b, fmt.Errorf("bug %s, line %d: %q", name, i+1, word)
		}
	}
	if b.Title == "" || b.Mark == "" || len(b.Edits) == 0 || into != nil {
		return b, fmt.Errorf("bug %s is not complete", name)
	}
	if b.Test != "" && len(strings.Fields(b.Test)) != 2 {
		return b, fmt.Errorf("bug %s: %q is not a package and a test", name, b.Test)
	}
	for _, e := range b.Edits {
		if e.Old == "" || e.Old == e.New {
			return b, fmt.Errorf("bug %s changes nothing in %s", name, e.File)
		}
	}
	return b, nil
}

// apply makes the changed files, by path from the root.
func (b *Bug) apply(root string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, e := range b.Edits {
		text, ok := files[e.File]
		if !ok {
			var err error
			if text, err = os.ReadFile(filepath.Join(root, e.File)); err != nil {
				return nil, err
			}
		}
		if n := bytes.Count(text, []byte(e.Old)); n != 1 {
			return nil, fmt.Errorf("bug %s no longer applies: its text is %d times in %s", b.Name, n, e.File)
		}
		files[e.File] = bytes.Replace(text, []byte(e.Old), []byte(e.New), 1)
	}
	return files, nil
}

// Applies says whether the bug still fits the source.
func (b *Bug) Applies(root string) error {
	_, err := b.apply(root)
	return err
}

// overlay writes the changed files and their list for the build into tmp.
func (b *Bug) overlay(root, tmp string) (path string, err error) {
	files, err := b.apply(root)
	if err != nil {
		return "", err
	}
	list := struct{ Replace map[string]string }{map[string]string{}}
	for name, text := range files {
		to := filepath.Join(tmp, b.Name+"-"+strings.ReplaceAll(name, "/", "-"))
		if err := os.WriteFile(to, text, 0o666); err != nil {
			return "", err
		}
		list.Replace[filepath.Join(root, name)] = to
	}
	doc, err := json.Marshal(list)
	if err != nil {
		return "", err
	}
	path = filepath.Join(tmp, b.Name+".json")
	return path, os.WriteFile(path, doc, 0o666)
}

// Compiles says whether the source with the bug in it compiles.
func (b *Bug) Compiles(ctx context.Context, root, tmp string) error {
	path, err := b.overlay(root, tmp)
	if err != nil {
		return err
	}
	return b.build(ctx, root, "-overlay", path, "./ridge", "./partition", "./internal/node", "./internal/client")
}

// Build builds the hunter with the bug in it, in the directory tmp.
func (b *Bug) Build(ctx context.Context, root, tmp string) (binary string, err error) {
	path, err := b.overlay(root, tmp)
	if err != nil {
		return "", err
	}
	binary = filepath.Join(tmp, b.Name)
	return binary, b.build(ctx, root, "-overlay", path, "-o", binary, "./internal/simtest/hunter")
}

func (b *Bug) build(ctx context.Context, root string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"build"}, args...)...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("bug %s does not build: %w\n%s", b.Name, err, out)
	}
	return nil
}

// Found is what it took to notice a bug.
type Found struct {
	Runs    int // seeds needed, or all that were run
	Rule    string
	Error   string
	Seconds float64
	Test    bool `json:"-"` // it took the bug's test
}

// ErrEscaped means that no seed noticed a bug.
var ErrEscaped = errors.New("no seed noticed it")

// Hunt runs up to n seeds from first until one notices the bug.
func Hunt(ctx context.Context, binary string, first uint64, n int) (f Found, err error) {
	out, err := exec.CommandContext(ctx, binary, "-seed", strconv.FormatUint(first, 10), "-runs", strconv.Itoa(n)).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) && ctx.Err() == nil {
			// A goroutine stack too deep, a dead end of the runtime: it shows.
			return Found{Runs: n, Rule: "crash", Error: string(exit.Stderr)}, nil
		}
		return f, err
	}
	if err := json.Unmarshal(out, &f); err != nil {
		return f, err
	}
	if f.Rule == "" {
		return f, ErrEscaped
	}
	return f, nil
}

// Notice builds the bug and hunts it with up to n seeds from the first on. Where
// none notices it, its test has to; then Rule is that test, and Runs n.
func (b *Bug) Notice(ctx context.Context, root, tmp string, n int) (Found, error) {
	binary, err := b.Build(ctx, root, tmp)
	if err != nil {
		return Found{}, err
	}
	f, err := Hunt(ctx, binary, 1, n)
	if !errors.Is(err, ErrEscaped) || b.Test == "" {
		return f, err
	}
	if err := b.fails(ctx, root, tmp); err != nil {
		return f, err
	}
	f.Rule = strings.Replace(b.Test, " ", ": ", 1)
	f.Test = true
	return f, nil
}

// fails runs the bug's test with the bug in the source. An error says that it
// does not notice the bug.
func (b *Bug) fails(ctx context.Context, root, tmp string) error {
	path, err := b.overlay(root, tmp)
	if err != nil {
		return err
	}
	pkg, name, _ := strings.Cut(b.Test, " ")
	cmd := exec.CommandContext(ctx, "go", "test", "-overlay", path, "-count", "1", "-timeout", "5m", "-run", "^"+name+"$", "./"+pkg)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return fmt.Errorf("%w, nor %s", ErrEscaped, b.Test)
	case bytes.Contains(out, []byte("--- FAIL: "+name)), bytes.Contains(out, []byte("panic: ")):
		return nil
	}
	return fmt.Errorf("bug %s: %s: %w\n%s", b.Name, b.Test, err, out)
}

// Root is the module's root directory.
func Root() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", err
	}
	return filepath.Dir(strings.TrimSpace(string(out))), nil
}
