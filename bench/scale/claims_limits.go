package scale

// limitsClaim: values of many learners are distributed in turns, never by an
// acceptor of the chain; and what limits.
func (l *lab) limitsClaim() *Claim {
	c := &Claim{
		Name:   "distributors, and what limits",
		Says:   "learners outside the chain take turns as distributors, balanced by bytes; no acceptor of the chain distributes",
		Source: "sections 5.3.1 and 5.4.2",
		Head: []string{"destinations", "size", "messages/s", "coordinator: port", "CPU", "last acceptor: port", "CPU",
			"distributors: port", "least", "CPU", "what limits"},
	}
	ns := []int{l.Destinations[0], l.Destinations[len(l.Destinations)-1]}
	for _, n := range ns {
		for _, size := range []int{200, 1 << 10, 8 << 10, 64 << 10} {
			p := l.plan(n, size)
			loads := loadsFor(size, l.Quick)
			p.Outstanding = loads[len(loads)-1]
			p.window(l.count(size))
			r := l.run(p)
			port, least, cpu := highest(r.Sending[2:]), 1.0, highest(r.Busy[2:])
			for _, v := range r.Sending[2:] {
				least = min(least, v)
			}
			c.row(n, size, r.PerS, percent(r.Sending[0]), percent(r.Busy[0]), percent(r.Sending[1]), percent(r.Busy[1]),
				percent(port), percent(least), percent(cpu), limit(&r))
			if size < 64<<10 {
				continue
			}
			line := r.PerS * float64(wireBytes(size+entryBytes)) / p.Link.Bandwidth
			c.check(r.Sending[0] <= 1.1*line+0.05 && r.Sending[1] <= 1.15*line+0.05,
				"%d destinations, %d bytes: the chain's ports send %s and %s; once each value would be %s", n, size, percent(r.Sending[0]), percent(r.Sending[1]), percent(line))
			even := line * float64(n-3) / float64(n-2)
			c.check(port <= 1.25*even+0.05 && least >= 0.75*even-0.05, "   the distributors' %s to %s; evenly shared, %s", percent(least), percent(port), percent(even))
		}
	}
	return c
}

// limit names what is busiest, if it is busy.
func limit(r *Result) string {
	names := []string{"coordinator's", "last acceptor's", "a distributor's"}
	best, what := 0.9, "the load (nothing is full)"
	for i, v := range r.Sending {
		if v > best {
			best, what = v, names[min(i, 2)]+" port"
		}
	}
	for i, v := range r.Busy {
		if v > best {
			best, what = v, names[min(i, 2)]+" CPU"
		}
	}
	return what
}
