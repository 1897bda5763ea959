package figures

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"strings"
	"testing"

	"github.com/eyrie-dev/eyrie/bench"
)

// points are of two systems in three cases each, at two loads.
func points() (all []bench.Point) {
	for i, system := range []string{"ridge", "etcd-raft"} {
		for n := 1; n <= 3; n++ {
			for _, outstanding := range []int{1, 64} {
				pt := bench.Point{System: system, SizeBytes: 64_000, Outstanding: outstanding, OpsPerS: float64(outstanding * (i + 1) * 100), Mean: float64(50 * n), P95: float64(100 * n)}
				pt.Partitions, pt.Replicas = 1, 2+n
				all = append(all, pt)
				if n > 1 {
					pt.Partitions, pt.Replicas = n, 3
					all = append(all, pt)
				}
			}
		}
	}
	return all
}

// loads are of both variants at three loads, in two cases.
func loads() (all []bench.Point) {
	for _, partitions := range []int{1, 2} {
		for _, load := range []float64{1, 0.25, 0.5} {
			pt := bench.Point{System: "ridge", Variant: "conservative", Partitions: partitions, SizeBytes: 100, DelayUS: 500, Load: load, OpsPerS: 1e5 * load, Mean: 800, P50: 700}
			all = append(all, pt)
			pt.Variant, pt.Optimistic = "optimistic", &bench.Optimistic{P50: 500, P99: 900, Compared: 1000, Mistakes: uint64(20 * load)}
			all = append(all, pt)
		}
	}
	return all
}

// Every figure is well-formed, and names its axes, units and systems.
func TestFigures(t *testing.T) {
	for name, c := range map[string]struct {
		draw   func([]bench.Point) (Figure, error)
		points []bench.Point
		want   []string
	}{
		"optimism":     {Optimism, loads(), []string{"order mistakes, %", "median latency, ms", "1000 messages/s", "one group, one-way delay 0.5 ms", "2 groups", "maximum power", "optimistic answer"}},
		"destinations": {Destinations, points(), []string{"destinations", "Mbit/s", "latency, ms", "64 kB messages", "Ridge", "etcd raft", ">5<"}},
		"groups":       {Groups, points(), []string{"groups", "one group = 1", "latency, ms", "64 kB messages", "Ridge (1 = 3277 Mbit/s)", ">3<"}},
	} {
		fig, err := c.draw(c.points)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := fig.Write(&b); err != nil {
			t.Fatal(err)
		}
		for _, w := range c.want {
			if !strings.Contains(b.String(), w) {
				t.Errorf("%s: %q is nowhere in the figure", name, w)
			}
		}
		d := xml.NewDecoder(&b)
		for {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
}

// Points come back from their lines.
func TestRead(t *testing.T) {
	var b bytes.Buffer
	for _, pt := range points() {
		if err := json.NewEncoder(&b).Encode(pt); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Read(&b)
	if err != nil || len(got) != len(points()) || got[0].OpsPerS != points()[0].OpsPerS {
		t.Errorf("%d points, %v", len(got), err)
	}
	if _, err := Read(strings.NewReader("{}\nno line\n")); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a broken line: %v", err)
	}
}
