package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"time"
)

// execute runs the plan as the settings say, and returns an exit status: 1 if
// anything failed or any operation ended in an error.
func execute(ctx context.Context, p *Plan, s settings, stdout, stderr io.Writer) int {
	if s.workers { // another bench, since a line of JSON has no other place for it
		p.Bench += "-workers"
		p.Title += ", a goroutine waiting for each"
		for i := range p.Cases {
			p.Cases[i].Workers = true
		}
	}
	p.Rounds, p.Phases = s.rounds, Phases{Warm: s.warm, Measure: s.window, Drain: 5 * time.Second}
	if s.only != "" {
		p.Contenders = keep(p.Contenders, strings.Split(s.only, ","))
	}
	if len(p.Contenders) == 0 {
		fmt.Fprintf(stderr, "no system is called %s\n", s.only)
		return 2
	}
	if s.quick {
		p.quicken(s.budget * 4 / 5)
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, s.budget, fmt.Errorf("stopped after %v; figures are of the turns so far", s.budget))
		defer cancel()
	}
	stop, err := profile(s)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	defer stop()
	return p.report(ctx, s.json, stdout, stderr)
}

// report runs the plan and writes what comes. People's words go to standard
// error when standard output is for JSON.
func (p *Plan) report(ctx context.Context, asJSON bool, stdout, stderr io.Writer) int {
	words := stdout
	if asJSON {
		words = stderr
	}
	fmt.Fprintf(words, "%s\n%s%s%d rounds; each turn warms up for %v and measures %v; medians\n\n",
		p.Title, p.Disk, Machine(p.Modules...), p.Rounds, p.Phases.Warm.Round(time.Millisecond), p.Phases.Measure.Round(time.Millisecond))
	var points []Point
	status := 0
	err := p.Run(ctx, func(pt Point) {
		points = append(points, pt)
		if pt.Errors > 0 {
			status = 1
		}
		if asJSON {
			if pt.WriteJSON(stdout) != nil {
				status = 1
			}
			return
		}
		fmt.Fprintf(stderr, "round %d/%d  %s  %-20s %8s/s\n", pt.Round, p.Rounds, pt.place(), pt.name(), Digits(pt.OpsPerS))
	})
	if err != nil {
		status = 1
		fmt.Fprintln(stderr, context.Cause(ctx))
	}
	sums := Summarize(points)
	if err := WriteTable(words, sums, p.References...); err != nil {
		return 1
	}
	for _, table := range p.Tables {
		fmt.Fprintln(words)
		if err := table(words, sums); err != nil {
			return 1
		}
	}
	return status
}

// keep filters contenders by name: "system variant" names one, and "system" the
// one without variant or, if there is none, all of the system.
func keep(cs []Contender, names []string) []Contender {
	var out []Contender
	for _, n := range names {
		exact := slices.ContainsFunc(cs, func(c Contender) bool { return c.String() == n })
		for _, c := range cs {
			if c.String() == n || !exact && c.System == n {
				out = append(out, c)
			}
		}
	}
	return out
}

// profile starts the profiles that were asked for; stop writes them.
func profile(s settings) (stop func(), err error) {
	var cpu *os.File
	if s.allocs != "" {
		runtime.MemProfileRate = 16 << 10
	}
	if s.cpu != "" {
		if cpu, err = os.Create(s.cpu); err != nil {
			return nil, err
		}
		if err = pprof.StartCPUProfile(cpu); err != nil {
			return nil, errors.Join(err, cpu.Close())
		}
	}
	return func() {
		if cpu != nil {
			pprof.StopCPUProfile()
			cpu.Close()
		}
		if s.allocs == "" {
			return
		}
		if f, err := os.Create(s.allocs); err == nil {
			pprof.Lookup("allocs").WriteTo(f, 0)
			f.Close()
		}
	}, nil
}
