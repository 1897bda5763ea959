package figures

import (
	"fmt"
	"io/fs"
	"slices"

	"github.com/eyrie-dev/eyrie/bench"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
)

// atThreeQuarters is the load of whose latencies figure 6.4 tells.
const atThreeQuarters = 0.75

// Partitions is figure 6.4: throughput by partitions, latency at 75 % of it, and
// wrong optimistic replies, of S-SMR on the left and Fast-SSMR on the right.
// points are those of bench chirper. Without points of one partition of ours the
// error wraps fs.ErrNotExist.
func Partitions(points []bench.Point) (Figure, error) {
	fig := Figure{Title: "Chirper by partitions, beside Retwis (figure 6.4)"}
	points = keep(points, func(pt bench.Point) bool { return pt.DelayUS == 0 })
	sums := bench.Summarize(points)
	var commands []string
	for _, command := range []string{bench.Timeline, bench.Mix, bench.Post, bench.TimelineRead, bench.MixRead} {
		if slices.ContainsFunc(points, func(pt bench.Point) bool {
			return pt.Command == command && pt.System == "chirper" && pt.Variant == "s-smr" && pt.Partitions == 1
		}) {
			commands = append(commands, command)
		}
	}
	if len(commands) == 0 {
		return fig, fmt.Errorf("figures: no points of one partition: %w", fs.ErrNotExist)
	}
	var columns [2][]*plot.Plot
	for i, side := range []struct{ title, variant string }{{"S-SMR", "s-smr"}, {"Fast-SSMR, baseline", "baseline"}} {
		c := column{side.title, side.variant, commands, sums, points}
		for _, draw := range []func() (*plot.Plot, error){c.throughput, c.latency, c.mistakes} {
			p, err := draw()
			if err != nil {
				return fig, err
			}
			columns[i] = append(columns[i], p)
		}
	}
	for i := range columns[0] {
		fig.Rows = append(fig.Rows, []*plot.Plot{columns[0][i], columns[1][i]})
	}
	fig.Rows[2][0] = nil // S-SMR has no optimistic replies
	return fig, nil
}

// column is one side of figure 6.4.
type column struct {
	title, variant string
	commands       []string
	sums           []bench.Summary
	points         []bench.Point
}

// deployments are Retwis and ours, by partitions.
func (c column) deployments() (all []series) {
	add := func(label, system, variant string, partitions int) {
		is := func(pt bench.Point) bool {
			return pt.System == system && pt.Variant == variant && pt.Partitions == partitions
		}
		if slices.ContainsFunc(c.points, is) {
			all = append(all, series{label, palette[(len(all)+6)%len(palette)], is})
		}
	}
	add("Retwis, pipelined", "retwis", "pipelined", 1)
	for _, n := range values(c.points, func(pt bench.Point) int { return pt.Partitions }) {
		label := fmt.Sprintf("%d partitions", n)
		if n == 1 {
			label = "1 partition"
		}
		add(label, "chirper", c.variant, n)
	}
	return all
}

func (c column) find(s series, command string, load float64) (none bench.Summary) {
	for _, sum := range c.sums {
		if s.is(sum.Point) && sum.Command == command && sum.Load == load && sum.OpsPerS > 0 {
			return sum
		}
	}
	return none
}

// bars draws a value of each deployment, workload by workload; dashes may be
// nil.
func (c column) bars(p *plot.Plot, bar, dash func(s series, command string) float64) error {
	all := c.deployments()
	for i, s := range all {
		var v, dashes plotter.Values
		for _, command := range c.commands {
			v = append(v, bar(s, command))
			if dash != nil {
				dashes = append(dashes, dash(s, command))
			}
		}
		if err := group(p, i, len(all), s, s.label, v, dashes); err != nil {
			return err
		}
	}
	return nil
}

func (c column) throughput() (*plot.Plot, error) {
	p := newPlot(c.title+"\nhighest throughput, one partition = 1", "", "relative throughput")
	one := series{is: func(pt bench.Point) bool {
		return pt.System == "chirper" && pt.Variant == c.variant && pt.Partitions == 1
	}}
	var names []string
	for _, command := range c.commands {
		name := command
		if base := c.find(one, command, 1).OpsPerS; base > 0 {
			name += fmt.Sprintf("\n1 = %s/s", bench.Digits(base)) // below: they stand close
		}
		names = append(names, name)
	}
	err := c.bars(p, func(s series, command string) float64 {
		if base := c.find(one, command, 1).OpsPerS; base > 0 {
			return c.find(s, command, 1).OpsPerS / base
		}
		return 0
	}, nil)
	finishNamed(p, names)
	return p, err
}

func (c column) latency() (*plot.Plot, error) {
	p := newPlot(c.title+"\nmedian latency at 75 % (dash: optimistic)", "", "latency, ms")
	err := c.bars(p, func(s series, command string) float64 { return c.find(s, command, atThreeQuarters).P50 / 1e3 }, func(s series, command string) float64 {
		if o := c.find(s, command, atThreeQuarters).Optimistic; o != nil {
			return o.P50 / 1e3
		}
		return 0
	})
	finishNamed(p, c.commands)
	return p, err
}

func (c column) mistakes() (*plot.Plot, error) {
	p := newPlot(c.title+"\nwrong optimistic replies at 75 %", "", "of all optimistic replies, %")
	err := c.bars(p, func(s series, command string) float64 {
		if o := c.find(s, command, atThreeQuarters).Optimistic; o != nil {
			return 100 * float64(o.ReplyMistakes) / float64(max(o.Replies, 1))
		}
		return 0
	}, nil)
	finishNamed(p, c.commands)
	return p, err
}
