package figures

import (
	"cmp"
	"fmt"
	"image/color"
	"io/fs"
	"slices"
	"strings"

	"github.com/eyrie-dev/eyrie/bench"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
)

// answer is one kind of reply of figures 6.2 and 6.3.
type answer struct {
	label, system, variant string
	early                  bool // the optimistic reply
	color                  color.Color
}

var answers = []answer{
	{"Retwis, pipelined", "retwis", "pipelined", false, palette[6]},
	{"S-SMR", "chirper", "s-smr", false, palette[1]},
	{"conservative", "chirper", "full", false, palette[0]},
	{"baseline optimistic", "chirper", "baseline", true, palette[4]},
	{"fully optimistic", "chirper", "full", true, palette[2]},
}

// sight is what an answer's figure shows.
func (a answer) sight(s bench.Summary) (mean float64, stages *bench.Stages, cdf *bench.CDF) {
	if a.early && s.Optimistic != nil {
		return s.Optimistic.P50, s.Optimistic.Stages, s.Optimistic.CDF
	}
	return s.Mean, s.Stages, s.CDF
}

// panel is one plot of figures 6.2 and 6.3.
type panel struct {
	command    string
	partitions int
	delay      float64
}

func (p panel) String() string {
	s := fmt.Sprintf("%s, %d partitions", p.command, p.partitions)
	if p.partitions == 1 {
		s = p.command + ", 1 partition"
	}
	if p.delay > 0 {
		s += fmt.Sprintf(", delay %.3g ms", p.delay/1e3)
	}
	return s
}

// panels are those with optimistic replies, at the lowest load that there is,
// one row for each workload.
func panels(points []bench.Point) (rows [][]panel, load float64) {
	load = 2
	for _, pt := range points {
		if pt.Optimistic != nil && pt.Load > 0 {
			load = min(load, pt.Load)
		}
	}
	for _, command := range []string{bench.Timeline, bench.Mix} {
		var row []panel
		for _, pt := range points {
			p := panel{pt.Command, pt.Partitions, pt.DelayUS}
			if pt.Optimistic != nil && pt.Command == command && pt.Load == load && !slices.Contains(row, p) {
				row = append(row, p)
			}
		}
		slices.SortFunc(row, func(a, b panel) int {
			return cmp.Or(cmp.Compare(a.delay, b.delay), a.partitions-b.partitions)
		})
		if len(row) > 0 {
			rows = append(rows, row)
		}
	}
	return rows, load
}

// find is an answer's summary in a panel; Retwis has no partitions.
func (p panel) find(sums []bench.Summary, a answer, load float64) (none bench.Summary, ok bool) {
	for _, s := range sums {
		partitions := p.partitions
		if a.system == "retwis" {
			partitions = 1
		}
		if s.System == a.system && s.Variant == a.variant && s.Command == p.command && s.DelayUS == p.delay && s.Load == load && s.Partitions == partitions && s.OpsPerS > 0 {
			return s, true
		}
	}
	return none, false
}

// sixth draws a figure whose panels draw makes.
func sixth(points []bench.Point, title string, draw func(p panel, sums []bench.Summary, load float64) (*plot.Plot, error)) (Figure, error) {
	rows, load := panels(points)
	fig := Figure{Title: fmt.Sprintf(title, 100*load)}
	if len(rows) == 0 {
		return fig, fmt.Errorf("figures: no points with optimistic replies: %w", fs.ErrNotExist)
	}
	columns := 0
	for _, row := range rows {
		columns = max(columns, len(row))
	}
	sums := bench.Summarize(points)
	for _, row := range rows {
		plots := make([]*plot.Plot, columns)
		for i, p := range row {
			var err error
			if plots[i], err = draw(p, sums, load); err != nil {
				return fig, err
			}
		}
		fig.Rows = append(fig.Rows, plots)
	}
	return fig, nil
}

// Replies is figure 6.2: the components of latencies. points are those of bench
// chirper. Without optimistic replies the error wraps fs.ErrNotExist.
func Replies(points []bench.Point) (Figure, error) {
	return sixth(points, "Latency and its components (means) at %.0f %% of each system's highest throughput (figure 6.2)", components)
}

func components(where panel, sums []bench.Summary, load float64) (*plot.Plot, error) {
	p := newPlot(where.String(), "", "latency, ms")
	var labels []string
	var parts [3]plotter.Values
	for _, a := range answers {
		s, ok := where.find(sums, a, load)
		if !ok {
			continue
		}
		mean, g, _ := a.sight(s)
		c := bench.Components{Executing: mean}
		if g != nil {
			c = g.Components()
		}
		labels = append(labels, strings.Replace(a.label, " ", "\n", 1))
		for i, v := range []float64{c.Multicasting, c.Waiting, c.Executing} {
			parts[i] = append(parts[i], v/1e3)
		}
	}
	if len(labels) == 0 {
		return p, nil
	}
	var below *plotter.BarChart
	for i, label := range []string{"multicasting", "waiting", "executing, and until the client has it"} {
		b, err := plotter.NewBarChart(parts[i], groupWidth/2)
		if err != nil {
			return nil, err
		}
		b.Color, b.LineStyle.Width = []color.Color{palette[0], palette[4], palette[3]}[i], 0
		if below != nil {
			b.StackOn(below)
		}
		below = b
		p.Add(b)
		p.Legend.Add(label, b)
	}
	finishNamed(p, labels)
	p.X.Tick.Label.Font.Size = 6
	return p, nil
}

// ReplyCDF is figure 6.3.
func ReplyCDF(points []bench.Point) (Figure, error) {
	return sixth(points, "Distribution of latency at %.0f %% of each system's highest throughput (figure 6.3)", func(where panel, sums []bench.Summary, load float64) (*plot.Plot, error) {
		p := newPlot(where.String(), "latency, ms", "share of commands")
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
		p.Y.Max, p.Legend.Left, p.Legend.Top = 1, false, false
		for _, a := range answers {
			s, _ := where.find(sums, a, load)
			_, _, cdf := a.sight(s)
			if cdf == nil {
				continue
			}
			var xys plotter.XYs
			for q, us := range cdf {
				xys = append(xys, plotter.XY{X: max(us, 1) / 1e3, Y: bench.Quantiles[q]})
			}
			if err := curve(p, xys, a.label, a.color, nil); err != nil {
				return nil, err
			}
		}
		logarithmic(p)
		return p, nil
	})
}

// logarithmic sees to it that a plot's axis, which is logarithmic, has room.
func logarithmic(p *plot.Plot) {
	if p.X.Max < 2*p.X.Min || p.X.Min <= 0 {
		p.X.Min, p.X.Max = max(p.X.Min, 0.001), 10*max(p.X.Min, 0.001)
	}
}
