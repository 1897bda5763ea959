package bench

import (
	"cmp"
	"context"
	"io"
	"runtime"
	"time"

	"github.com/eyrie-dev/eyrie/internal/heapfloor"
)

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
