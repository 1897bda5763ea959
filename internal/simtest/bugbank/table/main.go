// Command table hunts every bug of the bank and writes docs/bugbank.md: for
// each how many seeds the simulation needed, and which rule noticed it.
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
	flag.Parse()
	if err := write(*runs, *parallel, *only); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(runs, parallel int, only string) error {
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
	lines := make([]string, len(bugs))
	var wg sync.WaitGroup
	turn := make(chan struct{}, parallel)
	for i := range bugs {
		if !strings.Contains(bugs[i].Name, only) {
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
	return os.WriteFile(filepath.Join(root, "docs/bugbank.md"), []byte(head(runs)+strings.Join(lines, "\n")+"\n"), 0o666)
}

func hunt(b *bugbank.Bug, root, tmp string, runs int) string {
	f, err := b.Notice(context.Background(), root, tmp, runs)
	seeds, rule := fmt.Sprint(f.Runs), f.Rule
	switch {
	case err != nil:
		seeds, rule = "-", strings.SplitN(err.Error(), "\n", 2)[0]
	case f.Test:
		seeds, rule = "-", fmt.Sprintf("not in %d seeds; %s", runs, rule)
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s |", b.Name, b.Title, b.Mark, seeds, rule)
}

func head(runs int) string {
	return fmt.Sprintf(`# The bank of deliberate bugs

Each line is a bug that was put into the source on purpose (internal/simtest/testdata/bugs), laid over it by
`+"`go build -overlay`"+`. The general simulation, not a test written for the bug, was then run from seed 1 until a
check failed, at most %d seeds. Where no seed noticed it, the last column names a test that does, which was run with the bug in
the source. This page is written by `+"`go run ./internal/simtest/bugbank/table`"+`.

| bug | what it does | breaks | seeds needed | noticed by |
| --- | --- | --- | --- | --- |
`, runs)
}
