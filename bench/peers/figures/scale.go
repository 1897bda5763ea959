package figures

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

	"github.com/eyrie-dev/eyrie/bench/scale"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
)

// Scale draws the model's runs: throughput and latency by destinations, beside
// a ring, and throughput by groups and by the share of messages to two groups.
func Scale(r io.Reader) (Figure, error) {
	var points []scale.Point
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var p scale.Point
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			return Figure{}, fmt.Errorf("line %d: %w", len(points)+1, err)
		}
		points = append(points, p)
	}
	if err := lines.Err(); err != nil {
		return Figure{}, err
	}
	destinations := func(p scale.Point) float64 { return float64(p.Destinations) }
	throughput := newPlot("one group: highest throughput", "destinations", "throughput, Mbit/s")
	latency := newPlot("one group, 1 KiB, idle: until the last destination has it", "destinations", "latency, ms")
	groups := newPlot("groups of four, messages to one group", "groups", "throughput, one group = 1")
	share := newPlot("16 groups, a share of messages to two", "share of messages to two groups, %", "throughput, thousand/s")
	throughput.Legend.Top, share.Legend.Left = false, false
	one := 1.0
	for _, p := range points {
		if p.Claim == "groups" && p.Groups == 1 && p.OpsPerS > 0 {
			one = p.OpsPerS
		}
	}
	curves := []struct {
		plot   *plot.Plot
		label  string
		of     func(scale.Point) bool
		x, y   func(scale.Point) float64
		colour int
	}{
		{throughput, "Ridge, 64 KiB", in("throughput-64k", "eyrie"), destinations, mbits, 0},
		{throughput, "ring, 64 KiB", in("throughput-64k", "ring"), destinations, mbits, 4},
		{throughput, "Ridge, 200 B", in("throughput-200", "eyrie"), destinations, mbits, 1},
		{throughput, "ring, 200 B", in("throughput-200", "ring"), destinations, mbits, 5},
		{latency, "Ridge", small("eyrie"), destinations, last, 0},
		{latency, "ring", small("ring"), destinations, last, 4},
		{groups, "Ridge", in("groups", "eyrie"), func(p scale.Point) float64 { return float64(p.Groups) }, func(p scale.Point) float64 { return p.OpsPerS / one }, 0},
		{share, "Ridge", func(p scale.Point) bool { return p.Claim == "share" && !p.Apart }, percent, thousands, 0},
		{share, "Ridge, e_all in a group without load", func(p scale.Point) bool { return p.Claim == "share" && p.Apart }, percent, thousands, 2},
	}
	for _, c := range curves {
		if err := curve(c.plot, highest(points, c.of, c.x, c.y), c.label, palette[c.colour], nil); err != nil {
			return Figure{}, err
		}
	}
	return Figure{Title: "A model of links (1 Gbit/s) and processors, with the real cores (section 5.4)",
		Rows: [][]*plot.Plot{{throughput, latency}, {groups, share}}}, nil
}

func in(claim, system string) func(scale.Point) bool {
	return func(p scale.Point) bool { return p.Claim == claim && p.System == system && p.OpsPerS > 0 }
}

// small are the single messages of 1 KiB on the network of all other runs.
func small(system string) func(scale.Point) bool {
	return func(p scale.Point) bool {
		return p.Claim == "latency-destinations" && p.System == system && p.SizeBytes == 1<<10 && p.DelayUS < 10_000
	}
}

func mbits(p scale.Point) float64     { return megabits(p.Point) }
func last(p scale.Point) float64      { return p.LastP50 / 1e3 }
func percent(p scale.Point) float64   { return 100 * p.Share }
func thousands(p scale.Point) float64 { return p.OpsPerS / 1e3 }

// highest is the highest y of each x.
func highest(points []scale.Point, of func(scale.Point) bool, x, y func(scale.Point) float64) (xys plotter.XYs) {
	best := map[float64]float64{}
	for _, p := range points {
		if of(p) {
			best[x(p)] = max(best[x(p)], y(p))
		}
	}
	for at, v := range best {
		xys = append(xys, plotter.XY{X: at, Y: v})
	}
	return xys
}
