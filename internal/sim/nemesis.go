package sim

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Nemesis does faults to a world, from the moment it is started until it is
// stopped.
type Nemesis struct {
	w       *World
	r       *rand.Rand
	plan    Plan
	total   int
	stopped bool
	// Done counts the faults done, by kind.
	Done [Faults]int
}

// Unleash starts a nemesis.
func Unleash(w *World, r *rand.Rand, plan Plan) *Nemesis {
	n := &Nemesis{w: w, r: r, plan: plan}
	for _, x := range plan.Weights {
		n.total += x
	}
	if n.total > 0 {
		n.next()
	}
	return n
}

// Stop ends it. Faults under way go on until they end or Heal is called.
func (n *Nemesis) Stop() { n.stopped = true }

func (n *Nemesis) next() {
	n.w.After(n.around(n.plan.Every), func() {
		if n.stopped {
			return
		}
		n.strike()
		n.next()
	})
}

// around draws a time with mean about d.
func (n *Nemesis) around(d time.Duration) time.Duration {
	return d/4 + time.Duration(n.r.Int64N(int64(d)*3/2+1))
}

// length draws how long a fault lasts: mostly around Lasts, sometimes far
// longer or shorter.
func (n *Nemesis) length() time.Duration {
	d := n.around(n.plan.Lasts)
	switch n.r.IntN(8) {
	case 0:
		return d / 16
	case 1:
		return d * 4
	}
	return d
}

func (n *Nemesis) strike() {
	x := n.r.IntN(n.total)
	f := Fault(0)
	for x >= n.plan.Weights[f] {
		x -= n.plan.Weights[f]
		f++
	}
	if n.do(f) {
		n.Done[f]++
	}
}

func (n *Nemesis) server() ID { return n.plan.Servers[n.r.IntN(len(n.plan.Servers))] }

// anyone is mostly a server, sometimes a client.
func (n *Nemesis) anyone() ID {
	if c := n.plan.Clients(); n.r.IntN(6) == 0 && len(c) > 0 {
		return c[n.r.IntN(len(c))]
	}
	return n.server()
}

// do does a fault, if it can be done now. What it draws, and in which order, is a
// part of what a seed means.
func (n *Nemesis) do(f Fault) bool {
	d := n.length()
	if done, ok := n.process(f, d); ok {
		return done
	}
	a, b := n.server(), n.anyone()
	if done, ok := n.group(f, d); ok {
		return done
	}
	return a != b && n.link(f, a, b, d)
}

// process does what happens to a single process, or to several; ok is false if f is
// no such fault.
func (n *Nemesis) process(f Fault, d time.Duration) (done, ok bool) {
	w := n.w
	switch f {
	case FaultCrash:
		id := n.server()
		if !w.Alive(id) || !n.plan.MayCrash(id) {
			return false, true
		}
		n.plan.CrashServer(id)
	case FaultPause:
		w.Pause(n.anyone(), d)
	case FaultPauseMany:
		for _, id := range n.plan.Servers {
			if n.r.IntN(2) == 0 {
				w.Pause(id, n.around(d))
			}
		}
	case FaultSlowProcess:
		w.Slow(n.anyone(), time.Duration(1+n.r.IntN(500))*time.Microsecond, d)
	case FaultServerClock:
		id := n.server()
		if !n.plan.MayErr(id) {
			return false, true
		}
		n.clock(id)
	case FaultClientClock, FaultClientCrash:
		c := n.plan.Clients()
		if len(c) == 0 {
			return false, true
		}
		id := c[n.r.IntN(len(c))]
		if f == FaultClientCrash {
			n.plan.CrashClient(id)
		} else {
			n.clock(id)
		}
	default:
		return false, false
	}
	return true, true
}

func (n *Nemesis) clock(id ID) {
	size := n.plan.ClockError >> n.r.IntN(6)
	switch n.r.IntN(4) {
	case 0:
		n.w.Drift(id, n.r.Int64N(400_001)-200_000)
	case 1:
		n.w.Synchronize(id, 0)
	default:
		n.w.Jump(id, time.Duration(n.r.Int64N(2*int64(size)+1))-size)
	}
}

// group does what happens to the links of an endpoint with many others, or of many
// with many; ok is false if f is no such fault.
func (n *Nemesis) group(f Fault, d time.Duration) (done, ok bool) {
	w := n.w
	switch f {
	case FaultIsolate:
		w.Isolate(n.anyone(), Direction(n.r.IntN(3)), d)
	case FaultSplit:
		mask := n.r.Uint64()
		w.Split(func(id ID) bool { return mask>>(uint(id)%64)&1 == 1 }, d)
	case FaultSplitGroup:
		g := n.oneGroup()
		w.Split(func(id ID) bool { return slices.Contains(g, id) }, d)
	case FaultCutGroups:
		if len(n.plan.Groups) < 2 {
			return false, true
		}
		p := n.r.Perm(len(n.plan.Groups))
		w.CutGroups(n.plan.Groups[p[0]], n.plan.Groups[p[1]], n.r.IntN(2) == 0, d)
	case FaultAside:
		id := n.server()
		n.aside(id, d)
		w.Pause(id, d/4+time.Duration(n.r.Int64N(int64(d))))
	case FaultRolling:
		g := n.oneGroup()
		for i, j := range n.r.Perm(len(g)) {
			w.later(time.Duration(i)*d, func() { n.aside(g[j], d) })
		}
	case FaultBurst:
		w.Burst(100_000+n.r.IntN(800_000), min(d, time.Second))
	default:
		return false, false
	}
	return true, true
}

func (n *Nemesis) oneGroup() []ID { return n.plan.Groups[n.r.IntN(len(n.plan.Groups))] }

// aside cuts a server off from all others.
func (n *Nemesis) aside(id ID, d time.Duration) {
	for _, s := range n.plan.Servers {
		if s != id {
			n.w.CutPair(id, s, d)
		}
	}
}

// link does what happens between two endpoints.
func (n *Nemesis) link(f Fault, a, b ID, d time.Duration) bool {
	w := n.w
	switch f {
	case FaultCutOneWay:
		w.CutLink(a, b, d)
	case FaultCutBoth:
		w.CutPair(a, b, d)
	case FaultFlap:
		w.Flap(a, b, max(d/8, time.Millisecond), 2*d)
	case FaultSlowLink:
		w.SlowLink(a, b, int32(1+n.r.IntN(6)), d)
	case FaultStall:
		w.Stall(a, b, d)
	case FaultReset:
		w.Reset(a, b)
		w.Reset(b, a)
	}
	return true
}
