package scale

import (
	"fmt"
	"slices"
	"time"
)

// Options say what is modelled.
type Options struct {
	Groups       []int     // numbers of groups
	Destinations []int     // numbers of destinations of one group
	Shares       []float64 // shares of messages to two groups
	Link         Link
	Cores        int
	Costs        Costs
	Seed         uint64
	Quick        bool
}

// DefaultOptions are those of the command: the dissertation's network (1 Gbit/s,
// 133 us from and to) and one processor core for each process.
func DefaultOptions() (Options, error) {
	costs, err := DefaultCosts()
	return Options{
		Groups: []int{1, 2, 4, 8, 16, 32, 64}, Destinations: []int{4, 8, 16, 32, 64},
		Shares: []float64{0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1},
		Link:   Link{Bandwidth: 125e6, Delay: 66 * time.Microsecond}, Cores: 1, Costs: costs, Seed: 1,
	}, err
}

// Validate reports what cannot be modelled.
func (o *Options) Validate() error {
	for _, n := range o.Groups {
		if n < 1 || n > maxGroups {
			return fmt.Errorf("%d groups: 1 to %d can be modelled", n, maxGroups)
		}
	}
	for _, n := range o.Destinations {
		if n < 4 || n > maxDestinations {
			return fmt.Errorf("%d destinations: 4 to %d can be modelled", n, maxDestinations)
		}
	}
	for _, s := range o.Shares {
		if !(s >= 0 && s <= 1) {
			return fmt.Errorf("a share of %v", s)
		}
	}
	switch l := o.Link; {
	case len(o.Groups) == 0 || len(o.Destinations) == 0 || len(o.Shares) == 0:
		return fmt.Errorf("nothing to model")
	case !(l.Bandwidth >= 1e4 && l.Bandwidth <= 1e12) || l.Delay < 0 || l.Delay > time.Second:
		return fmt.Errorf("links of %v bytes/s and %v", l.Bandwidth, l.Delay)
	case o.Cores < 1 || o.Cores > 64:
		return fmt.Errorf("%d cores for each process: 1 to 64 can be modelled", o.Cores)
	}
	return o.Costs.validate()
}

const (
	maxGroups       = 256
	maxDestinations = 128
)

// lab runs plans and tells of them.
type lab struct {
	Options
	claim   string
	observe func(claim string, r Result)
	runs    int
	total   uint64        // messages modelled
	spent   time.Duration // processor time
}

// plan is a plan of one group of n destinations with messages of size bytes.
func (l *lab) plan(n, size int) Plan {
	return Plan{
		Groups: 1, Destinations: n, F: 1, Size: size, Outstanding: 1, Link: l.Link, Cores: l.Cores, Costs: l.Costs,
		Skew: l.Link.Delay, Seed: l.Seed, Start: 60*time.Millisecond + 10*l.Link.Delay,
	}
}

// window sets warm-up and measuring: long enough for about count messages at
// the port's speed, for some batches to reach all that learn from one ensemble,
// and for all that is outstanding to be served some times.
func (p *Plan) window(count int) {
	learners := p.Destinations
	if p.Share > 0 {
		learners *= p.Groups
	}
	one := p.Link.occupies(wireBytes(p.Size + entryBytes))
	batch := one * time.Duration(min(p.Outstanding*max(1, learners/p.Destinations), 1+(256<<10)/(p.Size+entryBytes)))
	spread := time.Duration(learners)*batch + time.Duration(learners+2)*(p.Link.Delay+100*time.Microsecond)
	if !p.Ring {
		spread = time.Duration(learners)*(batch+10*time.Microsecond) + 6*p.Link.Delay
	}
	queue := time.Duration(p.Outstanding) * one // until all that is outstanding has been sent once
	p.Warm = rampUp + 4*p.Link.Delay + 2*max(spread, queue)
	p.Measure = max(time.Duration(count)*one, 2*spread, 3*queue, 20*time.Millisecond)
}

func (l *lab) run(p Plan) Result {
	r := Run(p)
	l.runs++
	l.total += r.Messages
	l.spent += r.CPU
	if l.observe != nil {
		l.observe(l.claim, r)
	}
	return r
}

// loads runs a plan with more and more messages outstanding, as long as that
// brings throughput.
func (l *lab) loads(p Plan, outstanding ...int) (rs []Result) {
	for _, n := range outstanding {
		p.Outstanding = n
		p.window(l.count(p.Size))
		r := l.run(p)
		rs = append(rs, r)
		if k := len(rs); k > 1 && r.PerS < 1.02*rs[k-2].PerS {
			break
		}
	}
	return rs
}

// most is the result with the highest throughput.
func most(rs []Result) Result {
	return slices.MaxFunc(rs, func(a, b Result) int { return compare(a.PerS, b.PerS) })
}

// power is the result with the highest ratio of throughput to latency (section
// 5.5.2).
func power(rs []Result) Result {
	f := func(r Result) float64 { return r.PerS / float64(r.Each.Quantile(0.5)+1) }
	return slices.MaxFunc(rs, func(a, b Result) int { return compare(f(a), f(b)) })
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
