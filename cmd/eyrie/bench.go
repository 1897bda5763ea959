package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/eyrie-dev/eyrie/bench"
)

// runBench measures.
func runBench(ctx context.Context, e env, args []string) int {
	benches := []struct {
		name, short string
		run         func(ctx context.Context, args []string, stdout, stderr io.Writer) int
	}{
		{"order", "one partition of three replicas, in memory, by outstanding commands", bench.Order},
		{"sweep", "two partitions, by the share of two-partition commands, with and without convoy", bench.Sweep},
	}
	if len(args) > 0 {
		for _, b := range benches {
			if b.name == args[0] {
				if slices.ContainsFunc(args[1:], isHelp) {
					b.run(ctx, []string{"--help"}, e.stdout, e.stdout)
					return exitOK
				}
				return b.run(ctx, args[1:], e.stdout, e.stderr)
			}
		}
	}
	w, code := e.stderr, exitUsage
	switch {
	case len(args) > 0 && (args[0] == "help" || isHelp(args[0])):
		w, code = e.stdout, exitOK
	case len(args) > 0:
		fmt.Fprintf(e.stderr, "eyrie bench: there is no %q\n\n", args[0])
	}
	fmt.Fprintf(w, "Usage: eyrie bench NAME [flags]; eyrie bench NAME --help says more.\n\n")
	for _, b := range benches {
		fmt.Fprintf(w, "  %-8s %s\n", b.name, b.short)
	}
	fmt.Fprintf(w, "\nBeside peers: cd bench/peers && go run . order\n")
	return code
}
