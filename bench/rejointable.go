package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// RejoinRun is a replica's way back, as a line of JSON.
type RejoinRun struct {
	Bench         string  `json:"bench"` // "rejoin"
	Way           string  `json:"way"`   // "replay" or "transfer"
	Variables     int     `json:"variables"`
	SizeBytes     int     `json:"size_bytes"`
	Rate          float64 `json:"load_ops_per_s"`
	AwaySeconds   float64 `json:"away_s"`
	ReadySeconds  float64 `json:"ready_s"`     // since its start
	CaughtSeconds float64 `json:"caught_up_s"` // since its start
	Replayed      uint64  `json:"replayed_commands"`
	TransferBytes uint64  `json:"transfer_bytes"`
	Journal       float64 `json:"journal_bytes"` // on its disk, when it started
	Parts         []RejoinPart
}

// RejoinPart is what clients saw before, while the replica was away, while it
// came back (during), and after.
type RejoinPart struct {
	Name    string         `json:"name"`
	P50     float64        `json:"p50_us"` // of the part's operations
	P99     float64        `json:"p99_us"`
	Median  float64        `json:"median_p99_us"` // of the seconds' p99
	Worst   float64        `json:"worst_p99_us"`  // likewise
	Errors  uint64         `json:"errors"`
	Seconds []RejoinSecond `json:"seconds"`
}

// RejoinSecond is one second of it.
type RejoinSecond struct {
	At      float64 `json:"at_s"`
	OpsPerS float64 `json:"ops_per_s"`
	P50     float64 `json:"p50_us"`
	P99     float64 `json:"p99_us"`
	Max     float64 `json:"max_us"`
}

func (r *RejoinRun) add(name string, ticks []tick, begin time.Time) {
	p := RejoinPart{Name: name}
	var h Histogram
	var all []float64
	for i := range ticks {
		t := &ticks[i]
		t.Latency.addTo(&h)
		p.Errors += t.Errors
		s := RejoinSecond{At: time.UnixMilli(t.At).Sub(begin).Seconds(), OpsPerS: t.rate(), P50: us(t.quantile(0.5)), P99: us(t.quantile(0.99)), Max: us(t.Latency.Max)}
		all, p.Worst = append(all, s.P99), max(p.Worst, s.P99)
		p.Seconds = append(p.Seconds, s)
	}
	p.P50, p.P99, p.Median = us(h.Quantile(0.5)), us(h.Quantile(0.99)), middling(all)
	r.Parts = append(r.Parts, p)
}

func (r *RejoinRun) part(name string) (none RejoinPart) {
	for _, p := range r.Parts {
		if p.Name == name {
			return p
		}
	}
	return none
}

// rejoinBound is how many times its normal value clients' p99 may have while a
// replica comes back.
const rejoinBound = 3

// writeRejoins writes the runs for people, and says whether clients' p99 stayed
// within its bound: that of all operations while the replica came back, beside
// that of all operations before it was killed. Like beside like: each has the
// moments at which checkpoints are written. The median of the seconds' p99, which
// has few of those, is in the table.
func writeRejoins(w io.Writer, runs []*RejoinRun) bool {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "way\taway\tready after\tcaught up after\texecuted again\ttransferred, MiB\tpart\tseconds\tops/s\tp50\tp99\tp99 of a second: median\tworst\terrors\t")
	ok := len(runs) > 0
	for _, r := range runs {
		for _, p := range r.Parts {
			fmt.Fprintf(t, "%s\t%.1f s\t%.1f s\t%.1f s\t%d\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t%d\t\n", r.Way, r.AwaySeconds, r.ReadySeconds, r.CaughtSeconds,
				r.Replayed, mebibytes(float64(r.TransferBytes)), p.Name, len(p.Seconds), Digits(p.rate()), micros(p.P50), micros(p.P99), micros(p.Median), micros(p.Worst), p.Errors)
		}
	}
	t.Flush()
	for _, r := range runs {
		normal, during := r.part("before").P99, r.part("during").P99
		verdict := "holds"
		if normal == 0 || during == 0 || during >= rejoinBound*normal {
			verdict, ok = "DOES NOT HOLD", false
		}
		fmt.Fprintf(w, "%s: p99 while the replica comes back %s, %.1f times the normal %s; below %d times: %s\n",
			r.Way, micros(during), during/max(normal, 1), micros(normal), rejoinBound, verdict)
		for _, p := range r.Parts {
			ok = ok && p.Errors == 0
		}
	}
	return ok
}

func (p *RejoinPart) rate() float64 {
	var sum float64
	for _, s := range p.Seconds {
		sum += s.OpsPerS
	}
	return sum / float64(max(len(p.Seconds), 1))
}
