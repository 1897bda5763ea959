package bench

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// flatBound: what does not grow by more than this share of its level from the
// end of the warm-up to the end of the run is flat.
const flatBound = 0.1

// growth is how a quantity of one process has developed after the warm-up.
type growth struct{ first, level, slope, bound float64 } // slope and bound: a minute

// growthOf fits a line to what comes after the warm-up: its slope is the median
// of the slopes between all pairs of samples, which saw teeth hardly touch.
func growthOf(samples []SoakSample, of func(*SoakSample) float64) (g growth) {
	var at, v, slopes []float64
	for i := range samples {
		if s := &samples[i]; !s.Warm {
			at, v = append(at, s.Seconds/60), append(v, of(s))
		}
	}
	for i := range v {
		for j := range i {
			slopes = append(slopes, (v[i]-v[j])/(at[i]-at[j]))
		}
	}
	if len(slopes) == 0 {
		return g
	}
	g = growth{first: v[0], level: middling(v), slope: middling(slopes)}
	g.bound = flatBound * g.level / (at[len(at)-1] - at[0])
	return g
}

// enough is how many checkpoints each process must have made after the warm-up
// for a verdict: disk and memory rise and fall with them, and with what is done
// only every so many of them.
const enough = 12

func judged(samples []SoakSample) bool {
	first := slices.IndexFunc(samples, func(s SoakSample) bool { return !s.Warm })
	if first < 0 {
		return false
	}
	last := samples[len(samples)-1]
	for i, f := range samples[first].Processes {
		if last.Processes[i].Checkpoint < f.Checkpoint+enough {
			return false
		}
	}
	return true
}

func (g *growth) flat() bool { return g.level > 0 && g.slope <= g.bound }

func middling(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	if len(v) == 0 {
		return 0
	}
	return v[len(v)/2]
}

// writeSoak writes for people some thirty of the samples; of what is a process's,
// the most that any has.
func writeSoak(w io.Writer, samples []SoakSample) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "s\tops/s\tp50\tp99\tmax\terrors\tjournal\tcheckpoints\tRSS\tanonymous\theap\tlog\toutbox\tstate\tcheckpoint\t")
	for i := range samples {
		s := &samples[i]
		if every := len(samples)/30 + 1; (i+1)%every != 0 {
			continue
		}
		most := func(of func(*Footprint) float64) (m float64) {
			for i := range s.Processes {
				m = max(m, of(&s.Processes[i]))
			}
			return m
		}
		fmt.Fprintf(t, "%.0f\t%s\t%s\t%s\t%s\t%d\t", s.Seconds, Digits(s.OpsPerS), micros(s.P50), micros(s.P99), micros(s.Max), s.Errors)
		for _, of := range []func(*Footprint) float64{
			func(f *Footprint) float64 { return f.Journal }, func(f *Footprint) float64 { return f.Checkpoints },
			func(f *Footprint) float64 { return f.RSS }, func(f *Footprint) float64 { return f.Anonymous },
			func(f *Footprint) float64 { return f.Heap }, func(f *Footprint) float64 { return f.Log },
			func(f *Footprint) float64 { return f.Outbox }, func(f *Footprint) float64 { return f.State },
		} {
			fmt.Fprintf(t, "%s\t", mebibytes(most(of)))
		}
		fmt.Fprintf(t, "%.0f\t\n", most(func(f *Footprint) float64 { return float64(f.Checkpoint) }))
	}
	t.Flush()
	fmt.Fprintln(w, "sizes in MiB, of the process with the most")
}

func mebibytes(b float64) string { return fmt.Sprintf("%.1f", b/(1<<20)) }

// writeGrowth writes the verdict, and says whether everything is flat, or
// the run too short to tell, and nothing failed.
func writeGrowth(w io.Writer, samples []SoakSample) bool {
	if len(samples) == 0 {
		return false
	}
	last, ok, judged := &samples[len(samples)-1], true, judged(samples)
	fmt.Fprintf(w, "\nafter the warm-up: flat is what grows by at most %.0f %% of its level until the end\n\n", 100*flatBound)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "process\twhat\tlevel, MiB\tgrowth, MiB a minute\tbound\tverdict\t")
	for i := range last.Processes {
		for _, what := range []struct {
			name string
			of   func(*Footprint) float64
		}{{"disk", (*Footprint).disk}, {"RSS", func(f *Footprint) float64 { return f.RSS }}} {
			g := growthOf(samples, func(s *SoakSample) float64 { return what.of(&s.Processes[i]) })
			verdict := "flat"
			switch {
			case !judged:
				verdict = "-"
			case !g.flat():
				verdict, ok = "GROWS", false
			}
			fmt.Fprintf(t, "%d\t%s\t%s\t%.2f\t%.2f\t%s\t\n", i+1, what.name, mebibytes(g.level), g.slope/(1<<20), g.bound/(1<<20), verdict)
		}
	}
	t.Flush()
	if !judged {
		fmt.Fprintf(w, "no verdict: fewer than %d checkpoints of a process after the warm-up; take more -minutes\n", enough)
	}
	var errs uint64
	var rates []float64
	for i := range samples {
		errs += samples[i].Errors
		if !samples[i].Warm {
			rates = append(rates, samples[i].OpsPerS)
		}
	}
	g := growthOf(samples, func(s *SoakSample) float64 { return s.OpsPerS })
	fmt.Fprintf(w, "throughput %s/s (median), %+.1f %% a minute; %d errors\n", Digits(middling(rates)), 100*g.slope/max(g.level, 1), errs)
	return ok && errs == 0
}
