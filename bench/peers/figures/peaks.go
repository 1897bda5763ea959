package figures

import (
	"fmt"

	"github.com/eyrie-dev/eyrie/bench"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Destinations is figure 5.1: one group, more and more destinations. points are
// those of bench power.
func Destinations(points []bench.Point) (Figure, error) {
	points = keep(points, func(pt bench.Point) bool { return pt.Partitions == 1 })
	return peaks(points, peakFigure{
		title: "One group: highest throughput, and latency at maximum power (figure 5.1)",
		x:     "destinations (replicas of the group)", of: func(pt bench.Point) int { return pt.Replicas },
		left: "highest throughput", unit: "throughput, Mbit/s", throughput: func(pt, _ bench.Point) float64 { return megabits(pt) },
	})
}

// Groups is figure 5.2: more and more groups of three, every message to one of
// them. Throughput is relative to the system's own with one group.
func Groups(points []bench.Point) (Figure, error) {
	points = keep(points, func(pt bench.Point) bool { return pt.Replicas == 3 })
	return peaks(points, peakFigure{
		title: "More groups on the same machine: highest throughput, and latency at maximum power (figure 5.2)",
		x:     "groups", of: func(pt bench.Point) int { return pt.Partitions },
		left: "highest throughput", unit: "throughput, one group = 1",
		throughput: func(pt, one bench.Point) float64 { return pt.OpsPerS / one.OpsPerS }, absolute: true,
	})
}

func megabits(pt bench.Point) float64 { return pt.OpsPerS * float64(pt.SizeBytes) * 8 / 1e6 }

// peakFigure is what the two figures differ in.
type peakFigure struct {
	title, x, left, unit string
	of                   func(bench.Point) int
	throughput           func(pt, first bench.Point) float64
	absolute             bool // the legend tells the first bar's throughput
}

func peaks(points []bench.Point, f peakFigure) (Figure, error) {
	fig := Figure{Title: f.title}
	all, ticks, systems := bench.Peaks(bench.Summarize(points)), values(points, f.of), present(points)
	for _, size := range values(points, func(pt bench.Point) int { return pt.SizeBytes }) {
		left := newPlot(fmt.Sprintf("%s, %s messages", f.left, sizeText(size)), f.x, f.unit)
		right := newPlot(fmt.Sprintf("latency at maximum power (bar p95, dash mean), %s messages", sizeText(size)), f.x, "latency, ms")
		for i, s := range systems {
			most, tail, mean := make(plotter.Values, len(ticks)), make(plotter.Values, len(ticks)), make(plotter.Values, len(ticks))
			label, first := s.label, bench.Point{}
			for t, at := range ticks {
				for _, p := range all {
					if !s.is(p.Most.Point) || p.Most.SizeBytes != size || f.of(p.Most.Point) != at {
						continue
					}
					if first.OpsPerS == 0 {
						first = p.Most.Point
					}
					most[t], tail[t], mean[t] = f.throughput(p.Most.Point, first), p.Power.P95/1e3, p.Power.Mean/1e3
				}
			}
			if f.absolute && first.OpsPerS > 0 {
				label = fmt.Sprintf("%s (1 = %.0f Mbit/s)", label, megabits(first))
			}
			if err := group(left, i, len(systems), s, label, most, nil); err != nil {
				return fig, err
			}
			if err := group(right, i, len(systems), s, s.label, tail, mean); err != nil {
				return fig, err
			}
		}
		finish(left, ticks)
		finish(right, ticks)
		fig.Rows = append(fig.Rows, []*plot.Plot{left, right})
	}
	return fig, nil
}

// groupWidth is the width of all bars at one place.
const groupWidth = 1.5 * vg.Centimeter

// group adds one system's bars, the i-th of n at each place, and a dash on each
// bar if there are dashes.
func group(p *plot.Plot, i, n int, s series, label string, bars, dashes plotter.Values) error {
	width := groupWidth / vg.Length(n)
	offset := width * vg.Length(float64(i)-float64(n-1)/2)
	b, err := plotter.NewBarChart(bars, width)
	if err != nil {
		return err
	}
	b.Color, b.Offset, b.LineStyle.Width = s.color, offset, 0
	p.Add(b)
	p.Legend.Add(label, b)
	if dashes != nil {
		p.Add(dash{dashes, offset, width})
	}
	return nil
}

// dash marks values within bars.
type dash struct {
	values        plotter.Values
	offset, width vg.Length
}

// Plot implements plot.Plotter.
func (d dash) Plot(c draw.Canvas, p *plot.Plot) {
	tx, ty := p.Transforms(&c)
	style := plotter.DefaultLineStyle
	style.Width = 1.5
	for i, v := range d.values {
		if v > 0 {
			x, y := tx(float64(i))+d.offset, ty(v)
			c.StrokeLine2(style, x-d.width*0.45, y, x+d.width*0.45, y)
		}
	}
}

// finish names the places by their numbers.
func finish(p *plot.Plot, ticks []int) {
	finishNamed(p, called(ticks, func(t int) string { return fmt.Sprint(t) }))
}

// finishNamed names the places and leaves room for the legend above the bars.
func finishNamed(p *plot.Plot, names []string) {
	p.NominalX(names...)
	p.X.Min, p.X.Max = -0.6, float64(len(names))-0.4
	if p.Y.Max <= 0 {
		p.Y.Max = 1
	}
	p.Y.Max *= 1.6
}
