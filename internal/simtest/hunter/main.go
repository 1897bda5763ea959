// Command hunter runs seeds of the simulation until one fails, and prints what
// it took as one line of JSON. The bug bank builds it with a deliberate bug
// laid over the source.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"time"

	"github.com/eyrie-dev/eyrie/internal/simtest"
)

func main() {
	first := flag.Uint64("seed", 1, "first seed")
	n := flag.Int("runs", 100, "most seeds to run")
	flag.Parse()
	begin := time.Now()
	s := simtest.RunMany(context.Background(), *first, *n, 1, false, simtest.Options{}, nil)
	out := struct {
		Runs    int
		Rule    string
		Error   string
		Seconds float64
	}{Runs: s.Runs, Seconds: time.Since(begin).Seconds()}
	if len(s.Failures) > 0 {
		out.Rule, out.Error = s.Failures[0].Rule(), s.Failures[0].Err.Error()
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		os.Exit(1)
	}
}
