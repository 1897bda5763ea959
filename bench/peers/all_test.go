package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every part's flags are those of its bench. A part whose bench there is not is
// left out.
func TestParts(t *testing.T) {
	for _, p := range parts {
		run := find(p.bench)
		if run == nil {
			continue
		}
		for _, quick := range []bool{false, true} {
			var out, words bytes.Buffer
			bad, says := []string{"-rounds", "0"}, "positive numbers" // refused after all else was read
			switch p.bench {
			case "scale":
				bad, says = []string{"-cores", "0"}, "can be modelled"
			case "soak": // has no rounds
				bad = []string{"-outstanding", "0"}
			case "rejoin":
				bad, says = []string{"-outstanding", "0"}, "sensible numbers"
			}
			args := append(append([]string{}, p.flags(quick)...), bad...)
			if status := run(t.Context(), args, &out, &words); status != 2 || !strings.Contains(words.String(), says) {
				t.Errorf("%s %s: status %d: %s", p.bench, strings.Join(args, " "), status, words.String())
			}
		}
	}
}

// The page holds every part that has results, its command, and its figure.
func TestPage(t *testing.T) {
	dir := t.TempDir()
	for _, p := range []string{"order", "broadcast"} {
		if err := os.WriteFile(filepath.Join(dir, p+".txt"), []byte("table of "+p+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	line := `{"bench":"power","system":"ridge","partitions":1,"replicas":3,"size_bytes":200,"outstanding":1,"ops_per_s":100,"mean_us":10,"p95_us":20}` + "\n"
	if err := os.WriteFile(filepath.Join(dir, "broadcast.json"), []byte(line), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := draw(dir); err != nil {
		t.Fatal(err)
	}
	if err := page(dir, true); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"quick run", "table of order", "table of broadcast", "go run . all -quick -only broadcast", "](figure-5.1.svg)"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%q is not in the page:\n%s", want, b)
		}
	}
	if strings.Contains(string(b), "figure-5.2") || strings.Contains(string(b), "sweep") {
		t.Errorf("the page has what has no results:\n%s", b)
	}
}
