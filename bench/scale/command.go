package scale

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eyrie-dev/eyrie/bench"
)

// Bench is `eyrie bench scale`.
var Bench = bench.Bench{Name: "scale", Short: "model: up to 64 groups and destinations, beside a ring (claims of section 5.4)", Run: Command}

// Command models, or measures what the model needs, as its flags say. The exit
// status is 1 if a claim fails.
func Command(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := DefaultOptions()
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	f := flag.NewFlagSet("scale", flag.ContinueOnError)
	f.SetOutput(stderr)
	asJSON := f.Bool("json", false, "write one JSON object a line; the tables go to standard error")
	f.BoolVar(&o.Quick, "quick", false, "fewer and shorter runs")
	f.Var(list[int]{&o.Groups, strconv.Atoi}, "groups", "numbers of groups, separated by commas")
	f.Var(list[int]{&o.Destinations, strconv.Atoi}, "destinations", "numbers of destinations of one group, separated by commas")
	f.Var(list[float64]{&o.Shares, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) }}, "share", "shares (0 to 1) of messages to two groups, separated by commas")
	only := f.String("only", "", "only the claims whose names contain this")
	bits := f.Float64("bandwidth", 8*o.Link.Bandwidth, "bits per second of a link, each way")
	f.DurationVar(&o.Link.Delay, "delay", o.Link.Delay, "one-way delay")
	f.IntVar(&o.Cores, "cores", o.Cores, "processor cores of each process")
	f.Uint64Var(&o.Seed, "seed", o.Seed, "seed of everything random")
	costs := f.String("costs", "", "use the costs in this file instead of those committed")
	calibrate := f.String("calibrate", "", "measure this machine's costs, write them to this file, and end")
	if f.Parse(args) != nil {
		return 2
	}
	if f.NArg() > 0 {
		fmt.Fprintf(stderr, "scale: want flags only, not %q\n", f.Arg(0))
		return 2
	}
	if *calibrate != "" {
		return calibrateTo(ctx, *calibrate, stdout, stderr)
	}
	o.Link.Bandwidth = *bits / 8
	if *costs != "" {
		if o.Costs, err = ReadCosts(*costs); err != nil {
			fmt.Fprintln(stderr, err)
			return 2
		}
	}
	if o.Quick {
		o.reduce(f)
	}
	if err := o.Validate(); err != nil {
		fmt.Fprintf(stderr, "scale: %v\n", err)
		return 2
	}
	words, lines := stdout, io.Writer(nil)
	if *asJSON {
		words, lines = stderr, stdout
	}
	return o.report(ctx, *only, words, lines)
}

// reduce takes fewer numbers where none were asked for.
func (o *Options) reduce(f *flag.FlagSet) {
	given := map[string]bool{}
	f.Visit(func(x *flag.Flag) { given[x.Name] = true })
	if !given["groups"] {
		o.Groups = []int{1, 4, 16}
	}
	if !given["destinations"] {
		o.Destinations = []int{4, 16, 64}
	}
	if !given["share"] {
		o.Shares = []float64{0, 0.01, 0.1, 1}
	}
}

// report works out the claims and writes what comes.
func (o *Options) report(ctx context.Context, only string, words, lines io.Writer) int {
	o.preface(words)
	l := &lab{Options: *o}
	failed := error(nil)
	if lines != nil {
		l.observe = func(claim string, r Result) {
			if err := writePoint(lines, claim, r); err != nil {
				failed = err
			}
		}
	}
	began, status := time.Now(), 0
	for _, e := range l.experiments() {
		if !strings.Contains(e.name, only) {
			continue
		}
		if ctx.Err() != nil || failed != nil {
			return 1
		}
		l.claim = e.name
		c := e.run()
		c.write(words)
		if !c.Holds() {
			status = 1
		}
	}
	l.summary(words, time.Since(began))
	return status
}

type experiment struct {
	name string
	run  func() *Claim
}

// experiments are all claims in order.
func (l *lab) experiments() []experiment {
	return []experiment{
		{"throughput-64k", func() *Claim { return l.throughputClaim(64 << 10) }},
		{"throughput-8k", func() *Claim { return l.throughputClaim(8 << 10) }},
		{"throughput-200", func() *Claim { return l.throughputClaim(200) }},
		{"latency-delay", l.latencyClaim},
		{"latency-destinations", l.ringClaim},
		{"limits", l.limitsClaim},
		{"groups", l.groupsClaim},
		{"social", l.socialClaim},
		{"share", func() *Claim { return l.shareClaim(min(16, slices.Max(l.Groups))) }},
	}
}

func calibrateTo(ctx context.Context, file string, stdout, stderr io.Writer) int {
	c, err := Calibrate(ctx, func(format string, args ...any) { fmt.Fprintf(stdout, format, args...) })
	if err == nil {
		err = c.WriteFile(file)
	}
	if err != nil {
		fmt.Fprintf(stderr, "scale: %v\n", err)
		return 1
	}
	fmt.Fprintf(stdout, "written to %s\n", file)
	return 0
}

// list is a flag that holds numbers separated by commas.
type list[T any] struct {
	to    *[]T
	parse func(string) (T, error)
}

func (l list[T]) String() string {
	if l.to == nil {
		return ""
	}
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(*l.to), " ", ","), "[]")
}

func (l list[T]) Set(s string) error {
	var out []T
	for w := range strings.SplitSeq(s, ",") {
		v, err := l.parse(strings.TrimSpace(w))
		if err != nil {
			return err
		}
		out = append(out, v)
	}
	*l.to = out
	return nil
}
