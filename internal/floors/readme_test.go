package floors

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The README's service is the compiled and tested example, to the letter.
func TestReadmeShowsTheExample(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("../../ssmr/example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(readme), "```go\n")
	block, _, _ := strings.Cut(rest, "```")
	if !found || !strings.Contains(string(example), strings.TrimSpace(block)) {
		t.Error("the first Go block of README.md is not in ssmr/example_test.go; copy the bank over")
	}
}

// The page about optimistic replies shows an example that is run, to the letter.
func TestOptimisticPageShowsTheExample(t *testing.T) {
	page, err := os.ReadFile("../../docs/optimistic-replies.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("../../ssmr/optimistic_example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "```go\n")
	block, _, _ := strings.Cut(rest, "\n```")
	if !found || !strings.Contains(string(example), "\t"+strings.ReplaceAll(block, "\n", "\n\t")) {
		t.Error("the first Go block of docs/optimistic-replies.md is not in ssmr/optimistic_example_test.go; copy it over")
	}
}

// Links between documents lead somewhere.
func TestDocumentsExist(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range link.FindAllStringSubmatch(string(readme), -1) {
		if _, err := os.Stat("../../" + m[1]); err != nil && !strings.Contains(m[1], "://") {
			t.Errorf("README.md points to %s, which is not there", m[1])
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)\s"]+)\)`)
