package sim

import (
	"math/rand/v2"
	"time"
)

// Fault is a kind of fault that a nemesis may do.
type Fault int

const (
	FaultCrash Fault = iota
	FaultPause
	FaultPauseMany
	FaultSlowProcess
	FaultCutOneWay
	FaultCutBoth
	FaultIsolate
	FaultSplit
	FaultSplitGroup // cut a whole group of endpoints off, such as a partition
	FaultCutGroups  // cut two groups off from each other, one way or both
	FaultFlap
	FaultSlowLink
	FaultStall
	FaultReset
	FaultBurst
	FaultClientClock
	FaultServerClock
	FaultClientCrash
	FaultAside   // pause a server and cut it off from the others, not from clients, for longer
	FaultRolling // cut the servers of a group off from the others, not from clients, one after another
	Faults       // their number
)

var faultNames = [Faults]string{"crash", "pause", "pause-many", "slow-process", "cut-one-way", "cut-both", "isolate",
	"split", "split-group", "cut-groups", "flap", "slow-link", "stall", "reset", "burst", "client-clock", "server-clock", "client-crash", "aside", "rolling"}

func (f Fault) String() string { return faultNames[f] }

// Plan is what a nemesis does to a world.
type Plan struct {
	// Weights of the kinds; zero switches a kind off.
	Weights [Faults]int
	// Every is the mean time between two faults, Lasts the typical length of
	// one; single ones last up to sixteen times as long.
	Every, Lasts time.Duration
	// Servers and Clients are the endpoints it may hurt; Clients is asked
	// anew each time. Groups are sets of servers that may be cut off as one.
	Servers []ID
	Clients func() []ID
	Groups  [][]ID
	// MayCrash says whether a server may crash now, MayErr whether its clock
	// may be wrong; CrashClient replaces a client by a new one.
	MayCrash, MayErr func(ID) bool
	CrashServer      func(ID)
	CrashClient      func(ID)
	// ClockError is how far clocks jump, in either direction.
	ClockError time.Duration
}

// DrawWeights draws which faults a run has at all, and how often each: about
// one run in eight has none, the others a random half of them with weights
// that differ wildly.
func DrawWeights(r *rand.Rand) (w [Faults]int) {
	if r.IntN(8) == 0 {
		return w
	}
	share := 1 + r.IntN(4) // of four
	for f := range w {
		on, weight := r.IntN(4) < share, 1<<r.IntN(6)
		if on {
			w[f] = weight
		}
	}
	return w
}

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

func (n *Nemesis) pair() (ID, ID, bool) {
	a, b := n.server(), n.anyone()
	return a, b, a != b
}

func (n *Nemesis) do(f Fault) bool {
	w, d := n.w, n.length()
	switch f {
	case FaultCrash:
		id := n.server()
		if !w.Alive(id) || !n.plan.MayCrash(id) {
			return false
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
	case FaultClientClock:
		c := n.plan.Clients()
		if len(c) == 0 {
			return false
		}
		n.clock(c[n.r.IntN(len(c))])
	case FaultServerClock:
		id := n.server()
		if !n.plan.MayErr(id) {
			return false
		}
		n.clock(id)
	case FaultClientCrash:
		c := n.plan.Clients()
		if len(c) == 0 {
			return false
		}
		n.plan.CrashClient(c[n.r.IntN(len(c))])
	default:
		return n.network(f, d)
	}
	return true
}

// aside cuts a server off from all others.
func (n *Nemesis) aside(id ID, d time.Duration) {
	for _, s := range n.plan.Servers {
		if s != id {
			n.w.CutPair(id, s, d)
		}
	}
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

func (n *Nemesis) network(f Fault, d time.Duration) bool {
	w := n.w
	a, b, ok := n.pair()
	switch f {
	case FaultIsolate:
		w.Isolate(n.anyone(), Direction(n.r.IntN(3)), d)
		return true
	case FaultSplit:
		mask := n.r.Uint64()
		w.Split(func(id ID) bool { return mask>>(uint(id)%64)&1 == 1 }, d)
		return true
	case FaultSplitGroup:
		g := n.plan.Groups[n.r.IntN(len(n.plan.Groups))]
		w.Split(func(id ID) bool {
			for _, m := range g {
				if m == id {
					return true
				}
			}
			return false
		}, d)
		return true
	case FaultCutGroups:
		if len(n.plan.Groups) < 2 {
			return false
		}
		p := n.r.Perm(len(n.plan.Groups))
		w.CutGroups(n.plan.Groups[p[0]], n.plan.Groups[p[1]], n.r.IntN(2) == 0, d)
		return true
	case FaultAside:
		id := n.server()
		n.aside(id, d)
		w.Pause(id, d/4+time.Duration(n.r.Int64N(int64(d))))
		return true
	case FaultRolling:
		g := n.plan.Groups[n.r.IntN(len(n.plan.Groups))]
		for i, j := range n.r.Perm(len(g)) {
			w.later(time.Duration(i)*d, func() { n.aside(g[j], d) })
		}
		return true
	case FaultBurst:
		w.Burst(100_000+n.r.IntN(800_000), min(d, time.Second))
		return true
	}
	if !ok {
		return false
	}
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
