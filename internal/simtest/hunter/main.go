// Command hunter runs seeds of the simulation until one fails, and prints what
// it took as one line of JSON. The bug bank builds it with a deliberate bug
// laid over the source.
package main

import (
	"encoding/json"
	"errors"
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
	var out struct {
		Runs    int
		Rule    string
		Error   string
		Seconds float64
	}
	for i := range *n {
		out.Runs++
		_, err := simtest.Run(*first+uint64(i), simtest.Options{})
		var f *simtest.Failure
		// A run that proves nothing notices nothing.
		if errors.As(err, &f) && f.Rule() != "vacuous" {
			out.Rule, out.Error = f.Rule(), f.Err.Error()
			break
		}
	}
	out.Seconds = time.Since(begin).Seconds()
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		os.Exit(1)
	}
}
