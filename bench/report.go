package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteJSON writes the point as one line.
func (pt Point) WriteJSON(w io.Writer) error { return json.NewEncoder(w).Encode(pt) }

// dimensions are what cases differ in, for people.
var dimensions = []struct {
	title string
	text  func(Point) string
}{
	{"groups", func(pt Point) string { return fmt.Sprint(pt.Partitions) }},
	{"replicas", func(pt Point) string { return fmt.Sprint(pt.Replicas) }},
	{"dests.", func(pt Point) string { return fmt.Sprint(pt.Destinations) }},
	{"multi", func(pt Point) string { return fmt.Sprintf("%.0f %%", 100*pt.MultiShare) }},
	{"delay", func(pt Point) string { return micros(pt.DelayUS) }},
	{"load", func(pt Point) string { return fmt.Sprintf("%.0f %%", 100*pt.Load) }},
	{"command", func(pt Point) string { return pt.Command }},
	{"storage", func(pt Point) string { return pt.Storage }},
	{"size", func(pt Point) string { return fmt.Sprintf("%d B", pt.SizeBytes) }},
	{"outst.", func(pt Point) string { return fmt.Sprint(pt.Outstanding) }},
}

// place says in one line which case a point is of.
func (pt Point) place() string {
	var b strings.Builder
	for _, d := range dimensions {
		fmt.Fprintf(&b, "%s %s  ", d.title, d.text(pt))
	}
	return strings.TrimSpace(b.String())
}

// varying are the dimensions in which the summaries differ, the outstanding
// operations in any case.
func varying(sums []Summary) []int {
	var out []int
	for i, d := range dimensions {
		differs := i == len(dimensions)-1
		for _, s := range sums {
			differs = differs || d.text(s.Point) != d.text(sums[0].Point)
		}
		if differs {
			out = append(out, i)
		}
	}
	return out
}

// WriteTable writes the summaries for people. Ratios are of throughput, of CPU
// per operation and of the median latency, to the best of the references in
// the same case; above 1 in the first and below 1 in the others is better.
func WriteTable(w io.Writer, sums []Summary, references ...string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	vary := varying(sums)
	for _, d := range vary {
		fmt.Fprintf(t, "%s\t", dimensions[d].title)
	}
	fmt.Fprint(t, "system\tops/s\tmin .. max\tmean\tp50\tp95\tp99\tp99.9\tCPU s/1000\tothers\terrors\t")
	if len(references) > 0 {
		fmt.Fprint(t, "ops/s :\tCPU :\tp50 :\t")
	}
	fmt.Fprintln(t)
	for _, s := range sums {
		for _, d := range vary {
			fmt.Fprintf(t, "%s\t", dimensions[d].text(s.Point))
		}
		fmt.Fprintf(t, "%s\t%s\t%s .. %s\t%s\t%s\t%s\t%s\t%s\t%.4f\t%.0f %%\t%d\t", s.name(), Digits(s.OpsPerS), Digits(s.Lo), Digits(s.Hi),
			micros(s.Mean), micros(s.P50), micros(s.P95), micros(s.P99), micros(s.P999), s.CPU, 100*s.Others, s.Errors)
		if ref, ok := best(sums, s, references); ok {
			fmt.Fprintf(t, "%s\t%s\t%s\t", ratio(s.OpsPerS, ref.Ops), ratio(s.CPU, ref.CPU), ratio(s.P50, ref.P50))
		} else if len(references) > 0 {
			fmt.Fprint(t, "-\t-\t-\t")
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(references) > 0 {
		fmt.Fprintf(w, "ratios: to the best of %s in the same case, each figure by itself\n", strings.Join(references, " and "))
	}
	for _, s := range sums {
		if s.First != nil {
			fmt.Fprintf(w, "%s, %s: first error: %v\n", s.name(), s.place(), s.First)
		}
	}
	return nil
}

// ratios is WriteRatios as a Table.
func ratios(systems, references []string) Table {
	return func(w io.Writer, sums []Summary) error {
		fmt.Fprintf(w, "beside the best of %s, each figure by itself:\n\n", strings.Join(references, " and "))
		return WriteRatios(w, sums, systems, references)
	}
}

// WriteRatios writes a line a case: the references' best, and what each of the
// systems makes of it.
func WriteRatios(w io.Writer, sums []Summary, systems, references []string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	vary := varying(sums)
	for _, d := range vary {
		fmt.Fprintf(t, "%s\t", dimensions[d].title)
	}
	systems = slices.DeleteFunc(slices.Clone(systems), func(n string) bool {
		return !slices.ContainsFunc(sums, func(s Summary) bool { return s.name() == n })
	})
	fmt.Fprint(t, "fastest\tops/s\tCPU s/1000\tp50\t")
	for _, n := range systems {
		fmt.Fprintf(t, "%s: ops/s\tCPU\tp50\t", n)
	}
	fmt.Fprintln(t)
	seen := make(map[Point]bool)
	for _, s := range sums {
		b, ok := best(sums, s, references)
		if !ok || seen[s.setting()] {
			continue
		}
		seen[s.setting()] = true
		for _, d := range vary {
			fmt.Fprintf(t, "%s\t", dimensions[d].text(s.Point))
		}
		fmt.Fprintf(t, "%s\t%s\t%.4f\t%s\t", b.Fastest, Digits(b.Ops), b.CPU, micros(b.P50))
		for _, n := range systems {
			line := "-\t-\t-\t"
			for _, o := range sums {
				if o.name() == n && o.setting() == s.setting() {
					line = fmt.Sprintf("%s\t%s\t%s\t", ratio(o.OpsPerS, b.Ops), ratio(o.CPU, b.CPU), ratio(o.P50, b.P50))
				}
			}
			fmt.Fprint(t, line)
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

func ratio(a, b float64) string {
	if a <= 0 || b <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", a/b)
}

// Digits is a number with two or three digits, large ones with a prefix.
func Digits(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.2f M", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%.0f k", v/1e3)
	case v >= 1e3:
		return fmt.Sprintf("%.1f k", v/1e3)
	case v >= 10 || v == 0:
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func micros(us float64) string {
	return time.Duration(us * 1e3).Round(max(time.Microsecond, time.Duration(us*10).Round(time.Microsecond))).String()
}
