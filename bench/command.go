package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"time"
)

// settings are what the flags of every bench say.
type settings struct {
	json, quick  bool
	workers      bool
	rounds, size int
	warm, window time.Duration
	outstanding  []int
	only         string
	cpu, allocs  string
}

// parse reads flags; the error has been printed.
func parse(name string, args []string, stderr io.Writer, s settings) (settings, error) {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(stderr)
	f.BoolVar(&s.json, "json", false, "write one JSON object a line instead of a table")
	f.BoolVar(&s.quick, "quick", false, "bound the whole run to two minutes")
	f.IntVar(&s.rounds, "rounds", s.rounds, "rounds; medians are quoted")
	f.IntVar(&s.size, "size", s.size, "bytes of a value")
	f.DurationVar(&s.warm, "warm", s.warm, "warm-up of each turn")
	f.DurationVar(&s.window, "window", s.window, "measured window of each turn")
	f.BoolVar(&s.workers, "workers", false, "let a goroutine wait for each operation, instead of one that is called back")
	f.StringVar(&s.only, "only", "", "measure only these systems, separated by commas (eyrie, floor, ...)")
	f.StringVar(&s.cpu, "cpuprofile", "", "write a CPU profile of the whole run to this file")
	f.StringVar(&s.allocs, "allocprofile", "", "write a profile of all allocations to this file")
	out := f.String("outstanding", join(s.outstanding), "operations in flight, separated by commas")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	s.outstanding = nil
	for _, w := range strings.Split(*out, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(w))
		if err != nil || n < 1 || n > 1<<20 {
			fmt.Fprintf(stderr, "%s: -outstanding: %q is not a number from 1 to %d\n", name, w, 1<<20)
			return s, flag.ErrHelp
		}
		s.outstanding = append(s.outstanding, n)
	}
	if f.NArg() > 0 || s.rounds < 1 || s.size < 1 || s.warm < 0 || s.window <= 0 {
		fmt.Fprintf(stderr, "%s: want flags only, and positive numbers\n", name)
		return s, flag.ErrHelp
	}
	return s, nil
}

func join(ns []int) string {
	var w []string
	for _, n := range ns {
		w = append(w, strconv.Itoa(n))
	}
	return strings.Join(w, ",")
}

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
		p.quicken()
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, quickLimit)
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
	fmt.Fprintf(words, "%s\n%s%d rounds; each turn warms up for %v and measures %v; medians\n\n",
		p.Title, Machine(p.Modules...), p.Rounds, p.Phases.Warm.Round(time.Millisecond), p.Phases.Measure.Round(time.Millisecond))
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
		fmt.Fprintf(stderr, "round %d/%d  %3.0f %% multi  %4d outstanding  %-20s %8s/s\n", pt.Round, p.Rounds,
			100*pt.MultiShare, pt.Outstanding, Contender{System: pt.System, Variant: pt.Variant}, count(pt.OpsPerS))
	})
	if err != nil {
		status = 1
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("stopped after %v; figures are of the turns so far", quickLimit)
		}
		fmt.Fprintln(stderr, err)
	}
	if err := WriteTable(words, Summarize(points), p.Reference); err != nil {
		return 1
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
