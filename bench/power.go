package bench

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// Power measures what section 5.5 of the dissertation shows in figures 5.1 and
// 5.2: the highest throughput, and the latency at the load with the highest
// power (throughput over latency), as one group has more destinations, and as
// there are more groups. args are flags (see -help); it returns an exit status.
func Power(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return PowerBeside(ctx, args, stdout, stderr)
}

// PowerBeside is Power with more contenders.
func PowerBeside(ctx context.Context, args []string, stdout, stderr io.Writer, peers ...Contender) int {
	m := loads{vary: []string{"replicas", "groups"}, sizes: []int{200, 8000, 64_000}, replicas: []int{3, 4, 6, 10}, groups: []int{1, 2, 4, 8}}
	d := defaults()
	d.rounds, d.warm, d.window = 3, 300*time.Millisecond, time.Second
	d.outstanding, d.own = []int{1, 4, 16, 64, 256, 1024}, m.flags
	s, err := parse("power", args, stderr, d)
	if err != nil {
		return 2
	}
	p := &Plan{
		Bench:      "power",
		Title:      "power: groups and the client in one process over loopback TCP, in memory; rising load",
		Contenders: append(own(), peers...),
		Cases:      m.cases(s),
		Modules:    peerModules,
		Tables:     []Table{WritePower},
	}
	return execute(ctx, p, s, stdout, stderr)
}

// loads are the cases of a sweep of the load.
type loads struct {
	vary                    []string
	sizes, replicas, groups []int
}

func (m *loads) flags(f *flag.FlagSet) {
	f.Var(words{&m.vary, "replicas groups"}, "vary", "what varies, separated by commas: replicas (of one group; beyond 3 they only learn), groups (of 3 replicas)")
	f.Var((*numbers)(&m.sizes), "sizes", "bytes of a value")
	f.Var((*numbers)(&m.replicas), "replicas", "replicas of the one group: the destinations of every message")
	f.Var((*numbers)(&m.groups), "groups", "groups; every message has one as destination")
}

// mostUnderWay bounds the bytes of all operations outstanding.
const mostUnderWay = 16 << 20

func (m *loads) cases(s settings) (cs []Case) {
	sweep := func(c Case) {
		for _, c.Outstanding = range s.outstanding {
			if c.Outstanding*c.Size <= mostUnderWay && !slices.Contains(cs, c) {
				cs = append(cs, c)
			}
		}
	}
	for _, size := range m.sizes {
		if slices.Contains(m.vary, "replicas") {
			for _, n := range m.replicas {
				sweep(Case{Partitions: 1, Replicas: n, Size: size})
			}
		}
		if slices.Contains(m.vary, "groups") {
			for _, n := range m.groups {
				sweep(Case{Partitions: n, Replicas: 3, Size: size})
			}
		}
	}
	return cs
}

// Peak is what a sweep of the load found of one contender.
type Peak struct {
	Most  Summary // the highest throughput
	Power Summary // the highest throughput over mean latency
}

// Peaks takes the summaries that differ in nothing but the operations
// outstanding together, in order of first appearance.
func Peaks(sums []Summary) []Peak {
	var keys []Point
	groups := make(map[Point][]Summary)
	for _, s := range sums {
		k := s.identity()
		k.Outstanding = 0
		if s.OpsPerS == 0 || s.Mean == 0 {
			continue
		}
		if groups[k] == nil {
			keys = append(keys, k)
		}
		groups[k] = append(groups[k], s)
	}
	var out []Peak
	for _, k := range keys {
		out = append(out, Peak{
			Most:  slices.MaxFunc(groups[k], func(a, b Summary) int { return cmp.Compare(a.OpsPerS, b.OpsPerS) }),
			Power: slices.MaxFunc(groups[k], func(a, b Summary) int { return cmp.Compare(a.OpsPerS/a.Mean, b.OpsPerS/b.Mean) }),
		})
	}
	return out
}

// megabits is a throughput in Mbit/s of payload.
func megabits(s Summary) float64 { return s.OpsPerS * float64(s.SizeBytes) * 8 / 1e6 }

// WritePower writes the peaks for people.
func WritePower(w io.Writer, sums []Summary) error {
	fmt.Fprint(w, "highest throughput; and at the load with the highest power (throughput over mean latency), throughput and latency:\n\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "size\tgroups\treplicas\tsystem\tmost: ops/s\tMbit/s\tat outst.\tpower: outst.\tops/s\tmean\tp50\tp95\tCPU s/1000\t")
	for _, p := range Peaks(sums) {
		m, b := p.Most, p.Power
		fmt.Fprintf(t, "%d B\t%d\t%d\t%s\t%s\t%.0f\t%d\t%d\t%s\t%s\t%s\t%s\t%.4f\t\n", m.SizeBytes, m.Partitions, m.Replicas, m.name(),
			Digits(m.OpsPerS), megabits(m), m.Outstanding, b.Outstanding, Digits(b.OpsPerS), micros(b.Mean), micros(b.P50), micros(b.P95), b.CPU)
	}
	return t.Flush()
}
