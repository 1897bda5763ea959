// Command table hunts the bugs of the bank and writes docs/bugbank.md: for each
// how many seeds the simulation needed, and which rule noticed it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/eyrie-dev/eyrie/internal/simtest/bugbank"
)

func main() {
	runs := flag.Int("runs", 500, "most seeds for each bug")
	parallel := flag.Int("parallel", 2, "bugs hunted at once")
	only := flag.String("only", "", "hunt only bugs whose name contains this, and write nothing")
	missing := flag.Bool("missing", false, "hunt only bugs of which the page has no row, and add theirs")
	flag.Parse()
	if err := write(*runs, *parallel, *only, *missing); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(runs, parallel int, only string, missing bool) error {
	root, err := bugbank.Root()
	if err != nil {
		return err
	}
	bugs, err := bugbank.Load(filepath.Join(root, "internal/simtest/testdata/bugs"))
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "bugbank")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	page := filepath.Join(root, "docs/bugbank.md")
	lines, intro := make([]string, len(bugs)), head(runs)
	if missing {
		if intro, err = read(page, bugs, lines); err != nil {
			return err
		}
	}
	var wg sync.WaitGroup
	turn := make(chan struct{}, parallel)
	for i := range bugs {
		if lines[i] != "" || !strings.Contains(bugs[i].Name, only) {
			continue
		}
		wg.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			lines[i] = hunt(&bugs[i], root, tmp, runs)
			fmt.Println(lines[i])
		})
	}
	wg.Wait()
	if only != "" {
		return nil
	}
	return os.WriteFile(page, []byte(intro+strings.Join(lines, "\n")+"\n"), 0o666)
}

// read takes the rows of bugs that the page has, and what it begins with.
func read(page string, bugs []bugbank.Bug, lines []string) (intro string, err error) {
	b, err := os.ReadFile(page)
	if err != nil {
		return "", err
	}
	intro, rows, _ := strings.Cut(string(b), rule)
	for row := range strings.Lines(rows) {
		for i := range bugs {
			if strings.HasPrefix(row, "| "+bugs[i].Name+" | ") {
				lines[i] = strings.TrimSuffix(row, "\n")
			}
		}
	}
	return intro + rule, nil
}

// rule ends the head of the table.
const rule = "| --- | --- | --- | --- | --- |\n"

func hunt(b *bugbank.Bug, root, tmp string, runs int) string {
	f, err := b.Notice(context.Background(), root, tmp, runs)
	seeds, by := fmt.Sprint(f.Runs), f.Rule
	switch {
	case err != nil:
		seeds, by = "-", strings.SplitN(err.Error(), "\n", 2)[0]
	case f.Test:
		seeds, by = "-", fmt.Sprintf("not in %d seeds; %s", runs, by)
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s |", b.Name, b.Title, b.Mark, seeds, by)
}

func head(runs int) string {
	return fmt.Sprintf(`# The bank of deliberate bugs

Each line is a bug that was put into the source on purpose (internal/simtest/testdata/bugs), laid over it by
`+"`go build -overlay`"+`. The general simulation, not a test written for the bug, was then run from seed 1 until a
check failed, at most %d seeds, or as many as the last column says. Where no seed noticed it, that names a test that does, which was run
with the bug in the source. This page is written by `+"`go run ./internal/simtest/bugbank/table`"+`; -missing adds what is not in it.

| bug | what it does | breaks | seeds needed | noticed by |
`+rule, runs)
}
