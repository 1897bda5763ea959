package figures

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
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

// servicePoints are ZooKeeper and ours, at two loads, in two cases of each kind.
func servicePoints() (all []bench.Point) {
	for _, share := range []float64{0, 0.05} {
		for _, size := range []int{100, 1000} {
			for partitions, system := range map[int]string{0: "zookeeper", 1: "zksmr", 2: "volery"} {
				for _, load := range []float64{1, 0.75} {
					pt := bench.Point{System: system, Command: bench.SetData, Storage: bench.InMemory, Partitions: max(partitions, 1), SizeBytes: size,
						MultiShare: share, Load: load, OpsPerS: 1e4 * load, Mean: 800, P50: 700, P95: 1000, CPU: 0.02, CDF: new(bench.CDF)}
					for i := range pt.CDF {
						pt.CDF[i] = float64(100 + 10*i)
					}
					if partitions > 0 {
						pt.Stages = &bench.Stages{Batching: 100, Multicast: 400, Waiting: 50, Executing: 50, Replying: 200}
					}
					all = append(all, pt)
				}
			}
		}
	}
	return all
}

// socialPoints are Retwis and ours in all ways of execution, at three loads.
func socialPoints() (all []bench.Point) {
	cdf := new(bench.CDF)
	for i := range cdf {
		cdf[i] = float64(100 + 10*i)
	}
	for _, command := range []string{bench.Timeline, bench.Mix} {
		for _, load := range []float64{1, 0.75, 0.1} {
			pt := bench.Point{System: "retwis", Variant: "pipelined", Command: command, Partitions: 1, Load: load, OpsPerS: 5e3 * load, Mean: 2000, P50: 1900, CDF: cdf}
			all = append(all, pt)
			for _, partitions := range []int{1, 2} {
				for _, variant := range []string{"s-smr", "baseline", "full"} {
					pt := bench.Point{System: "chirper", Variant: variant, Command: command, Partitions: partitions, Load: load, OpsPerS: 2e4 * load * float64(partitions), Mean: 800, P50: 700, CDF: cdf,
						Stages: &bench.Stages{Batching: 100, Multicast: 400, Waiting: 50, Executing: 50, Replying: 200}}
					if variant != "s-smr" {
						pt.Optimistic = &bench.Optimistic{P50: 450, P99: 900, Replies: 1000, ReplyMistakes: 7, CDF: cdf, Stages: &bench.Stages{Multicast: 250, Waiting: 40, Executing: 50, Replying: 150}}
					}
					all = append(all, pt)
				}
			}
		}
	}
	return all
}

// Without points of ours there is no figure, and that is no failure.
func TestNoServices(t *testing.T) {
	for _, draw := range []func([]bench.Point) (Figure, error){Storage(bench.OnDisk, "4.2"), StorageCDF(bench.OnDisk, "4.3"), Replies, ReplyCDF, Partitions} {
		if _, err := draw(servicePoints()); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v, want ErrNotExist", err)
		}
	}
}

// Every figure is well-formed, and names its axes, units and systems.
func TestFigures(t *testing.T) {
	for name, c := range map[string]struct {
		draw   func([]bench.Point) (Figure, error)
		points []bench.Point
		want   []string
	}{
		"optimism":     {Optimism, loads(), []string{"order mistakes, %", "median latency, ms", "1000 messages/s", "one group, one-way delay 0.5 ms", "2 groups", "maximum power", "optimistic answer"}},
		"storage":      {Storage(bench.InMemory, "4.4"), servicePoints(), []string{"figure 4.4", "in memory", "one partition = 1", "relative throughput", "multicasting", "waiting", "ZooKeeper (100 B: 10 k/s)", "ZKsmr", "Volery, 2 partitions", "1 kB: 1", "CPU, us"}},
		"latencies":    {StorageCDF(bench.InMemory, "4.5"), servicePoints(), []string{"figure 4.5", "share of commands", "1 kB values", "ZooKeeper"}},
		"global":       {Global, servicePoints(), []string{"figure 4.6", "5 % global: 1", "share of global commands"}},
		"global CDF":   {GlobalCDF, servicePoints(), []string{"figure 4.7", "5 % global", "latency, ms"}},
		"replies":      {Replies, socialPoints(), []string{"figure 6.2", "10 %", "multicasting", "waiting", "executing", "fully", "baseline", "optimistic", "Retwis", "timeline, 1 partition", "mix, 2 partitions"}},
		"reply CDF":    {ReplyCDF, socialPoints(), []string{"figure 6.3", "share of commands", "mix, 2 partitions", "S-SMR", "fully optimistic"}},
		"partitions":   {Partitions, socialPoints(), []string{"figure 6.4", "timeline", "1 = 20 k/s", "Fast-SSMR, baseline", "wrong optimistic replies", "Retwis", "2 partitions"}},
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
