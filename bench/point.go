package bench

import "fmt"

// Point is one turn of one contender. Its fields are those of a line of JSON;
// plots and later comparisons read them, so names do not change.
type Point struct {
	Bench       string  `json:"bench"`
	System      string  `json:"system"`
	Variant     string  `json:"variant"`
	Round       int     `json:"round"` // from 1
	Partitions  int     `json:"partitions"`
	Replicas    int     `json:"replicas"`
	SizeBytes   int     `json:"size_bytes"`
	Outstanding int     `json:"outstanding"`
	MultiShare  float64 `json:"multi_share"` // 0 to 1
	// Destinations is how many partitions a multi-partition operation is
	// addressed to, 1 where there are none. DelayUS is the one-way delay
	// that was added to the network.
	Destinations int     `json:"destinations"`
	DelayUS      float64 `json:"delay_us"`
	// Load is the share of the highest throughput that was offered; 1 stands
	// for what Outstanding operations at all times achieve, 0 for a bench
	// that does not tell loads apart.
	Load float64 `json:"load"`
	// Command and Storage ("memory" or "disk") are empty in benches that have
	// but one of them.
	Command string  `json:"command,omitempty"`
	Storage string  `json:"storage,omitempty"`
	Ops     uint64  `json:"ops"`     // completed without error in the window
	Seconds float64 `json:"seconds"` // of the window
	OpsPerS float64 `json:"ops_per_s"`
	Mean    float64 `json:"mean_us"`
	P50     float64 `json:"p50_us"`
	P95     float64 `json:"p95_us"`
	P99     float64 `json:"p99_us"`
	P999    float64 `json:"p999_us"`
	CPU     float64 `json:"cpu_s_per_1000"`
	Errors  uint64  `json:"errors"` // failed or lost, warm-up and drain included

	// ClientCPU is the part of CPU that a client in a process of its own has
	// used. CDF are latencies, in us, at the quantiles CDFQuantiles, of a plan
	// that asks for them.
	ClientCPU float64 `json:"client_cpu_s_per_1000,omitempty"`
	CDF       *CDF    `json:"cdf_us,omitempty"`
	Stages    *Stages `json:"stages,omitempty"`
	// TimelinePosts is how many posts timelines had, of those that were read.
	TimelinePosts float64 `json:"timeline_posts,omitempty"`

	*Optimistic // of a system that delivers optimistically too, or nil

	// First is the first error. Others is the share of the machine that
	// processes other than the system's used during the window.
	First  error   `json:"-"`
	Others float64 `json:"-"`
}

// Optimistic is what a point tells of optimistic delivery.
type Optimistic struct {
	P50 float64 `json:"opt_p50_us"` // until the first of both answers
	P99 float64 `json:"opt_p99_us"`
	// Compared are conservative deliveries in the window, at all replicas;
	// Mistakes those of them that were not the next optimistic one, Forced
	// those that had no earlier one. Repairs are messages that were multicast
	// again on their senders' behalf.
	Compared uint64 `json:"opt_compared"`
	Mistakes uint64 `json:"mistakes"`
	Forced   uint64 `json:"opt_forced"`
	Repairs  uint64 `json:"repairs"`
	// Wait is how long deliveries wait for those with earlier timestamps, at
	// the end of the window.
	Wait float64 `json:"opt_wait_us"`
	// Of a service that is executed optimistically, too: Runs are executions
	// before the command's turn, at all replicas, and Confirmed those that were
	// right; at Dropped places all that was executed early was given up.
	// Replies are optimistic replies that clients had before the conservative
	// ones, and ReplyMistakes those of them that differed from these.
	Runs          uint64 `json:"opt_runs"`
	Confirmed     uint64 `json:"opt_confirmed"`
	Dropped       uint64 `json:"opt_overlays_dropped"`
	Replies       uint64 `json:"opt_replies"`
	ReplyMistakes uint64 `json:"reply_mistakes"`
	// Of first replies, as in the point those of conservative ones.
	CDF    *CDF    `json:"opt_cdf_us,omitempty"`
	Stages *Stages `json:"opt_stages,omitempty"`
}

// Ahead is how many messages were opt-delivered before their order was final: what
// Mistakes are a share of. Where copies go to one replica of three, the other two
// have everything forced.
func (o *Optimistic) Ahead() uint64 { return o.Compared - min(o.Forced, o.Compared) }

// fault counts an error of something else than an operation.
func (pt *Point) fault(of string, err error) {
	if err == nil {
		return
	}
	pt.Errors++
	if pt.First == nil {
		pt.First = fmt.Errorf("%s: %w", of, err)
	}
}

func (pt *Point) fill(r *Result) {
	us := func(q float64) float64 { return float64(r.Latency.Quantile(q)) / 1e3 }
	pt.Ops, pt.Seconds = r.Latency.Total(), r.Seconds
	pt.Mean, pt.P95 = float64(r.Latency.Mean())/1e3, us(0.95)
	pt.P50, pt.P99, pt.P999 = us(0.5), us(0.99), us(0.999)
	pt.Errors, pt.First, pt.Others = r.Errors, r.First, r.Others
	if o := r.Order; o != nil {
		pt.Optimistic = &Optimistic{
			P50: float64(r.Early.Quantile(0.5)) / 1e3, P99: float64(r.Early.Quantile(0.99)) / 1e3,
			Compared: o.Compared, Mistakes: o.Mistakes, Forced: o.Forced, Repairs: o.Repairs, Wait: float64(o.Wait) / 1e3,
			Runs: o.Runs, Confirmed: o.Confirmed, Dropped: o.Dropped, Replies: o.Replies, ReplyMistakes: o.ReplyMistakes,
			Stages: r.EarlyStages.means(),
		}
	}
	if r.Seconds > 0 {
		pt.OpsPerS = float64(pt.Ops) / r.Seconds
	}
	if pt.Ops > 0 {
		pt.CPU = r.CPU.Seconds() / float64(pt.Ops) * 1000
		pt.ClientCPU = r.ClientCPU.Seconds() / float64(pt.Ops) * 1000
	}
	pt.Stages = r.Stages.means()
	if r.Timelines > 0 {
		pt.TimelinePosts = float64(r.Posts) / float64(r.Timelines)
	}
}
