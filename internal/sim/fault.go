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
