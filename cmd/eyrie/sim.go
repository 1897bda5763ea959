package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/eyrie-dev/eyrie/internal/simtest"
)

// runSim simulates clusters under faults and checks every reply.
func runSim(ctx context.Context, e env, args []string) int {
	fs := flags(e, "sim", "[flags]", `Simulates whole clusters, one for each seed, under crashes, cuts, loss,
duplication, reordering and wrong clocks, and checks the linearizability of
every reply and the protocols' invariants. The same seed is the same run. A
failure prints how to repeat it, and the exit code is 1.`)
	runs := fs.Int("runs", 100, "number of runs")
	seed := fs.Uint64("seed", 1, "seed of the first run; the others take the seeds after it")
	parallel := fs.Int("parallel", runtime.NumCPU(), "runs at a time")
	keepOn := fs.Bool("keep-going", false, "go on after a failure")
	asJSON := fs.Bool("json", false, "print the summary as JSON")
	if code, ok := parse(fs, e, args, 0); !ok {
		return code
	}
	if *runs < 1 || *parallel < 1 {
		return fail(e, "sim", exitUsage, errors.New("--runs and --parallel must be at least 1"))
	}
	last, begin := time.Now(), time.Now()
	progress := func(done int, _ simtest.Report, err error) {
		if !*asJSON && time.Since(last) > 2*time.Second && err == nil {
			last = time.Now()
			left := time.Since(begin) * time.Duration(*runs-done) / time.Duration(done)
			fmt.Fprintf(e.stderr, "%d of %d runs, about %v left\n", done, *runs, left.Round(time.Second))
		}
	}
	s := simtest.RunMany(ctx, *seed, *runs, *parallel, *keepOn, simtest.Options{}, progress)
	if *asJSON {
		printJSON(e.stdout, s)
	} else {
		for _, f := range s.Failures {
			fmt.Fprintf(e.stdout, "%v\n\n", f)
		}
		fmt.Fprint(e.stdout, &s)
	}
	if len(s.Failures) == 0 && ctx.Err() != nil {
		return fail(e, "sim", exitFailed, fmt.Errorf("interrupted after %d of %d runs", s.Runs, *runs))
	}
	if len(s.Failures) > 0 || s.Runs < *runs {
		return exitFailed
	}
	return exitOK
}
