// Package figures draws what the benches measured, from their JSON lines, as
// the dissertation's figures 4.2 to 4.7 and 5.1 to 5.3 show it.
package figures

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"image/color"
	"io"
	"slices"
	"strconv"

	"github.com/eyrie-dev/eyrie/bench"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Read reads JSON lines as benches write them.
func Read(r io.Reader) (points []bench.Point, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var pt bench.Point
		if err := json.Unmarshal(lines.Bytes(), &pt); err != nil {
			return nil, fmt.Errorf("line %d: %w", len(points)+1, err)
		}
		points = append(points, pt)
	}
	return points, lines.Err()
}

// Figure is a grid of plots under one title.
type Figure struct {
	Title string
	Rows  [][]*plot.Plot
}

// Every plot has this size, and the title this height.
const (
	plotWidth, plotHeight = 12.5 * vg.Centimeter, 7 * vg.Centimeter
	titleHeight           = 0.9 * vg.Centimeter
)

// Write writes the figure as SVG.
func (f Figure) Write(w io.Writer) error {
	c := vgsvg.New(f.size())
	f.paint(draw.New(c))
	_, err := c.WriteTo(w)
	return err
}

func (f Figure) size() (width, height vg.Length) {
	columns := 0
	for _, row := range f.Rows {
		columns = max(columns, len(row))
	}
	return vg.Length(columns) * plotWidth, vg.Length(len(f.Rows))*plotHeight + titleHeight
}

func (f Figure) paint(all draw.Canvas) {
	width, height := f.size()
	all.SetColor(color.White)
	all.Fill(all.Rectangle.Path())
	style := plot.New().Title.TextStyle
	style.Font.Size, style.XAlign, style.YAlign = 13, draw.XCenter, draw.YTop
	all.FillText(style, vg.Point{X: width / 2, Y: height - 0.25*vg.Centimeter}, f.Title)
	body := draw.Crop(all, 0, 0, 0, -titleHeight)
	tiles := draw.Tiles{Rows: len(f.Rows), Cols: len(f.Rows[0]), PadX: 6 * vg.Millimeter, PadY: 5 * vg.Millimeter,
		PadLeft: 4 * vg.Millimeter, PadRight: 4 * vg.Millimeter, PadBottom: 2 * vg.Millimeter}
	for i, row := range plot.Align(f.Rows, tiles, body) {
		for j, canvas := range row {
			if p := f.Rows[i][j]; p != nil {
				p.Draw(canvas)
			}
		}
	}
}

// names are the systems in the order in which they are drawn, with what
// figures call them.
var names = []struct{ system, variant, label string }{
	{"ridge", "", "Ridge"},
	{"ridge", "remote", "Ridge, remote client"},
	{"eyrie", "near", "Eyrie (whole stack)"},
	{"eyrie", "", "Eyrie, remote client"},
	{"etcd-raft", "", "etcd raft"},
	{"hashicorp-raft", "", "hashicorp/raft"},
	{"floor", "", "floor (no protocol)"},
}

// palette holds colours that differ in lightness too.
var palette = []color.Color{
	color.RGBA{R: 0x1b, G: 0x6c, B: 0xa8, A: 0xff}, color.RGBA{R: 0x7f, G: 0xb8, B: 0xde, A: 0xff},
	color.RGBA{R: 0x2f, G: 0x8f, B: 0x5b, A: 0xff}, color.RGBA{R: 0x9c, G: 0xcf, B: 0xa8, A: 0xff},
	color.RGBA{R: 0xd9, G: 0x7c, B: 0x2b, A: 0xff}, color.RGBA{R: 0x9b, G: 0x4f, B: 0x96, A: 0xff},
	color.RGBA{R: 0x8a, G: 0x8a, B: 0x8a, A: 0xff},
}

// series is one system in a figure.
type series struct {
	label string
	color color.Color
	is    func(bench.Point) bool
}

// present are the systems that have points.
func present(points []bench.Point) (out []series) {
	for i, n := range names {
		s := series{n.label, palette[i], func(pt bench.Point) bool { return pt.System == n.system && pt.Variant == n.variant }}
		if slices.ContainsFunc(points, s.is) {
			out = append(out, s)
		}
	}
	return out
}

// values are the different values of f, ascending.
func values(points []bench.Point, f func(bench.Point) int) (out []int) {
	for _, pt := range points {
		out = append(out, f(pt))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func keep(points []bench.Point, f func(bench.Point) bool) (out []bench.Point) {
	for _, pt := range points {
		if f(pt) {
			out = append(out, pt)
		}
	}
	return out
}

func newPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.TextStyle.Font.Size, p.Title.Padding = 11, 2*vg.Millimeter
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.TextStyle.Font.Size = 8
	p.Y.Min, p.Y.Tick.Marker, p.X.Tick.Marker = 0, ticks{}, ticks{}
	return p
}

// curve draws points from left to right, if there are any, with a dot at each.
func curve(p *plot.Plot, xys plotter.XYs, label string, c color.Color, dash []vg.Length) error {
	if len(xys) == 0 {
		return nil
	}
	slices.SortFunc(xys, func(a, b plotter.XY) int { return cmp.Compare(a.X, b.X) })
	l, dots, err := plotter.NewLinePoints(xys)
	if err != nil {
		return err
	}
	l.Color, l.Width, l.Dashes = c, 1.2, dash
	dots.Color, dots.Shape, dots.Radius = c, draw.CircleGlyph{}, 2
	p.Add(l, dots)
	p.Legend.Add(label, l, dots)
	return nil
}

// ticks are the usual ones, labelled without needless digits.
type ticks struct{}

// Ticks implements plot.Ticker.
func (ticks) Ticks(low, high float64) []plot.Tick {
	all := plot.DefaultTicks{}.Ticks(low, high)
	for i, t := range all {
		if !t.IsMinor() {
			all[i].Label = strconv.FormatFloat(t.Value, 'g', 6, 64)
		}
	}
	return all
}

// sizeText is a message size for people.
func sizeText(n int) string {
	if n >= 1000 && n%1000 == 0 {
		return fmt.Sprintf("%d kB", n/1000)
	}
	return fmt.Sprintf("%d B", n)
}
