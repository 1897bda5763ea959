package scale

import (
	"fmt"
	"time"
)

// The claims about several groups.

// groupDestinations is the size of a group: as in section 5.5.3.
const groupDestinations = 4

// The sizes of messages: in groups of their own large enough that ports are
// full before processors; to several groups smaller, since the ensemble of all
// refuses more than 8192 messages or 16 MiB at a time.
const (
	groupSize = 8 << 10
	shareSize = 1 << 10
	shareMost = 8000 // messages outstanding, all groups together
)

// groupPlan is a plan of some groups under full load.
func (l *lab) groupPlan(groups, size int, share float64, outstanding int) Plan {
	p := l.plan(groupDestinations, size)
	p.Groups, p.Share, p.Outstanding = groups, share, outstanding
	p.window(1600)
	p.Warm += 40 * time.Millisecond
	if l.Quick {
		p.Measure /= 2
	}
	return p
}

// groupsClaim: throughput grows linearly with groups for messages to one group.
func (l *lab) groupsClaim() *Claim {
	c := &Claim{
		Name:   "throughput and groups",
		Says:   "messages to single groups: throughput grows linearly with the number of groups",
		Source: "section 5.5.3, figure 5.2",
		Head:   []string{"groups", "processes", "messages/s", "of linear", "p50", "p95", "CPU us/message", "nulls/s", "CPU of an idle process", "its messages/s"},
	}
	var first Result
	worst, cpu, latency := 1e9, 0.0, 0.0
	few := 0
	for _, g := range l.Groups {
		r := l.run(l.groupPlan(g, groupSize, 0, 512))
		if first.PerS == 0 {
			first = r
		}
		linear := r.PerS / float64(g) / (first.PerS / float64(first.Plan.Groups))
		worst = min(worst, linear)
		if g <= 8 {
			cpu, few = max(cpu, r.CPUPerMessage()/first.CPUPerMessage()), g
		}
		idle := l.run(l.idlePlan(g))
		latency = max(latency, float64(r.Reply.Quantile(0.5))/float64(first.Reply.Quantile(0.5)))
		c.row(g, g*groupDestinations, r.PerS, linear, r.Reply.Quantile(0.5), r.Reply.Quantile(0.95), fmt.Sprintf("%.1f", r.CPUPerMessage()*1e6),
			float64(r.Counters.Nulls)/seconds(r.Plan.Start+r.Plan.Warm+r.Plan.Measure),
			fmt.Sprintf("%.2f %%", 100*highest(idle.Busy)), float64(idle.Messages)/float64(len(idle.Busy))/seconds(idle.Plan.Start+idle.Plan.Warm+idle.Plan.Measure))
	}
	k := len(l.Groups) - 1
	c.check(worst >= 0.9, "throughput of linear, up to %d groups: at least %.2f (0.9 wanted)", l.Groups[k], worst)
	c.check(cpu <= 1.15, "processor time of a message, up to %d groups: at most %.2f times that with %d (1.15)", few, cpu, l.Groups[0])
	c.check(latency <= 1.6, "median latency under that load: at most %.2f times (1.6)", latency)
	return c
}

// idlePlan is a plan of groups without any load.
func (l *lab) idlePlan(groups int) Plan {
	p := l.plan(groupDestinations, groupSize)
	p.Groups, p.Outstanding = groups, 0
	p.Start += 200 * time.Millisecond
	p.Measure = 400 * time.Millisecond
	return p
}

// CPUPerMessage is the processor time of all processes, in seconds, for each
// message.
func (r *Result) CPUPerMessage() float64 {
	sum := 0.0
	for _, b := range r.Busy {
		sum += b
	}
	return sum / max(r.PerS, 1)
}

// shareClaim: with a growing share of messages to several groups, e_all becomes
// the limit.
//
// T(s) is the throughput at share s. e_all carries s T(s), which can be T(1) at
// most; the groups carry (1-s) T(s), at most T(0). When the two do not disturb
// each other the lesser bound is reached. When all of a process's work is taken
// from one and the same resource, (1-s) T(s) / T(0) + s T(s) / T(1) = 1.
func (l *lab) shareClaim(groups int) *Claim {
	c := &Claim{
		Name:   fmt.Sprintf("messages to two of %d groups", groups),
		Says:   "all messages to several groups go through one ensemble, e_all, which limits them and so, at a given share, all others",
		Source: "section 5.3.2 (Algorithm 5)",
		Head:   []string{"share", "messages/s", "of none", "through e_all/s", "between", "and", "p50", "p99", "e_all's chain: port", "CPU", "others: port", "CPU", "what limits", "e_all apart"},
	}
	results := map[float64]Result{}
	for _, s := range append([]float64{0, 1}, l.Shares...) {
		if _, ok := results[s]; !ok {
			results[s] = l.run(l.groupPlan(groups, shareSize, s, min(1000, shareMost/groups)))
		}
	}
	none, all := results[0].PerS, results[1].PerS
	high, knee, half := 0.0, -1.0, -1.0
	for _, s := range l.Shares {
		r := results[s]
		least, best := 1/((1-s)/none+s/all), none/max(1-s, 1e-9)
		what := "the groups"
		if s > 0 && all/s < best {
			best = all / s
		}
		high = max(high, r.PerS/best)
		if half < 0 && r.PerS < none/2 {
			half = s
		}
		p := l.groupPlan(groups, shareSize, s, r.Plan.Outstanding)
		p.Apart = true
		apart := l.run(p)
		if s*r.PerS > 0.7*all {
			what = "e_all"
			if knee < 0 {
				knee = s
			}
		} else if r.PerS < 0.8*none {
			what = "waiting to merge"
		}
		c.row(percentOf(s), r.PerS, r.PerS/none, s*r.PerS, least, best, r.Reply.Quantile(0.5), r.Reply.Quantile(0.99),
			percent(highest(r.Sending[:2])), percent(highest(r.Busy[:2])), percent(highest(r.Sending[groupDestinations:])), percent(highest(r.Busy[groupDestinations:])), what, apart.PerS)
	}
	c.check(high <= 1.15, "no share brings more than the lesser of the groups' throughput and e_all's: %.2f of it at most (1.15)", high)
	c.check(all <= 2*none/float64(groups), "e_all carries %.1f %% of what all groups carry, one group %.1f %%", 100*all/none, 100/float64(groups))
	if knee >= 0 {
		c.note("e_all is full from a share of %.1f %% on (T(1) / T(0) is %.1f %%)", 100*knee, 100*all/none)
	}
	if half >= 0 {
		c.note("half of the throughput is lost at a share of %.1f %%: before e_all is full, all wait for it to merge", 100*half)
	}
	return c
}

func percentOf(s float64) string { return fmt.Sprintf("%.1f %%", 100*s) }
