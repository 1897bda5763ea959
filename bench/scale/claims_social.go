package scale

import (
	"fmt"
	"slices"
	"time"
)

// socialReplicas of each partition, as in section 6.6.1.
const socialReplicas = 3

// hashed is the share of followers elsewhere where users are placed by a hash.
func hashed(groups int) float64 { return 1 - 1/float64(groups) }

// socialClaim: timelines scale with partitions, and so do posts, the more of a
// user's followers live with the user.
func (l *lab) socialClaim() *Claim {
	c := &Claim{
		Name:   "a social network by partitions",
		Says:   "Chirper scales with the number of partitions: getTimeline as it is, post as far as followers live with whom they follow",
		Source: "section 6.6.3, figure 6.4",
		Head:   []string{"command", "followers elsewhere", "partitions", "commands/s", "of linear", "of one", "p50", "p99", "busiest: CPU", "port", "e_all's chain: CPU", "CPU us/command"},
	}
	groups := slices.DeleteFunc(slices.Clone(l.Groups), func(g int) bool { return g > 16 })
	if len(groups) == 0 {
		groups = []int{1}
	}
	row := func(command string, far string, load Social) (of, absolute float64) {
		var first Result
		for _, g := range groups {
			s := load
			if s.Far < 0 {
				s.Far = hashed(g)
			}
			r := l.run(l.socialPlan(g, &s))
			if first.PerS == 0 {
				first = r
			}
			of = r.PerS / first.PerS
			c.row(command, far, g, r.PerS, of*float64(groups[0])/float64(g), of, r.Reply.Quantile(0.5), r.Reply.Quantile(0.99),
				percent(highest(r.Busy)), percent(highest(r.Sending)), percent(highest(r.Busy[:2])), fmt.Sprintf("%.1f", r.CPUPerMessage()*1e6))
		}
		return of, first.PerS
	}
	most := float64(groups[len(groups)-1]) / float64(groups[0])
	of, _ := row("getTimeline", "-", Social{})
	c.check(of >= 0.9*most, "getTimeline: %.1f times from %d to %d partitions (0.9 of %.0f wanted)", of, groups[0], groups[len(groups)-1], most)
	for _, far := range []float64{0, 0.001, 0.01} {
		of, _ := row("post", fmt.Sprintf("%.1f %%", 100*far), Social{Post: true, Far: far})
		switch far {
		case 0:
			c.check(of >= 0.9*most, "post, all followers on the author's partition: %.1f times (0.9 of %.0f wanted)", of, most)
		case 0.001:
			c.check(of >= most/4, "post, one follower of a thousand elsewhere (4 %% of posts concern several partitions): %.1f times (a quarter of %.0f wanted)", of, most)
		default:
			c.note("post, one follower of a hundred elsewhere (36 %% of posts concern several partitions): %.1f times", of)
		}
	}
	of, _ = row("post", "by a hash", Social{Post: true, Far: -1})
	c.note("post, users placed by a hash (a post concerns nearly all partitions): %.2f times", of)
	return c
}

// socialPlan is a plan of some partitions under full load.
func (l *lab) socialPlan(groups int, load *Social) Plan {
	p := l.plan(socialReplicas, load.size())
	p.Groups, p.Social, p.Outstanding = groups, load, 256
	p.Warm, p.Measure = 150*time.Millisecond, 300*time.Millisecond
	if l.Quick {
		p.Warm, p.Measure = p.Warm/2, p.Measure/3
	}
	return p
}
