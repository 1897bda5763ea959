package figures

import (
	"fmt"
	"image/color"
	"slices"

	"github.com/eyrie-dev/eyrie/bench"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Optimism is figure 5.3: latency of both deliveries and order mistakes, by
// load. points are those of bench latency. Each case is a row.
func Optimism(points []bench.Point) (Figure, error) {
	fig := Figure{Title: "Optimistic and conservative delivery, and order mistakes, by load (figure 5.3)"}
	sums := bench.Summarize(points)
	var cases []bench.Point
	for _, s := range sums {
		if c := setting(s.Point); s.Optimistic != nil && !slices.Contains(cases, c) {
			cases = append(cases, c)
		}
	}
	for _, c := range cases {
		var on, off []bench.Summary
		for _, s := range sums {
			if setting(s.Point) != c || s.OpsPerS == 0 || s.Variant == bench.OptimisticAll {
				continue
			}
			if s.Optimistic != nil {
				on = append(on, s)
			} else {
				off = append(off, s)
			}
		}
		left, right, err := optimism(c, on, off)
		if err != nil {
			return fig, err
		}
		fig.Rows = append(fig.Rows, []*plot.Plot{left, right})
	}
	return fig, nil
}

// setting is what the points of one row have in common.
func setting(pt bench.Point) bench.Point {
	return bench.Point{Partitions: pt.Partitions, MultiShare: pt.MultiShare, DelayUS: pt.DelayUS, SizeBytes: pt.SizeBytes}
}

var (
	early = color.RGBA{R: 0xd9, G: 0x7c, B: 0x2b, A: 0xff}
	late  = color.RGBA{R: 0x1b, G: 0x6c, B: 0xa8, A: 0xff}
	alone = color.RGBA{R: 0x8a, G: 0x8a, B: 0x8a, A: 0xff}
)

func optimism(c bench.Point, on, off []bench.Summary) (left, right *plot.Plot, err error) {
	title := "one group"
	if c.Partitions > 1 {
		title = fmt.Sprintf("%d groups, %.0f %% to both", c.Partitions, 100*c.MultiShare)
	}
	if c.DelayUS > 0 {
		title += fmt.Sprintf(", one-way delay %.3g ms", c.DelayUS/1e3)
	}
	left = newPlot(fmt.Sprintf("%s, %s messages", title, sizeText(c.SizeBytes)), "throughput, 1000 messages/s", "median latency, ms")
	right = newPlot(fmt.Sprintf("%s, %s messages", title, sizeText(c.SizeBytes)), "throughput, 1000 messages/s", "order mistakes, %")
	for _, l := range []struct {
		label string
		color color.Color
		dash  []vg.Length
		of    []bench.Summary
		value func(bench.Summary) float64
	}{
		{"optimistic answer", early, nil, on, func(s bench.Summary) float64 { return s.Optimistic.P50 / 1e3 }},
		{"conservative answer", late, nil, on, func(s bench.Summary) float64 { return s.P50 / 1e3 }},
		{"conservative, optimistic delivery off", alone, []vg.Length{3, 2}, off, func(s bench.Summary) float64 { return s.P50 / 1e3 }},
	} {
		if err := line(left, l.label, l.color, l.dash, l.of, l.value); err != nil {
			return nil, nil, err
		}
	}
	if len(on) > 0 {
		most := slices.MaxFunc(on, func(a, b bench.Summary) int {
			if a.OpsPerS/a.Mean < b.OpsPerS/b.Mean {
				return -1
			}
			return 1
		})
		if err := ring(left, plotter.XY{X: most.OpsPerS / 1e3, Y: most.P50 / 1e3}); err != nil {
			return nil, nil, err
		}
	}
	err = line(right, "mistakes, of what was not forced", early, nil, on, func(s bench.Summary) float64 {
		return 100 * float64(s.Mistakes) / float64(max(s.Ahead(), 1))
	})
	for _, p := range []*plot.Plot{left, right} {
		p.X.Min, p.X.Max, p.Y.Max = 0, max(left.X.Max, right.X.Max), max(p.Y.Max, 0.1)*1.5
	}
	return left, right, err
}

// line draws one value of the summaries by throughput.
func line(p *plot.Plot, label string, c color.Color, dash []vg.Length, sums []bench.Summary, value func(bench.Summary) float64) error {
	var xys plotter.XYs
	for _, s := range sums {
		xys = append(xys, plotter.XY{X: s.OpsPerS / 1e3, Y: value(s)})
	}
	return curve(p, xys, label, c, dash)
}

// ring marks the load with maximum power.
func ring(p *plot.Plot, at plotter.XY) error {
	s, err := plotter.NewScatter(plotter.XYs{at})
	if err != nil {
		return err
	}
	s.Shape, s.Radius, s.Color = draw.RingGlyph{}, 5, color.Black
	p.Add(s)
	p.Legend.Add("maximum power", s)
	return nil
}
