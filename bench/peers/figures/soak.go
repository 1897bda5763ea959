package figures

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/eyrie-dev/eyrie/bench"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// lines reads JSON lines of one type. None at all is fs.ErrNotExist.
func lines[T any](r io.Reader) (all []T, err error) {
	for dec := json.NewDecoder(r); ; {
		var x T
		if err := dec.Decode(&x); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("line %d: %w", len(all)+1, err)
		}
		all = append(all, x)
	}
	if len(all) == 0 {
		return nil, fs.ErrNotExist
	}
	return all, nil
}

// Soak draws what bench soak saw: disk and memory of each process, throughput
// and latency.
func Soak(r io.Reader) (Figure, error) {
	samples, err := lines[bench.SoakSample](r)
	if err != nil {
		return Figure{}, err
	}
	disk, memory := newPlot("disk, by process", "minutes", "MiB"), newPlot("resident memory, by process", "minutes", "MiB")
	rate, late := newPlot("throughput", "minutes", "thousand/s"), newPlot("latency", "minutes", "ms")
	disk.Legend.Top, memory.Legend.Top = false, false
	for p := range samples[0].Processes {
		label := fmt.Sprintf("process %d", p+1)
		of := func(f func(*bench.Footprint) float64) plotter.XYs {
			return over(samples, func(s *bench.SoakSample) float64 { return f(&s.Processes[p]) / (1 << 20) })
		}
		err = errors.Join(err,
			trace(disk, of(func(f *bench.Footprint) float64 { return f.Journal + f.Checkpoints }), label, p),
			trace(memory, of(func(f *bench.Footprint) float64 { return f.RSS }), label, p))
	}
	err = errors.Join(err,
		trace(rate, over(samples, func(s *bench.SoakSample) float64 { return s.OpsPerS / 1e3 }), "setData", 0),
		trace(late, over(samples, func(s *bench.SoakSample) float64 { return s.P50 / 1e3 }), "p50", 0),
		trace(late, over(samples, func(s *bench.SoakSample) float64 { return s.P99 / 1e3 }), "p99", 4))
	return Figure{"Durable processes under full load", [][]*plot.Plot{{disk, memory}, {rate, late}}}, err
}

func over(samples []bench.SoakSample, y func(*bench.SoakSample) float64) (out plotter.XYs) {
	for i := range samples {
		out = append(out, plotter.XY{X: samples[i].Seconds / 60, Y: y(&samples[i])})
	}
	return out
}

// trace draws points in the order of time, without dots.
func trace(p *plot.Plot, xys plotter.XYs, label string, colour int) error {
	if len(xys) == 0 {
		return nil
	}
	l, err := plotter.NewLine(xys)
	if err != nil {
		return err
	}
	l.Color, l.Width = palette[colour%len(palette)], vg.Points(1)
	p.Add(l)
	p.Legend.Add(label, l)
	return nil
}

// Rejoin draws clients' latency in each second of bench rejoin.
func Rejoin(r io.Reader) (Figure, error) {
	runs, err := lines[bench.RejoinRun](r)
	if err != nil {
		return Figure{}, err
	}
	fig := Figure{Title: "Clients' latency while a replica is away and comes back", Rows: [][]*plot.Plot{nil}}
	for _, run := range runs {
		p := newPlot(fmt.Sprintf("%s: away %.0f s, caught up %.1f s after its start", run.Way, run.AwaySeconds, run.CaughtSeconds), "s", "p99 of a second, ms")
		for i, part := range run.Parts {
			var xys plotter.XYs
			for _, s := range part.Seconds {
				xys = append(xys, plotter.XY{X: s.At, Y: s.P99 / 1e3})
			}
			if err := curve(p, xys, part.Name, palette[(2*i)%len(palette)], nil); err != nil {
				return fig, err
			}
		}
		fig.Rows[0] = append(fig.Rows[0], p)
	}
	return fig, nil
}
