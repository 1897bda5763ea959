package bugbank

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var (
	allFlag  = flag.Bool("bugs.all", false, "hunt every bug of the bank")
	runsFlag = flag.Int("bugs.runs", 500, "most seeds for each bug")
)

func load(t *testing.T) (root string, bugs []Bug) {
	t.Helper()
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	bugs, err = Load(filepath.Join(root, "internal/simtest/testdata/bugs"))
	if err != nil {
		t.Fatal(err)
	}
	return root, bugs
}

// The page says of every bug who noticed it.
func TestEveryBugIsOnThePage(t *testing.T) {
	root, bugs := load(t)
	page, err := os.ReadFile(filepath.Join(root, "docs/bugbank.md"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range bugs {
		if !strings.Contains(string(page), "\n| "+bugs[i].Name+" | ") {
			t.Errorf("docs/bugbank.md has no row of %s: go run ./internal/simtest/bugbank/table -missing", bugs[i].Name)
		}
	}
}

// A bug that no longer applies proves nothing: write it anew.
func TestEveryBugApplies(t *testing.T) {
	root, bugs := load(t)
	tmp := t.TempDir()
	if len(bugs) < 20 {
		t.Errorf("only %d bugs", len(bugs))
	}
	for i := range bugs {
		if err := bugs[i].Applies(root); err != nil {
			t.Error(err)
		} else if *allFlag {
			if err := bugs[i].Compiles(t.Context(), root, tmp); err != nil {
				t.Error(err)
			}
		}
	}
}

// few are hunted in every run of the tests; they take a few seeds each.
var few = []string{"dedup-off", "early-value", "error-keeps-writes", "client-timestamps"}

func TestBugsAreNoticed(t *testing.T) {
	if testing.Short() {
		t.Skip("builds binaries; not in short mode")
	}
	root, bugs := load(t)
	tmp := t.TempDir()
	for i := range bugs {
		b := &bugs[i]
		if !*allFlag && !strings.Contains(strings.Join(few, " "), b.Name) {
			continue
		}
		t.Run(b.Name, func(t *testing.T) {
			f, err := b.Notice(t.Context(), root, tmp, *runsFlag)
			if err != nil {
				t.Fatalf("%s: %v in %d seeds", b.Title, err, f.Runs)
			}
			t.Logf("%d seeds, %.1f s, noticed by %s", f.Runs, f.Seconds, f.Rule)
		})
	}
}

func TestParse(t *testing.T) {
	good := "title: t\nmark: m\nfile: f.go\n--- old\na\n\tb\n--- new\nc\n--- end\n"
	b, err := parse("x", good)
	if err != nil || b.Title != "t" || b.Mark != "m" || len(b.Edits) != 1 || b.Edits[0] != (Edit{"f.go", "a\n\tb", "c"}) {
		t.Errorf("%+v, %v", b, err)
	}
	for _, bad := range []string{
		"", "title: t\nmark: m\n", "title: t\nfile: f\n--- old\na\n--- new\nb\n--- end\n",
		strings.Replace(good, "--- end\n", "", 1), strings.Replace(good, "file: f.go\n", "", 1),
		strings.Replace(good, "c\n", "a\n\tb\n", 1), good + "what\n", good + "test: TestOfNoPackage\n",
	} {
		if _, err := parse("x", bad); err == nil {
			t.Errorf("accepted: %q", bad)
		}
	}
}
