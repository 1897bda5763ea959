package figures

import (
	"fmt"
	"image/color"
	"io/fs"

	"github.com/eyrie-dev/eyrie/bench"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
)

// Storage is figure 4.2 (on disk) or 4.4 (in memory): setData by size, without
// global commands. points are those of bench volery. Without points of ours the
// error wraps fs.ErrNotExist: there is nothing to normalise by.
func Storage(storage, number string) func([]bench.Point) (Figure, error) {
	return func(points []bench.Point) (Figure, error) {
		return services(local(points, storage), serviceFigure{
			title: fmt.Sprintf("setData, %s: throughput, latency and where it comes from (figure %s)", place(storage), number),
			x:     "size of a value", of: func(pt bench.Point) int { return pt.SizeBytes }, text: sizeText,
		})
	}
}

// StorageCDF is figure 4.3 (on disk) or 4.5 (in memory).
func StorageCDF(storage, number string) func([]bench.Point) (Figure, error) {
	return func(points []bench.Point) (Figure, error) {
		return distributions(local(points, storage), 3, serviceFigure{
			title: fmt.Sprintf("setData, %s: distribution of latency at 75 %% of each system's highest throughput (figure %s)", place(storage), number),
			of:    func(pt bench.Point) int { return pt.SizeBytes }, text: func(n int) string { return sizeText(n) + " values" },
		})
	}
}

// Global is figure 4.6: a rising share of creates and deletes.
func Global(points []bench.Point) (Figure, error) {
	f := byShare
	f.title = "setData, and a share of create and delete: throughput, latency and where it comes from (figure 4.6)"
	return services(keep(points, writes), f)
}

// GlobalCDF is figure 4.7.
func GlobalCDF(points []bench.Point) (Figure, error) {
	f := byShare
	f.title = "setData, and a share of create and delete: distribution of latency at 75 % of each system's highest throughput (figure 4.7)"
	return distributions(keep(points, writes), 2, f)
}

var byShare = serviceFigure{
	x: "share of global commands", of: func(pt bench.Point) int { return int(1000*pt.MultiShare + 0.5) },
	text: func(n int) string { return fmt.Sprintf("%g %% global", float64(n)/10) },
}

func writes(pt bench.Point) bool { return pt.Command == bench.SetData }

func local(points []bench.Point, storage string) []bench.Point {
	return keep(points, func(pt bench.Point) bool { return writes(pt) && pt.Storage == storage && pt.MultiShare == 0 })
}

func place(storage string) string {
	if storage == bench.OnDisk {
		return "on disk"
	}
	return "in memory"
}

// serviceFigure is what these figures differ in: what they vary besides systems.
type serviceFigure struct {
	title, x string
	of       func(bench.Point) int
	text     func(int) string
}

// deployments are the systems of these figures that have points; the first
// partition's is named after both, being both.
func deployments(points []bench.Point) (out []series) {
	add := func(label, system string, partitions int) {
		is := func(pt bench.Point) bool {
			return pt.System == system && pt.Variant == "" && pt.Partitions == partitions
		}
		if len(keep(points, is)) > 0 {
			out = append(out, series{label, palette[(len(out)+4)%len(palette)], is})
		}
	}
	add("ZooKeeper", "zookeeper", 1)
	add("ZKsmr (Volery, 1 partition)", "zksmr", 1)
	for _, n := range values(points, func(pt bench.Point) int { return pt.Partitions }) {
		add(fmt.Sprintf("Volery, %d partitions", n), "volery", n)
	}
	return out
}

// at is a deployment's summary at a place and a load; zero if there is none.
func at(sums []bench.Summary, f serviceFigure, s series, place int, full bool) (none bench.Summary) {
	for _, sum := range sums {
		if s.is(sum.Point) && f.of(sum.Point) == place && (sum.Load == 1) == full {
			return sum
		}
	}
	return none
}

func services(points []bench.Point, f serviceFigure) (Figure, error) {
	fig := Figure{Title: f.title}
	sums, places, systems := bench.Summarize(points), values(points, f.of), deployments(points)
	isOne := func(pt bench.Point) bool { return pt.System == "zksmr" && pt.Variant == "" }
	if len(keep(points, isOne)) == 0 {
		return fig, fmt.Errorf("figures: no points of one partition: %w", fs.ErrNotExist)
	}
	one := series{is: isOne}
	most := newPlot("highest throughput, one partition = 1", f.x, "relative throughput")
	late := newPlot("latency at 75 % of it (bar p95, dash mean)", f.x, "latency, ms")
	cost := newPlot("processor time per operation, all processes", f.x, "CPU, us")
	for i, s := range systems {
		rate, tail, mean, cpu := bars(places), bars(places), bars(places), bars(places)
		label := s.label
		for p, where := range places {
			full, part := at(sums, f, s, where, true), at(sums, f, s, where, false)
			if base := at(sums, f, one, where, true).OpsPerS; base > 0 {
				rate[p] = full.OpsPerS / base
			}
			tail[p], mean[p], cpu[p] = part.P95/1e3, part.Mean/1e3, 1e3*full.CPU
			if p == 0 {
				label = fmt.Sprintf("%s (%s: %s/s)", s.label, f.text(where), bench.Digits(full.OpsPerS))
			}
		}
		for _, b := range []struct {
			plot         *plot.Plot
			label        string
			bars, dashes plotter.Values
		}{{most, label, rate, nil}, {late, s.label, tail, mean}, {cost, s.label, cpu, nil}} {
			if err := group(b.plot, i, len(systems), s, b.label, b.bars, b.dashes); err != nil {
				return fig, err
			}
		}
	}
	for _, p := range []*plot.Plot{most, late, cost} {
		finishNamed(p, called(places, f.text))
	}
	parts, err := breakdown(sums, f, places, systems)
	fig.Rows = [][]*plot.Plot{{most, parts}, {late, cost}}
	return fig, err
}

func bars(places []int) plotter.Values { return make(plotter.Values, len(places)) }

// called is what places are called.
func called(places []int, text func(int) string) (out []string) {
	for _, p := range places {
		out = append(out, text(p))
	}
	return out
}

// breakdown stacks the parts of the mean latency, at each place for each number
// of partitions.
func breakdown(sums []bench.Summary, f serviceFigure, places []int, systems []series) (*plot.Plot, error) {
	p := newPlot("parts of the mean latency at 75 %, by partitions", f.x+": partitions", "latency, ms")
	var labels []string
	var all []*bench.Stages
	for _, where := range places {
		for _, s := range systems {
			sum := at(sums, f, s, where, false)
			if sum.Stages == nil {
				continue
			}
			label := fmt.Sprint(sum.Partitions)
			if sum.Partitions == 1 {
				label = f.text(where) + ": 1"
			}
			labels, all = append(labels, label), append(all, sum.Stages)
		}
	}
	if len(all) == 0 {
		return p, nil
	}
	var below *plotter.BarChart
	for _, part := range []struct {
		label string
		color color.Color
		of    func(*bench.Stages) float64
	}{
		{"batching", palette[1], func(g *bench.Stages) float64 { return g.Batching }},
		{"multicasting", palette[0], func(g *bench.Stages) float64 { return g.Multicast }},
		{"waiting", palette[4], func(g *bench.Stages) float64 { return g.Waiting }},
		{"executing", palette[2], func(g *bench.Stages) float64 { return g.Executing }},
		{"replying", palette[3], func(g *bench.Stages) float64 { return g.Replying }},
	} {
		v := make(plotter.Values, len(all))
		for i, g := range all {
			v[i] = part.of(g) / 1e3
		}
		b, err := plotter.NewBarChart(v, groupWidth/4)
		if err != nil {
			return nil, err
		}
		b.Color, b.LineStyle.Width = part.color, 0
		if below != nil {
			b.StackOn(below)
		}
		below = b
		p.Add(b)
		p.Legend.Add(part.label, b)
	}
	finishNamed(p, labels)
	p.X.Tick.Label.Font.Size = 6
	return p, nil
}

// distributions draws a plot for each place, with as many columns.
func distributions(points []bench.Point, columns int, f serviceFigure) (Figure, error) {
	fig := Figure{Title: f.title}
	sums, places, systems := bench.Summarize(points), values(points, f.of), deployments(points)
	if len(keep(points, func(pt bench.Point) bool { return pt.CDF != nil && pt.System == "zksmr" })) == 0 {
		return fig, fmt.Errorf("figures: no distributions of ours: %w", fs.ErrNotExist)
	}
	columns = min(columns, len(places))
	for i, where := range places {
		p := newPlot(f.text(where), "latency, ms", "share of commands")
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
		p.Y.Max, p.Legend.Left, p.Legend.Top = 1, false, false
		for _, s := range systems {
			sum := at(sums, f, s, where, false)
			if sum.CDF == nil {
				continue
			}
			var xys plotter.XYs
			for q, us := range sum.CDF {
				xys = append(xys, plotter.XY{X: max(us, 1) / 1e3, Y: bench.Quantiles[q]})
			}
			if err := curve(p, xys, s.label, s.color, nil); err != nil {
				return fig, err
			}
		}
		logarithmic(p)
		if i%columns == 0 {
			fig.Rows = append(fig.Rows, make([]*plot.Plot, columns))
		}
		fig.Rows[i/columns][i%columns] = p
	}
	return fig, nil
}
