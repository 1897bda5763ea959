package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/eyrie-dev/eyrie/bench"
	"github.com/eyrie-dev/eyrie/bench/scale"
)

// helpBench says what a bench is about, and its flags.
func helpBench(ctx context.Context, e env, b bench.Bench) int {
	var flags bytes.Buffer
	b.Run(ctx, []string{"--help"}, &flags, &flags)
	_, list, _ := strings.Cut(flags.String(), "\n") // the flag package's title
	fmt.Fprintf(e.stdout, "Usage: eyrie bench %s [flags]\n\nMeasures %s.\ndocs/benchmarks/README.md says how, and has figures.\n\nFlags:\n%s", b.Name, b.Short, list)
	return exitOK
}

// runBench measures.
func runBench(ctx context.Context, e env, args []string) int {
	benches := append(bench.Benches(), scale.Bench)
	if len(args) > 0 {
		for _, b := range benches {
			if b.Name == args[0] {
				if slices.ContainsFunc(args[1:], isHelp) {
					return helpBench(ctx, e, b)
				}
				return b.Run(ctx, args[1:], e.stdout, e.stderr)
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
		fmt.Fprintf(w, "  %-8s %s\n", b.Name, b.Short)
	}
	fmt.Fprintf(w, "\nBeside peers: cd bench/peers && go run . order\n")
	return code
}
