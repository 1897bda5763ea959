package scale

import (
	"fmt"
	"time"
)

// The claims about one group.

// loadsFor are the messages outstanding that are tried for a size.
func loadsFor(size int, quick bool) []int {
	switch {
	case size >= 16<<10 && quick:
		return []int{1, 16}
	case size >= 16<<10:
		return []int{1, 4, 16, 64}
	case size >= 4<<10 && quick:
		return []int{16, 256}
	case size >= 4<<10:
		return []int{1, 16, 64, 256}
	case quick:
		return []int{64, 1024}
	}
	return []int{16, 128, 1024, 4096}
}

// throughputClaim: throughput does not depend on the number of destinations,
// and is a ring's.
func (l *lab) throughputClaim(size int) *Claim {
	c := &Claim{
		Name:   fmt.Sprintf("throughput and destinations, messages of %d bytes", size),
		Says:   "throughput is independent of the number of destinations, and as high as with a ring",
		Source: "section 5.4.2, figure 5.1 (left)",
		Head:   []string{"destinations", "Ridge MB/s", "ring MB/s", "Ridge / ring", "Ridge p50 at power", "p95", "ring p50", "p95", "Ridge's busiest: port", "CPU", "slowest destination"},
	}
	var ridge []float64
	lowest, slowest := 1e9, 1.0
	for _, n := range l.Destinations {
		p := l.plan(n, size)
		rs := l.loads(p, loadsFor(size, l.Quick)...)
		p.Ring = true
		gs := l.loads(p, loadsFor(size, l.Quick)...)
		r, g := most(rs), most(gs)
		ridge = append(ridge, r.PerS)
		slowest = min(slowest, r.Slowest)
		lowest = min(lowest, r.PerS/g.PerS)
		a, b := power(rs), power(gs)
		c.row(n, r.PerS*float64(size)/1e6, g.PerS*float64(size)/1e6, r.PerS/g.PerS,
			a.Each.Quantile(0.5), a.Each.Quantile(0.95), b.Each.Quantile(0.5), b.Each.Quantile(0.95), percent(highest(r.Sending)), percent(highest(r.Busy)), percent(r.Slowest))
	}
	k := len(l.Destinations) - 1
	c.check(spread(ridge) <= 1.15, "most over least throughput of Ridge from %d to %d destinations: %.2f (at most 1.15)", l.Destinations[0], l.Destinations[k], spread(ridge))
	c.check(slowest >= 0.8, "no destination falls behind: the slowest delivers %s of the mean (80 %% wanted)", percent(slowest))
	c.check(lowest >= 0.85, "Ridge over ring: at least %.2f (0.85 wanted)", lowest)
	return c
}

// count is about how many messages a run measures: many batches of them.
func (l *lab) count(size int) int {
	switch {
	case size >= 4<<10:
		return 800
	case l.Quick:
		return 8000
	}
	return 20000
}

func highest(v []float64) float64 {
	h := 0.0
	for _, x := range v {
		h = max(h, x)
	}
	return h
}

func percent(v float64) string { return fmt.Sprintf("%.0f %%", 100*v) }

// latencyClaim: a message takes (|Q|+1)d to its last destination, plus what it
// takes to send it to L\Q, plus processor time.
func (l *lab) latencyClaim() *Claim {
	c := &Claim{
		Name:   "latency and delay",
		Says:   "a message is at its last destination after (|Q|+1) d, plus the time to send it |L \\ Q| - 2 times",
		Source: "section 5.4.3",
		Head:   []string{"f", "|Q|", "destinations", "size", "d", "measured", "(|Q|+1) d", "rest", "of it sending", "ring"},
	}
	delays := []time.Duration{100 * time.Microsecond, time.Millisecond, 10 * time.Millisecond}
	ns := []int{8, l.Destinations[len(l.Destinations)-1]}
	if l.Quick {
		ns = ns[1:]
	}
	for _, f := range []int{1, 2} {
		for _, n := range ns {
			for _, size := range []int{200, 8 << 10} {
				l.latencyRows(c, f, n, size, delays)
			}
		}
	}
	return c
}

func (l *lab) latencyRows(c *Claim, f, n, size int, delays []time.Duration) {
	var x, y, z []float64
	rest, sending := time.Duration(0), time.Duration(0)
	for _, d := range delays {
		p := l.plan(n, size)
		p.F, p.Link.Delay = f, d
		p.Start += 20 * d
		p.window(8)
		p.Warm, p.Measure = 12*d, max(30*time.Duration(f+4)*d, 20*time.Millisecond)
		// A message is in the model from when the client has it; the
		// dissertation's are with the coordinator.
		r := median(l.run(p)) - d
		p.Ring = true
		p.Measure = max(p.Measure, 3*time.Duration(n)*(d+100*time.Microsecond))
		g := median(l.run(p)) - d
		chain := time.Duration(steps(f, size)) * d
		rest = r - chain
		sending = p.Link.occupies(wireBytes(size+entryBytes)) * time.Duration(copies(n, f, size)+f)
		c.row(f, f+1, n, size, d, r, chain, rest, sending, g)
		x, y, z = append(x, seconds(d)), append(y, seconds(r)), append(z, seconds(g))
	}
	slope, _ := line(x, y)
	ring, _ := line(x, z)
	want := float64(steps(f, size))
	name := "(|Q|+1)"
	if small(size) {
		name = "|Q|: so small a value needs no distributor, so"
	}
	c.check(abs(slope-want) <= 0.05*want, "f = %d, %d destinations, %d bytes: latency grows by %.2f d (%s %.0f); a ring's by %.1f d", f, n, size, slope, name, want, ring)
	cpu := time.Duration(f+3)*500*time.Microsecond + time.Duration(n)*30*time.Microsecond
	c.check(rest <= sending+cpu, "   the rest, %v, is sending (%v) and processors (%v), at most %v", micros(rest), micros(sending), micros(rest-sending), micros(sending+cpu))
}

// small says whether the last acceptor sends so small a value to all learners
// itself, one delay earlier.
func small(size int) bool { return size+2*entryBytes <= 1<<10 }

// steps are the delays from the coordinator to the last destination.
func steps(f, size int) int {
	if small(size) {
		return f + 1
	}
	return f + 2
}

// copies is how often a value leaves one port after the chain: L \ Q learners,
// one of them the distributor.
func copies(n, f, size int) int {
	if small(size) {
		return n - f - 1
	}
	return 1 + n - f - 2
}

// ringClaim: a ring's latency grows with the number of destinations, Ridge's
// only by the time to send the copies.
func (l *lab) ringClaim() *Claim {
	c := &Claim{
		Name:   "latency and destinations",
		Says:   "a ring's latency grows by a delay for each destination, Ridge's by the sending of one more copy",
		Source: "sections 5.4.3 and 5.5.2",
		Head:   []string{"destinations", "d", "size", "Ridge", "predicted", "ring", "predicted", "ring / Ridge"},
	}
	type network struct {
		link Link
		size int
		name string
	}
	nets := []network{
		{l.Link, 1 << 10, "this network"}, {l.Link, 64 << 10, "this network"},
		{Link{1e6, 100 * time.Millisecond}, 1 << 10, "the example of section 5.4.3 (1 MB/s, 100 ms)"},
	}
	for _, net := range nets {
		var x, y, z []float64
		for _, n := range l.Destinations {
			p := l.plan(n, net.size)
			p.Link = net.link
			d := p.Link.Delay
			p.Start = 60*time.Millisecond + 20*d
			p.window(8)
			p.Warm = 0
			p.Measure = 40*d + 20*time.Duration(n)*p.Link.occupies(wireBytes(net.size+entryBytes))
			r := median(l.run(p))
			p.Ring = true
			p.Measure = 8 * time.Duration(n) * (d + 2*p.Link.occupies(wireBytes(net.size+entryBytes)))
			g := median(l.run(p))
			round := p.Link.occupies(wireBytes(net.size + entryBytes))
			c.row(n, d, net.size, r, time.Duration(4)*d+round*time.Duration(copies(n, 1, net.size)+1), g, time.Duration(n+1)*d+time.Duration(n-1)*round, float64(g)/float64(r))
			x, y, z = append(x, float64(n)), append(y, seconds(r)), append(z, seconds(g))
		}
		if len(x) < 2 {
			continue
		}
		round := seconds(net.link.occupies(wireBytes(net.size + entryBytes)))
		d := seconds(net.link.Delay)
		sr, _ := line(x, y)
		sg, _ := line(x, z)
		cpu := 30e-6
		c.check(sr <= 1.3*round+cpu, "%s, %d bytes: a destination more costs Ridge %v: a copy takes %v", net.name, net.size, spanOf(sr), spanOf(round))
		c.check(sg >= 0.95*(d+round), "   and the ring %v: a delay and a copy take %v", spanOf(sg), spanOf(d+round))
	}
	return c
}

// median is that of the time to the last destination.
func median(r Result) time.Duration { return r.Last.Quantile(0.5) }

func spanOf(s float64) string { return micros(time.Duration(s * 1e9)) }
