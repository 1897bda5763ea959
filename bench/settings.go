package bench

import (
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// settings are what the flags of every bench say. A bench gives its defaults;
// flags of its own it adds in own.
type settings struct {
	json, quick  bool
	budget       time.Duration // of a quick run
	workers      bool
	rounds, size int
	warm, window time.Duration
	outstanding  []int
	only         string
	cpu, allocs  string

	own func(*flag.FlagSet)
}

// defaults are the settings of a bench that says nothing else.
func defaults() settings {
	return settings{rounds: 5, size: 100, warm: 700 * time.Millisecond, window: 2500 * time.Millisecond, outstanding: []int{64}}
}

// parse reads flags; the error has been printed.
func parse(name string, args []string, stderr io.Writer, s settings) (settings, error) {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(stderr)
	f.BoolVar(&s.json, "json", false, "write one JSON object a line; the table goes to standard error")
	f.BoolVar(&s.quick, "quick", false, "bound the whole run to -budget")
	f.DurationVar(&s.budget, "budget", quickLimit, "bound of a quick run")
	f.IntVar(&s.rounds, "rounds", s.rounds, "rounds; medians are quoted")
	f.IntVar(&s.size, "size", s.size, "bytes of a value")
	f.DurationVar(&s.warm, "warm", s.warm, "warm-up of each turn")
	f.DurationVar(&s.window, "window", s.window, "measured window of each turn")
	f.BoolVar(&s.workers, "workers", false, "let a goroutine wait for each operation, instead of one that is called back")
	f.StringVar(&s.only, "only", "", "measure only these systems, separated by commas (eyrie, floor, ...)")
	f.StringVar(&s.cpu, "cpuprofile", "", "write a CPU profile of the whole run to this file")
	f.StringVar(&s.allocs, "allocprofile", "", "write a profile of all allocations to this file")
	f.Var((*numbers)(&s.outstanding), "outstanding", "operations in flight, separated by commas")
	if s.own != nil {
		s.own(f)
	}
	if err := f.Parse(args); err != nil {
		return s, err
	}
	if f.NArg() > 0 || s.rounds < 1 || s.size < 1 || s.warm < 0 || s.window <= 0 || s.budget <= 0 {
		what := "it takes positive numbers"
		if f.NArg() > 0 {
			what = fmt.Sprintf("unexpected argument %q: it takes flags alone", f.Arg(0))
		}
		fmt.Fprintf(stderr, "eyrie bench %s: %s; see --help\n", name, what)
		return s, flag.ErrHelp
	}
	return s, nil
}

// numbers is a flag's list of numbers, each from 1 to 2^20.
type numbers []int

// Set implements flag.Value.
func (ns *numbers) Set(list string) error {
	*ns = nil
	for w := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(w))
		if err != nil || n < 1 || n > 1<<20 {
			return fmt.Errorf("%q is not a number from 1 to %d", w, 1<<20)
		}
		*ns = append(*ns, n)
	}
	return nil
}

// String implements flag.Value.
func (ns *numbers) String() string {
	var w []string
	for _, n := range *ns {
		w = append(w, strconv.Itoa(n))
	}
	return strings.Join(w, ",")
}

// words is a flag's list of words, each one of those allowed.
type words struct {
	list    *[]string
	allowed string // separated by blanks
}

// Set implements flag.Value.
func (v words) Set(list string) error {
	*v.list = nil
	for w := range strings.SplitSeq(list, ",") {
		w = strings.TrimSpace(w)
		if !strings.Contains(" "+v.allowed+" ", " "+w+" ") {
			return fmt.Errorf("%q is none of: %s", w, v.allowed)
		}
		*v.list = append(*v.list, w)
	}
	return nil
}

// String implements flag.Value.
func (v words) String() string {
	if v.list == nil {
		return ""
	}
	return strings.Join(*v.list, ",")
}
