package bench

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/eyrie-dev/eyrie/internal/heapfloor"
)

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

// Plan is what one bench measures: in every round, every case, with every
// contender in turn.
type Plan struct {
	Bench      string
	Title      string // for people
	Disk       string // of durable cases, for people: a line
	Contenders []Contender
	Cases      []Case
	Rounds     int
	Phases     Phases
	// References are contenders ("system" or "system variant") to the better
	// of which, in each case, ratios refer.
	References []string
	// Tables follow the table of all cases.
	Tables  []Table
	Modules []string
	// TurnCost is what a turn takes besides its phases; zero: turnCost.
	TurnCost time.Duration
	// CDF asks for latencies' distributions.
	CDF bool
	// LoadsOf names the contender of whose highest throughput one's loads are
	// shares, of its own if that one was not measured; nil: the first one's.
	LoadsOf func(contender string) string
	// Together says which cases a contender takes one after the other in its
	// turn, if they follow one another in Cases; nil: none.
	Together func(a, b Case) bool
}

// Table writes something about the results for people.
type Table func(w io.Writer, sums []Summary) error

// startLimit bounds the start of one system, which may have a social network to
// load.
func (c Case) startLimit() time.Duration {
	if c.Users > 0 || c.Graph != "" {
		return 5 * time.Minute
	}
	return time.Minute
}

// Run measures and hands every point to observe as it comes. It returns early
// only when ctx ends, with its error. A case with a load below 1 must come after
// its like with 1.
func (p *Plan) Run(ctx context.Context, observe func(Point)) error {
	heapfloor.Raise() // as in a process that serves; peers are in this one, too
	type load struct {
		c   Case
		who string
	}
	highest := make(map[load]float64) // throughput under full load
	one := func(round int, c Case, contender Contender) error {
		if contender.Can != nil && !contender.Can(c) {
			return nil
		}
		own, paced := load{c, contender.String()}, c
		own.c.Load = 1
		of := load{own.c, p.Contenders[0].String()}
		if p.LoadsOf != nil {
			of.who = p.LoadsOf(own.who)
		}
		if highest[of] == 0 {
			of = own
		}
		if c.Load > 0 && c.Load < 1 {
			paced.Rate = c.Load * highest[of]
		}
		pt := p.point(ctx, round, paced, contender)
		if ctx.Err() != nil {
			return ctx.Err() // the point was cut short
		}
		if c == own.c {
			highest[own] = pt.OpsPerS
		}
		observe(pt)
		return nil
	}
	for round := 1; round <= p.Rounds; round++ {
		for _, cases := range p.groups() {
			for _, contender := range p.Contenders {
				for _, c := range cases {
					if err := one(round, c, contender); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// groups are the cases that are taken together.
func (p *Plan) groups() (all [][]Case) {
	for i, c := range p.Cases {
		if last := len(all) - 1; i > 0 && p.Together != nil && p.Together(p.Cases[i-1], c) {
			all[last] = append(all[last], c)
		} else {
			all = append(all, []Case{c})
		}
	}
	return all
}

// point is one turn. Whatever goes wrong with the system is in the point.
func (p *Plan) point(ctx context.Context, round int, c Case, who Contender) Point {
	pt := Point{
		Bench: p.Bench, System: who.System, Variant: who.Variant, Round: round,
		Partitions: c.Partitions, Replicas: c.Replicas, SizeBytes: c.Size,
		Outstanding: c.Outstanding, MultiShare: c.MultiShare, Destinations: 1, DelayUS: float64(c.Delay) / 1e3, Load: c.Load,
		Command: c.Command,
	}
	if c.Command != "" {
		pt.Storage = c.storage()
	}
	if c.MultiShare > 0 {
		pt.Destinations = max(c.Destinations, 2)
	}
	runtime.GC() // the garbage of the turn before is not this one's
	end, err := c.ownDir()
	if err == nil {
		p.turn(ctx, &pt, c, who)
		err = end()
	}
	pt.fault("folder", err)
	return pt
}

func (p *Plan) turn(ctx context.Context, pt *Point, c Case, who Contender) {
	sys := who.New(c)
	starting, cancel := context.WithTimeout(ctx, c.startLimit())
	err := sys.Start(starting)
	cancel()
	if err == nil {
		r := measureAt(ctx, sys, c, p.Phases, uint64(pt.Round))
		pt.fill(r)
		if p.CDF && pt.Ops > 0 {
			pt.CDF = r.Latency.cdf()
			if pt.Optimistic != nil {
				pt.Optimistic.CDF = r.Early.cdf()
			}
		}
	}
	pt.fault("start", err)
	pt.fault("close", sys.Close())
}

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

// quickLimit bounds a quick run that says nothing else.
const (
	quickLimit = 2 * time.Minute
	turnCost   = 300 * time.Millisecond // start, drain and close of one turn
	// durableTurn is turnCost where files are prepared, and where a peer waits
	// for its election.
	durableTurn = 1200 * time.Millisecond
)

// turns is the number of turns of one round.
func (p *Plan) turns() (n int) {
	for _, c := range p.Cases {
		for _, who := range p.Contenders {
			if who.Can == nil || who.Can(c) {
				n++
			}
		}
	}
	return n
}

// quicken shortens the plan to fit into the budget: first the phases, then,
// when a window would fall below half a second, the rounds.
func (p *Plan) quicken(budget time.Duration) {
	cost := cmp.Or(p.TurnCost, turnCost)
	for {
		each := budget/time.Duration(max(1, p.Rounds*p.turns())) - cost
		if each >= 750*time.Millisecond || p.Rounds == 1 {
			each = min(max(each, 150*time.Millisecond), p.Phases.Warm+p.Phases.Measure)
			p.Phases.Warm = each / 4
			p.Phases.Measure = each - p.Phases.Warm
			p.Phases.Drain = min(p.Phases.Drain, time.Second)
			return
		}
		p.Rounds--
	}
}
