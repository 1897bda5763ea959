package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/eyrie-dev/eyrie/bench"
	"github.com/eyrie-dev/eyrie/bench/peers/figures"
)

// drawings are the figures, and the parts whose points they show.
var drawings = []struct {
	file, title, part string
	draw              func(io.Reader) (figures.Figure, error)
}{
	{"figure-4.2.svg", "Figure 4.2: Volery, ZKsmr and ZooKeeper on disk", "volery", measured(figures.Storage(bench.OnDisk, "4.2"))},
	{"figure-4.3.svg", "Figure 4.3: their latencies on disk", "volery", measured(figures.StorageCDF(bench.OnDisk, "4.3"))},
	{"figure-4.4.svg", "Figure 4.4: Volery, ZKsmr and ZooKeeper in memory", "volery", measured(figures.Storage(bench.InMemory, "4.4"))},
	{"figure-4.5.svg", "Figure 4.5: their latencies in memory", "volery", measured(figures.StorageCDF(bench.InMemory, "4.5"))},
	{"figure-4.6.svg", "Figure 4.6: a share of global commands", "volery-global", measured(figures.Global)},
	{"figure-4.7.svg", "Figure 4.7: latencies with global commands", "volery-global", measured(figures.GlobalCDF)},
	{"figure-5.1.svg", "Figure 5.1: one group, by destinations", "broadcast", measured(figures.Destinations)},
	{"figure-5.2.svg", "Figure 5.2: more groups", "multicast", measured(figures.Groups)},
	{"figure-5.3.svg", "Figure 5.3: optimistic delivery", "latency", measured(figures.Optimism)},
	{"figure-5.3-64kB.svg", "Figure 5.3, 64 kB messages", "latency-64kB", measured(figures.Optimism)},
	{"figure-6.2.svg", "Figure 6.2: components of latencies", "chirper", measured(figures.Replies)},
	{"figure-6.3.svg", "Figure 6.3: distributions of latency", "chirper", measured(figures.ReplyCDF)},
	{"figure-6.4.svg", "Figure 6.4: Chirper by partitions, beside Retwis", "chirper", measured(figures.Partitions)},
	{"figure-6.2-delay.svg", "Figure 6.2 with a delay of 0.5 ms", "chirper-delay", measured(figures.Replies)},
	{"figure-6.3-delay.svg", "Figure 6.3 with a delay of 0.5 ms", "chirper-delay", measured(figures.ReplyCDF)},
	{"soak.svg", "Disk, memory, throughput and p99 over ten minutes of full load", "soak", figures.Soak},
	{"rejoin.svg", "Clients' p99 while a replica is away and comes back", "rejoin", figures.Rejoin},
	{"scale.svg", "The model, by destinations, groups and share", "scale", figures.Scale},
}

// measured draws the points that benches wrote.
func measured(draw func([]bench.Point) (figures.Figure, error)) func(io.Reader) (figures.Figure, error) {
	return func(r io.Reader) (figures.Figure, error) {
		points, err := figures.Read(r)
		if err != nil {
			return figures.Figure{}, err
		}
		return draw(points)
	}
}

// draw makes every figure whose points are in the folder.
func draw(dir string) error {
	var errs []error
	for _, d := range drawings {
		if err := drawOne(dir, d.file, d.part, d.draw); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("%s: %w", d.file, err))
		}
	}
	return errors.Join(errs...)
}

func drawOne(dir, file, part string, draw func(io.Reader) (figures.Figure, error)) error {
	in, err := os.Open(filepath.Join(dir, part+".json"))
	if err != nil {
		return err
	}
	defer in.Close()
	if info, err := in.Stat(); err != nil || info.Size() == 0 {
		return err
	}
	fig, err := draw(in)
	if err != nil {
		return err
	}
	out, err := os.Create(filepath.Join(dir, file))
	if err != nil {
		return err
	}
	return errors.Join(fig.Write(out), out.Close())
}

// page writes README.md: every part's tables, the command that makes them
// again, and the figures.
func page(dir string, quick bool) error {
	var b strings.Builder
	kind, flag := "full run", ""
	if quick {
		kind, flag = "quick run: short windows, for orientation only", " -quick"
	}
	fmt.Fprintf(&b, "# Results of a %s\n\nWritten by `cd bench/peers && go run . all%s`; how to read it is in [Benchmarks](../README.md).\n", kind, flag)
	for _, p := range parts {
		text, err := os.ReadFile(filepath.Join(dir, p.name+".txt"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return err
		}
		fmt.Fprintf(&b, "\n## %s\n\nThis part alone: `go run . all%s -only %s`, which runs `go run . %s %s`. Points: [%s.json](%s.json).\n",
			p.title, flag, p.name, p.bench, quoted(p.flags(quick)), p.name, p.name)
		for _, d := range drawings {
			if _, err := os.Stat(filepath.Join(dir, d.file)); d.part == p.name && err == nil {
				fmt.Fprintf(&b, "\n![%s](%s)\n", d.title, d.file)
			}
		}
		fmt.Fprintf(&b, "\n```\n%s\n```\n", strings.TrimSpace(string(text)))
	}
	return os.WriteFile(filepath.Join(dir, "README.md"), []byte(b.String()), 0o644)
}

// quoted are flags as a shell takes them.
func quoted(flags []string) string {
	var out []string
	for _, f := range flags {
		if strings.ContainsAny(f, " ") {
			f = `"` + f + `"`
		}
		out = append(out, f)
	}
	return strings.Join(out, " ")
}
