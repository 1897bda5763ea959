package scale

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/eyrie-dev/eyrie/bench"
)

// Point is one run as a line of JSON: the fields of every bench, and what is
// particular to the model. Latencies are those of replies; at the destinations
// they are dest_p50_us and dest_p95_us, at the last of them last_p50_us. The
// processor time is the model's.
type Point struct {
	bench.Point
	Model        bool    `json:"model"`
	Claim        string  `json:"claim"`
	Groups       int     `json:"groups"`
	Destinations int     `json:"destinations"` // processes of a group
	Share        float64 `json:"share"`        // of messages to two groups
	F            int     `json:"f"`
	Cores        int     `json:"cores"`
	BitsPerS     float64 `json:"bits_per_s"` // of a link
	DestP50      float64 `json:"dest_p50_us"`
	DestP95      float64 `json:"dest_p95_us"`
	LastP50      float64 `json:"last_p50_us"`
	Busiest      float64 `json:"busiest_cpu"`
	Fullest      float64 `json:"fullest_port"`
	Slowest      float64 `json:"slowest_destination"` // of the mean destination's deliveries
	Apart        bool    `json:"e_all_apart"`
}

func newPoint(claim string, r Result) Point {
	us := func(h *bench.Histogram, q float64) float64 { return float64(h.Quantile(q)) / 1e3 }
	p := r.Plan
	system := "eyrie"
	if p.Ring {
		system = "ring"
	}
	pt := Point{
		Point: bench.Point{
			Bench: "scale", System: system, Round: 1, Partitions: p.Groups, Replicas: p.Destinations, SizeBytes: p.Size,
			Outstanding: p.Outstanding * p.Groups, MultiShare: p.Share, DelayUS: float64(p.Link.Delay) / 1e3,
			Ops: uint64(r.PerS * p.Measure.Seconds()), Seconds: p.Measure.Seconds(), OpsPerS: r.PerS,
			P50: us(&r.Reply, 0.5), P95: us(&r.Reply, 0.95), P99: us(&r.Reply, 0.99), P999: us(&r.Reply, 0.999), CPU: 1000 * r.CPUPerMessage(),
		},
		Model: true, Claim: claim, Groups: p.Groups, Destinations: p.Destinations, Share: p.Share, F: p.F, Cores: p.Cores,
		BitsPerS: 8 * p.Link.Bandwidth, DestP50: us(&r.Each, 0.5), DestP95: us(&r.Each, 0.95), LastP50: us(&r.Last, 0.5),
		Busiest: highest(r.Busy), Fullest: highest(r.Sending), Slowest: r.Slowest, Apart: p.Apart,
	}
	if l := p.Social; l != nil {
		if pt.Command, pt.Share = bench.Timeline, l.Far; l.Post {
			pt.Command = bench.Post
		}
	}
	return pt
}

func writePoint(w io.Writer, claim string, r Result) error {
	return json.NewEncoder(w).Encode(newPoint(claim, r))
}

// write writes a claim for people.
func (c *Claim) write(w io.Writer) {
	fmt.Fprintf(w, "\n%s\nClaim: %s (%s)\n\n", strings.ToUpper(c.Name[:1])+c.Name[1:], c.Says, c.Source)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "%s\t\n", strings.Join(c.Head, "\t"))
	for _, r := range c.Rows {
		fmt.Fprintf(t, "%s\t\n", strings.Join(r, "\t"))
	}
	t.Flush()
	fmt.Fprintln(w)
	for _, k := range c.Checks {
		verdict := "holds "
		if !k.OK {
			verdict = "FAILS "
		}
		fmt.Fprintf(w, "  %s %s\n", verdict, k.Text)
	}
	for _, n := range c.Notes {
		fmt.Fprintf(w, "         %s\n", n)
	}
}

// preface says what is modelled.
func (o *Options) preface(w io.Writer) {
	fmt.Fprintf(w, "scale: Ridge's real cores on a model of links (%s bit/s each way, %v) and processors (%d for each process)\n",
		bench.Digits(8*o.Link.Bandwidth), o.Link.Delay, o.Cores)
	fmt.Fprintf(w, "costs: measured on %s, %s, %s\n", o.Costs.Machine, o.Costs.Date, o.Costs.Version)
}

func (l *lab) summary(w io.Writer, wall time.Duration) {
	fmt.Fprintf(w, "\n%d runs, %s messages modelled in %v (%v of processor time)\n", l.runs, bench.Digits(float64(l.total)), wall.Round(time.Millisecond), l.spent.Round(time.Millisecond))
}
