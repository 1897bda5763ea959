package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestScenarioTable: every test that docs/scenarios.md names exists in the
// package it is said to be in, and each of the 72 scenarios has a line.
func TestScenarioTable(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	doc, err := os.ReadFile(filepath.Join(root, "docs", "scenarios.md"))
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`^\| (\d+) \|.*\| (.*) \|$`)
	word := regexp.MustCompile(`[a-z][a-z0-9/]*|(?:Test|Fuzz)\w+`)
	sources := map[string]string{}
	lines := 0
	for line := range strings.Lines(string(doc)) {
		m := row.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		lines++
		if m[1] != fmt.Sprint(lines) {
			t.Errorf("scenario %s is line %d", m[1], lines)
		}
		pkg := ""
		for _, w := range word.FindAllString(m[2], -1) {
			if !strings.HasPrefix(w, "Test") && !strings.HasPrefix(w, "Fuzz") {
				if info, err := os.Stat(filepath.Join(root, w)); err == nil && info.IsDir() {
					pkg = w
				}
				continue
			}
			if _, ok := sources[pkg]; !ok {
				sources[pkg] = testSources(t, filepath.Join(root, pkg))
			}
			if !strings.Contains(sources[pkg], "\nfunc "+w+"(") {
				t.Errorf("scenario %s: package %s has no %s", m[1], pkg, w)
			}
		}
	}
	if lines != 72 {
		t.Errorf("%d scenarios, want 72", lines)
	}
}

func testSources(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	return all.String()
}
