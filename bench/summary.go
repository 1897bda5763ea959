package bench

import (
	"cmp"
	"slices"
)

// Summary is one contender's medians in one case.
type Summary struct {
	Point          // medians; Ops and Errors are sums
	Lo, Hi float64 // extremes of ops_per_s
	Rounds int
	Others float64 // median
}

// identity is what the points of one contender in one case have in common.
func (pt Point) identity() Point {
	return Point{Bench: pt.Bench, System: pt.System, Variant: pt.Variant, Partitions: pt.Partitions, Replicas: pt.Replicas,
		SizeBytes: pt.SizeBytes, Outstanding: pt.Outstanding, MultiShare: pt.MultiShare,
		Destinations: pt.Destinations, DelayUS: pt.DelayUS, Load: pt.Load,
		Command: pt.Command, Storage: pt.Storage}
}

// setting is the case of a point, whatever the contender.
func (pt Point) setting() Point {
	pt = pt.identity()
	pt.System, pt.Variant = "", ""
	return pt
}

func (pt Point) name() string { return Contender{System: pt.System, Variant: pt.Variant}.String() }

// Summarize takes medians over the rounds, in order of first appearance.
func Summarize(points []Point) []Summary {
	var keys []Point
	groups := make(map[Point][]Point)
	for _, pt := range points {
		k := pt.identity()
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
	s.Mean = mid(func(p Point) float64 { return p.Mean })
	s.P50 = mid(func(p Point) float64 { return p.P50 })
	s.P95 = mid(func(p Point) float64 { return p.P95 })
	s.P99 = mid(func(p Point) float64 { return p.P99 })
	s.P999 = mid(func(p Point) float64 { return p.P999 })
	s.CPU = mid(func(p Point) float64 { return p.CPU })
	s.ClientCPU = mid(func(p Point) float64 { return p.ClientCPU })
	s.CDF = distribution(g, func(p Point) *CDF { return p.CDF })
	s.Stages = stages(g, func(p Point) *Stages { return p.Stages })
	s.TimelinePosts = mid(func(p Point) float64 { return p.TimelinePosts })
	s.Others = mid(func(p Point) float64 { return p.Others })
	s.Optimistic = earlyReplies(g)
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

// distribution is made of the medians at each quantile, or nil.
func distribution(g []Point, of func(Point) *CDF) *CDF {
	g = slices.DeleteFunc(slices.Clone(g), func(p Point) bool { return of(p) == nil })
	if len(g) == 0 {
		return nil
	}
	var c CDF
	for i := range c {
		c[i] = median(column(g, func(p Point) float64 { return of(p)[i] }))
	}
	return &c
}

// stages are medians, or nil.
func stages(g []Point, of func(Point) *Stages) *Stages {
	g = slices.DeleteFunc(slices.Clone(g), func(p Point) bool { return of(p) == nil })
	if len(g) == 0 {
		return nil
	}
	return &Stages{
		Batching:  median(column(g, func(p Point) float64 { return of(p).Batching })),
		Multicast: median(column(g, func(p Point) float64 { return of(p).Multicast })),
		Waiting:   median(column(g, func(p Point) float64 { return of(p).Waiting })),
		Executing: median(column(g, func(p Point) float64 { return of(p).Executing })),
		Replying:  median(column(g, func(p Point) float64 { return of(p).Replying })),
	}
}

// earlyReplies are the medians of latencies, and the sums of counts, or nil.
func earlyReplies(g []Point) *Optimistic {
	g = slices.DeleteFunc(slices.Clone(g), func(p Point) bool { return p.Optimistic == nil })
	if len(g) == 0 {
		return nil
	}
	o := &Optimistic{
		P50:  median(column(g, func(p Point) float64 { return p.Optimistic.P50 })),
		P99:  median(column(g, func(p Point) float64 { return p.Optimistic.P99 })),
		Wait: median(column(g, func(p Point) float64 { return p.Wait })),

		CDF:    distribution(g, func(p Point) *CDF { return p.Optimistic.CDF }),
		Stages: stages(g, func(p Point) *Stages { return p.Optimistic.Stages }),
	}
	for _, p := range g {
		o.Compared += p.Compared
		o.Mistakes += p.Mistakes
		o.Forced += p.Forced
		o.Repairs += p.Repairs
		o.Runs += p.Runs
		o.Confirmed += p.Confirmed
		o.Dropped += p.Dropped
		o.Replies += p.Replies
		o.ReplyMistakes += p.ReplyMistakes
	}
	return o
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

// Best is the best that any of several contenders reached in one case, each
// figure by itself: they need not be of the same contender.
type Best struct {
	Ops, CPU, P50 float64
	// Fastest is the contender with the highest throughput.
	Fastest string
}

// best is the best of the references in the same case as s; false if none of
// them has completed anything.
func best(sums []Summary, s Summary, references []string) (b Best, ok bool) {
	least := func(a, b float64) float64 {
		if a == 0 || b == 0 {
			return cmp.Or(a, b)
		}
		return min(a, b)
	}
	for _, r := range sums {
		if r.setting() != s.setting() || !slices.Contains(references, r.name()) || r.OpsPerS == 0 {
			continue
		}
		if ok = true; r.OpsPerS > b.Ops {
			b.Ops, b.Fastest = r.OpsPerS, r.name()
		}
		b.CPU, b.P50 = least(b.CPU, r.CPU), least(b.P50, r.P50)
	}
	return b, ok
}
