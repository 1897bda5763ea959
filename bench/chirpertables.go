package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Names of systems that tables compare with, and of the variants of ours.
const (
	retwisPlain, retwisPipelined, retwisMget, retwisText = "retwis plain", "retwis pipelined", "retwis mget", "retwis text"

	ourSMR, ourTogether, ourBaseline, ourFull = "s-smr", "s-smr together", "baseline", "full"
)

// amid finds a system's summary amid the others: of the same delay, load and
// operations outstanding for each partition.
func amid(sums []Summary, s Summary, name, command string, partitions int, load float64) (none Summary, ok bool) {
	for _, o := range sums {
		if o.name() == name && o.Command == command && o.Partitions == partitions && o.Load == load && o.OpsPerS > 0 &&
			o.DelayUS == s.DelayUS && o.SizeBytes == s.SizeBytes && o.Outstanding*s.Partitions == s.Outstanding*o.Partitions {
			return o, true
		}
	}
	return none, false
}

// onePartition is the same under full load on one partition, where there is no
// difference between layouts.
func onePartition(sums []Summary, s Summary) (one Summary, ok bool) {
	name := s.name()
	if name == "chirper "+ourTogether {
		name = "chirper " + ourSMR
	}
	return amid(sums, s, name, s.Command, 1, 1)
}

// ordered is the command whose timelines are read in order that stands beside
// one whose are not.
func ordered(command string) string {
	switch command {
	case TimelineRead:
		return Timeline
	case MixRead:
		return Mix
	}
	return command
}

// WriteSocial writes for people how throughput under full load compares with
// that of Retwis, and of one partition.
func WriteSocial(w io.Writer, sums []Summary) error {
	fmt.Fprint(w, "under full load; throughput beside Retwis on one Redis (plain, pipelined, one MGET, texts in timelines) and beside one partition's,\n"+
		"processor time per operation (all processes) beside one partition's; timeline-read and mix-read are linearizable without a place in the order:\n\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "workload\tdelay\toutst.\tpartitions\tsystem\tops/s\tp50\tp99\tfirst reply p50\tp99\tposts each\tCPU us\tclient's\tops/s : plain\t: pipelined\t: mget\t: text\t: 1 partition\tCPU : 1 partition\t")
	for _, s := range sums {
		if s.Load != 1 {
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s\t", s.Command, micros(s.DelayUS), s.Outstanding, s.Partitions, s.name(), Digits(s.OpsPerS), micros(s.P50), micros(s.P99))
		if o := s.Optimistic; o != nil {
			fmt.Fprintf(t, "%s\t%s\t", micros(o.P50), micros(o.P99))
		} else {
			fmt.Fprint(t, "-\t-\t")
		}
		if s.TimelinePosts > 0 {
			fmt.Fprintf(t, "%.1f\t", s.TimelinePosts)
		} else {
			fmt.Fprint(t, "-\t")
		}
		fmt.Fprintf(t, "%.1f\t%.1f\t", 1000*s.CPU, 1000*s.ClientCPU)
		for _, name := range []string{retwisPlain, retwisPipelined, retwisMget, retwisText} {
			r, _ := amid(sums, s, name, ordered(s.Command), s.Partitions, 1)
			fmt.Fprintf(t, "%s\t", ratio(s.OpsPerS, r.OpsPerS))
		}
		one, _ := onePartition(sums, s)
		fmt.Fprintf(t, "%s\t%s\t\n", ratio(s.OpsPerS, one.OpsPerS), ratio(s.CPU, one.CPU))
	}
	return t.Flush()
}

// WriteEarly writes for people how much sooner optimistic replies come, how
// often they are wrong, and what they cost.
func WriteEarly(w io.Writer, sums []Summary) error {
	fmt.Fprintf(w, "optimistic replies beside conservative ones, and both beside S-SMR at the same rate (at 100 %%: at its own full load). On one partition, with nothing but\n"+
		"the network's delay, %d delays instead of %d are %.0f %% less: the cap. early: commands whose optimistic reply came before the other; wrong: of these,\n"+
		"that differed; mistakes: of order, at all replicas, of what they delivered before its order was final; runs right: executions before their turn that were confirmed; dropped: times that what had\n"+
		"been executed early was given up:\n\n", optimisticDelays, conservativeDelays, 100*(1-float64(optimisticDelays)/conservativeDelays))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "workload\tdelay\tpartitions\tload\tsystem\tops/s\topt p50\tp99\tcons p50\tp99\tp50 less\tearly\twrong\tmistakes\truns right\tdropped\tw\tS-SMR p50\tcons : S-SMR\tCPU : S-SMR\t")
	for _, s := range sums {
		o := s.Optimistic
		if o == nil {
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%.0f %%\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t", s.Command, micros(s.DelayUS), s.Partitions, 100*s.Load, s.Variant,
			Digits(s.OpsPerS), micros(o.P50), micros(o.P99), micros(s.P50), micros(s.P99), less(o.P50, s.P50),
			percent(o.Replies, s.Ops), percent(o.ReplyMistakes, o.Replies), percent(o.Mistakes, o.Ahead()), percent(o.Confirmed, o.Runs), o.Dropped, micros(o.Wait))
		off, _ := amid(sums, s, "chirper "+ourSMR, s.Command, s.Partitions, s.Load)
		fmt.Fprintf(t, "%s\t%s\t%s\t\n", micros(off.P50), ratio(s.P50, off.P50), ratio(s.CPU, off.CPU))
	}
	return t.Flush()
}

// Components are the parts of a latency as figure 6.2 shows them, in us.
type Components struct{ Multicasting, Waiting, Executing float64 }

// Components are those of the stages: executing ends at the client.
func (s *Stages) Components() Components {
	return Components{s.Batching + s.Multicast, s.Waiting, s.Executing + s.Replying}
}

// WriteComponents writes for people where latency comes from.
func WriteComponents(w io.Writer, sums []Summary) error {
	fmt.Fprint(w, "latency below full load and its components (means), as in figure 6.2: until the replica that replies had it delivered, until it began to\n"+
		"execute it, until the client had the reply:\n\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "workload\tdelay\tpartitions\tload\tsystem\treply\tops/s\tp50\tp99\tmulticasting\twaiting\texecuting\t")
	for _, s := range sums {
		if s.Load == 1 {
			continue
		}
		line := func(reply string, p50, p99 float64, g *Stages) {
			fmt.Fprintf(t, "%s\t%s\t%d\t%.0f %%\t%s\t%s\t%s\t%s\t%s\t", s.Command, micros(s.DelayUS), s.Partitions, 100*s.Load, s.name(), reply, Digits(s.OpsPerS), micros(p50), micros(p99))
			if g == nil {
				fmt.Fprint(t, "-\t-\t-\t\n")
				return
			}
			c := g.Components()
			fmt.Fprintf(t, "%s\t%s\t%s\t\n", micros(c.Multicasting), micros(c.Waiting), micros(c.Executing))
		}
		if o := s.Optimistic; o != nil {
			line("optimistic", o.P50, o.P99, o.Stages)
		}
		line("conservative", s.P50, s.P99, s.Stages)
	}
	return t.Flush()
}
