package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// WriteJSON writes the point as one line.
func (pt Point) WriteJSON(w io.Writer) error { return json.NewEncoder(w).Encode(pt) }

// Summary is one contender's medians in one case.
type Summary struct {
	Point          // medians; Ops and Errors are sums
	Lo, Hi float64 // extremes of ops_per_s
	Rounds int
	Others float64 // median
}

// Summarize takes medians over the rounds, in order of first appearance.
func Summarize(points []Point) []Summary {
	var keys []Point
	groups := make(map[Point][]Point)
	for _, pt := range points {
		k := Point{Bench: pt.Bench, System: pt.System, Variant: pt.Variant, Partitions: pt.Partitions, Replicas: pt.Replicas,
			SizeBytes: pt.SizeBytes, Outstanding: pt.Outstanding, MultiShare: pt.MultiShare}
		if groups[k] == nil {
			keys = append(keys, k)
		}
		groups[k] = append(groups[k], pt)
	}
	var out []Summary
	for _, k := range keys {
		out = append(out, summarize(k, groups[k]))
	}
	return out
}

func summarize(k Point, g []Point) Summary {
	s := Summary{Point: k, Rounds: len(g)}
	mid := func(f func(Point) float64) float64 { return median(column(g, f)) }
	s.Seconds = mid(func(p Point) float64 { return p.Seconds })
	s.OpsPerS = mid(func(p Point) float64 { return p.OpsPerS })
	s.P50 = mid(func(p Point) float64 { return p.P50 })
	s.P99 = mid(func(p Point) float64 { return p.P99 })
	s.P999 = mid(func(p Point) float64 { return p.P999 })
	s.CPU = mid(func(p Point) float64 { return p.CPU })
	s.Others = mid(func(p Point) float64 { return p.Others })
	rates := column(g, func(p Point) float64 { return p.OpsPerS })
	s.Lo, s.Hi = slices.Min(rates), slices.Max(rates)
	for _, pt := range g {
		s.Ops += pt.Ops
		s.Errors += pt.Errors
		if s.First == nil {
			s.First = pt.First
		}
	}
	return s
}

func column(g []Point, f func(Point) float64) []float64 {
	c := make([]float64, len(g))
	for i, pt := range g {
		c[i] = f(pt)
	}
	return c
}

// median is the middle value, or the mean of the two in the middle.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// WriteTable writes the summaries for people. Ratios are of throughput and of
// CPU per operation, to the reference contender in the same case; above 1 in
// the first and below 1 in the second is better than the reference.
func WriteTable(w io.Writer, sums []Summary, reference string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "multi\toutst.\tsystem\tops/s\tmin .. max\tp50\tp99\tp99.9\tCPU s/1000\tothers\terrors\t")
	if reference != "" {
		fmt.Fprintf(t, "ops/s : %s\tCPU : %s\t", reference, reference)
	}
	fmt.Fprintln(t)
	for _, s := range sums {
		fmt.Fprintf(t, "%.0f %%\t%d\t%s\t%s\t%s .. %s\t%s\t%s\t%s\t%.4f\t%.0f %%\t%d\t", 100*s.MultiShare, s.Outstanding,
			s.name(), count(s.OpsPerS), count(s.Lo), count(s.Hi), micros(s.P50), micros(s.P99), micros(s.P999), s.CPU, 100*s.Others, s.Errors)
		if ref, ok := find(sums, s, reference); ok && ref.OpsPerS > 0 && ref.CPU > 0 {
			fmt.Fprintf(t, "%.2f\t%.2f\t", s.OpsPerS/ref.OpsPerS, s.CPU/ref.CPU)
		} else if reference != "" {
			fmt.Fprint(t, "-\t-\t")
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, s := range sums {
		if s.First != nil {
			fmt.Fprintf(w, "%s, %d outstanding, first error: %v\n", s.name(), s.Outstanding, s.First)
		}
	}
	return nil
}

func (s Summary) name() string { return Contender{System: s.System, Variant: s.Variant}.String() }

// find is the reference's summary in the same case as s.
func find(sums []Summary, s Summary, reference string) (Summary, bool) {
	for _, r := range sums {
		if r.name() == reference && r.Outstanding == s.Outstanding && r.MultiShare == s.MultiShare &&
			r.SizeBytes == s.SizeBytes && r.Partitions == s.Partitions {
			return r, true
		}
	}
	return Summary{}, false
}

func count(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.2f M", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%.0f k", v/1e3)
	case v >= 1e3:
		return fmt.Sprintf("%.1f k", v/1e3)
	}
	return fmt.Sprintf("%.0f", v)
}

func micros(us float64) string {
	return time.Duration(us * 1e3).Round(max(time.Microsecond, time.Duration(us*10).Round(time.Microsecond))).String()
}
