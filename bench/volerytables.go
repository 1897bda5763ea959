package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// like is the summary of another system, or of another number of partitions, in
// what is else the same case.
func like(sums []Summary, s Summary, system string, partitions int) (Summary, bool) {
	want := s.setting()
	want.Partitions = partitions
	for _, o := range sums {
		if o.setting() == want && o.name() == system && o.OpsPerS > 0 {
			return o, true
		}
	}
	return Summary{}, false
}

// WriteVolery writes for people how throughput under full load compares with
// ZooKeeper's and with one partition's.
func WriteVolery(w io.Writer, sums []Summary) error {
	fmt.Fprint(w, "under full load; throughput and CPU (all processes) per operation beside ZooKeeper's, throughput beside one partition's:\n\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "command\tstorage\tsize\tglobal\toutst.\tpartitions\tsystem\tops/s\tp50\tp99\tCPU us\tclient's\tops/s : ZooKeeper\tCPU :\tops/s : 1 partition\t")
	for _, s := range sums {
		if s.Load != 1 {
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%d B\t%.0f %%\t%d\t%d\t%s\t%s\t%s\t%s\t%.1f\t%.1f\t", s.Command, s.Storage, s.SizeBytes, 100*s.MultiShare, s.Outstanding,
			s.Partitions, s.name(), Digits(s.OpsPerS), micros(s.P50), micros(s.P99), 1000*s.CPU, 1000*s.ClientCPU)
		z, _ := like(sums, s, "zookeeper", 1)
		one, _ := like(sums, s, "zksmr", 1)
		fmt.Fprintf(t, "%s\t%s\t%s\t\n", ratio(s.OpsPerS, z.OpsPerS), ratio(s.CPU, z.CPU), ratio(s.OpsPerS, one.OpsPerS))
	}
	return t.Flush()
}

// WriteStages writes for people where latency comes from.
func WriteStages(w io.Writer, sums []Summary) error {
	fmt.Fprint(w, "latency below full load, and its parts (means): until proposed, delivered, started, finished, received:\n\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "command\tstorage\tsize\tglobal\tpartitions\tsystem\tload\tops/s\tmean\tp50\tp99\tbatching\tmulticast\twaiting\texecuting\treplying\t")
	for _, s := range sums {
		if s.Load == 1 {
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%d B\t%.0f %%\t%d\t%s\t%.0f %%\t%s\t%s\t%s\t%s\t", s.Command, s.Storage, s.SizeBytes, 100*s.MultiShare,
			s.Partitions, s.name(), 100*s.Load, Digits(s.OpsPerS), micros(s.Mean), micros(s.P50), micros(s.P99))
		if g := s.Stages; g != nil {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t\n", micros(g.Batching), micros(g.Multicast), micros(g.Waiting), micros(g.Executing), micros(g.Replying))
		} else {
			fmt.Fprint(t, "-\t-\t-\t-\t-\t\n")
		}
	}
	return t.Flush()
}
