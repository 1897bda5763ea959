package bench

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// Latency measures both deliveries of Ridge at clients in a place of their own,
// at shares of the highest load: figure 5.3 of the dissertation. args are flags
// (see -help); it returns an exit status.
func Latency(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	l := latencies{in: []string{"one", "merged", "mixed"}, loads: shareList{1, 0.1, 0.25, 0.5, 0.75}, delays: []string{"0", "500us"}, clients: proposers}
	d := defaults()
	d.rounds, d.warm, d.window = 3, 500*time.Millisecond, 2*time.Second
	d.outstanding, d.own = []int{256}, l.flags
	s, err := parse("latency", args, stderr, d)
	if err != nil {
		return 2
	}
	p := &Plan{
		Bench: "latency",
		Title: fmt.Sprintf("latency: groups of 3 replicas and %d clients that propose on the network, in one process over loopback TCP, in memory;\n"+
			"every process and client dials through a proxy that adds the delay, one way", l.clients),
		Contenders: []Contender{
			{System: "ridge", Variant: "optimistic", New: l.early},
			{System: "ridge", Variant: OptimisticAll, New: l.earlyAll},
			{System: "ridge", Variant: "conservative", New: l.late},
		},
		Tables: []Table{WriteLatency},
	}
	for _, c := range l.cases(s) {
		for _, load := range l.loads {
			c.Load = load
			p.Cases = append(p.Cases, c)
		}
	}
	return execute(ctx, p, s, stdout, stderr)
}

// latencies are the cases of Latency.
type latencies struct {
	in     []string
	loads  shareList
	delays []string
	wait   time.Duration

	clients int
}

// OptimisticAll is Latency's variant with copies to all replicas, as in the dissertation.
const OptimisticAll = "optimistic to all"

func (l *latencies) early(c Case) System    { return l.waiting(newEarly(c, false)) }
func (l *latencies) earlyAll(c Case) System { return l.waiting(newEarly(c, true)) }

// waiting is s with the wait that was asked for.
func (l *latencies) waiting(s *earlyRidge) System {
	s.wait, s.clients = l.wait, max(l.clients, 1)
	return s
}

func (l *latencies) late(c Case) System {
	return &Ridge{c: c, remote: true, clients: max(l.clients, 1)}
}

func (l *latencies) flags(f *flag.FlagSet) {
	f.Var(words{&l.in, "one merged mixed"}, "in", "separated by commas: one (group), merged (two groups, single-group messages), mixed (two groups, a tenth of the messages to both)")
	f.Var(&l.loads, "loads", "shares of the highest throughput, which 1 (-outstanding operations at all times) stands for and measures")
	f.IntVar(&l.clients, "clients", l.clients, "proposers, each with connections of its own; one alone makes no mistakes")
	f.DurationVar(&l.wait, "wait", 0, "how long deliveries, and proposals, wait for messages with earlier timestamps; 0: as the delays seen suggest, negative: not at all")
	f.Var(words{&l.delays, allowedDelays}, "delays", "one-way delays, separated by commas")
}

// allowedDelays of benches that add them to the network.
const allowedDelays = "0 100us 250us 500us 1ms 2ms 5ms"

func (l *latencies) cases(s settings) (cs []Case) {
	for _, delay := range l.delays {
		d, _ := time.ParseDuration(delay) // one of those allowed
		for _, n := range s.outstanding {
			for _, in := range l.in {
				c := Case{Partitions: 1, Replicas: 3, Size: s.size, Outstanding: n, Delay: d}
				switch in {
				case "merged":
					c.Partitions = 2
				case "mixed":
					c.Partitions, c.MultiShare = 2, 0.1
				}
				cs = append(cs, c)
			}
		}
	}
	return cs
}

// shareList is a flag's list of shares of the highest load.
type shareList []float64

// Set implements flag.Value. The highest load comes first, since the others
// are shares of what it turns out to be.
func (l *shareList) Set(list string) error {
	*l = shareList{1}
	for w := range strings.SplitSeq(list, ",") {
		v, err := strconv.ParseFloat(strings.TrimSpace(w), 64)
		if err != nil || v <= 0 || v > 1 {
			return fmt.Errorf("%q is not a share above 0, up to 1", w)
		}
		if !slices.Contains(*l, v) {
			*l = append(*l, v)
		}
	}
	return nil
}

// String implements flag.Value.
func (l *shareList) String() string {
	var w []string
	for _, v := range *l {
		w = append(w, strconv.FormatFloat(v, 'g', 3, 64))
	}
	return strings.Join(w, ",")
}

// delays are how many message delays lie between a client and its answers: to
// and from a replica, or by way of the coordinator. Beyond one group there is
// no such count: merging waits for other groups' messages.
const optimisticDelays, conservativeDelays = 2, 3

// WriteLatency writes for people how much earlier the first answer came. Mistakes
// are shares of what was delivered before its order was final, forced of all: with
// copies to one replica of three, the other two have everything forced.
func WriteLatency(w io.Writer, sums []Summary) error {
	fmt.Fprintf(w, "optimistic answers beside conservative ones, and their mistakes. In one group, with nothing but the network's delay,\n"+
		"%d delays instead of %d are %.0f %% less: the cap\n\n", optimisticDelays, conservativeDelays, 100*(1-float64(optimisticDelays)/conservativeDelays))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "groups\tmulti\tdelay\tload\tcopies to\tops/s\topt p50\tp99\tcons p50\tp99\tp50 less\tmistakes\tforced\tagain\tw\toff: p50\tp99\tops/s : off\t")
	for _, s := range sums {
		if s.Optimistic == nil {
			continue
		}
		o := s.Optimistic
		copies := "one"
		if s.Variant == OptimisticAll {
			copies = "all"
		}
		fmt.Fprintf(t, "%d\t%.0f %%\t%s\t%.0f %%\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t", s.Partitions, 100*s.MultiShare, micros(s.DelayUS), 100*s.Load, copies,
			Digits(s.OpsPerS), micros(o.P50), micros(o.P99), micros(s.P50), micros(s.P99), less(o.P50, s.P50),
			percent(o.Mistakes, o.Ahead()), percent(o.Forced, o.Compared), o.Repairs, micros(o.Wait))
		if off, ok := counterpart(sums, s); ok {
			fmt.Fprintf(t, "%s\t%s\t%s\t\n", micros(off.P50), micros(off.P99), ratio(s.OpsPerS, off.OpsPerS))
		} else {
			fmt.Fprint(t, "-\t-\t-\t\n")
		}
	}
	return t.Flush()
}

// counterpart is the same case without optimistic delivery.
func counterpart(sums []Summary, s Summary) (Summary, bool) {
	for _, o := range sums {
		if o.setting() == s.setting() && o.Optimistic == nil && o.OpsPerS > 0 {
			return o, true
		}
	}
	return Summary{}, false
}

func less(a, b float64) string {
	if b <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f %%", 100*(1-a/b))
}

func percent(part, whole uint64) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f %%", 100*float64(part)/float64(whole))
}
