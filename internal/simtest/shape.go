package simtest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/eyrie-dev/eyrie/internal/client"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/sim"
	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// Shape is everything that is drawn for a run before it starts: the cluster,
// its tuning, the network, the faults and the work.
type Shape struct {
	Partitions, Replicas int
	Clients              int
	Commands             int
	Length               time.Duration // over which the commands are spread
	Multi                int           // of 100 commands, how many mean several partitions
	Service              string
	Ridge                ridge.Tuning
	Partition            partition.Tuning
	Client               client.Tuning
	Checks, Pointers     bool
	Network              sim.Network
	Weights              [sim.Faults]int
	Every, Lasts         time.Duration
	ClockError           time.Duration
	Skew                 time.Duration // servers' clocks differ by up to this, without any fault
	ClientSkew           time.Duration // clients' clocks differ by up to this, without any fault
	Grain                time.Duration // resolution of all physical clocks
	Rogues               bool          // some clients stamp as far ahead as they please
	Restarts             bool          // crashed processes come back, to be refused
	Hot                  int           // accounts that most commands use
	Mix                  [nMixed]int
	// Chains: plain commands only, over neighbouring partitions, on two
	// accounts of each: the shortest way to cycles across partitions.
	Chains bool
	// Reads: half of the commands are reads of one partition.
	Reads bool
	// Execution before the turn, its room, and of 100 ordered commands how many ask
	// for an optimistic reply.
	Execution optimistic.Mode
	Runs      optimistic.Tuning
	Asking    int
	// Disks: what processes remember, and what happens to that.
	Disks    Disks
	Transfer node.TransferTuning
	// Work, if not nil, replaces the service's workload.
	Work workload
	// Bare, if not nil, makes a stand-in for a node.Node.
	Bare func(*server) process
}

func (s *Shape) String() string {
	mode := "decoded messages"
	if s.Pointers {
		mode = "shared messages"
	}
	if s.Chains {
		mode = "chains, " + mode
	}
	if s.Reads {
		mode = "reads, " + mode
	}
	if d := &s.Disks; d.Durable {
		mode = fmt.Sprintf("durable (sync %v, job %v, segments of %d), %s", d.Sync, d.Job, d.Journal.SegmentSize, mode)
	}
	if t := &s.Partition; t.MaxCached > 0 {
		mode = fmt.Sprintf("%d cached of %d bytes and more, %s", t.MaxCached, t.MinCached, mode)
	}
	switch {
	case s.Execution != optimistic.Conservative:
		mode = fmt.Sprintf("%v execution, %d runs, %s", s.Execution, s.Runs.MaxRuns, mode)
	case s.Ridge.Optimistic:
		mode = "optimistic, " + mode
	}
	if s.Rogues {
		mode = "rogue clients, " + mode
	}
	out := fmt.Sprintf("%s; %d partitions of %d, %d clients of window %d, %d commands in %v; timeout %v, W %v, B %v, H %v; batch %d, pipeline %d, log %d; sequential %v, checks %v; %s, base delay %v, loss %d ppm, dup %d ppm, fifo %v; faults",
		s.Service, s.Partitions, s.Replicas, s.Clients, s.Client.Window, s.Commands, s.Length, s.Ridge.FailureTimeout,
		s.Ridge.Window, s.Ridge.MaxAhead, s.Ridge.Horizon, s.Ridge.MaxBatchCount, s.Ridge.Pipeline, s.Ridge.MaxLogCount,
		s.Partition.Sequential, s.Checks, mode, s.Network.Base, s.Network.Loss, s.Network.Dup, s.Network.FIFO)
	any := false
	for f, w := range s.Weights {
		if w > 0 {
			any = true
			out += fmt.Sprintf(" %v:%d", sim.Fault(f), w)
		}
	}
	for h, w := range s.Disks.Storm.Weights {
		if w > 0 && s.Disks.Durable {
			out += fmt.Sprintf(" [%v]:%d", havoc(h), w)
		}
	}
	if !any {
		return out + " none"
	}
	return out + fmt.Sprintf(" every %v for %v, clocks off by %v", s.Every, s.Lasts, s.ClockError)
}

// pick draws one of several values.
func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// between draws a time.
func between(r *rand.Rand, lo, hi time.Duration) time.Duration {
	return lo + time.Duration(r.Int64N(int64(hi-lo)+1))
}

const ms = time.Millisecond

// drawShape draws a run's shape.
func drawShape(r *rand.Rand, o *Options) Shape {
	s := Shape{
		Partitions: pick(r, 1, 2, 2, 2, 2, 3, 3, 3, 4, 4),
		Replicas:   pick(r, 3, 3, 3, 3, 3, 5),
		Clients:    2 + r.IntN(8),
		Commands:   1000 + r.IntN(400),
		Multi:      68 + r.IntN(20),
		Service:    pick(r, "bank", "bank", "volery"),
		Checks:     r.IntN(2) == 0,
		Pointers:   r.IntN(4) == 0,
		Restarts:   r.IntN(3) == 0,
		Rogues:     r.IntN(4) == 0,
		Grain:      pick(r, 0, 0, ms, 16*ms),
		Hot:        pick(r, 3, 6, 12, 30),
		Weights:    sim.DrawWeights(r),
	}
	s.Chains = s.Service == "bank" && s.Partitions > 2 && r.IntN(2) == 0
	s.Reads = r.IntN(3) == 0
	if s.Partitions == 4 {
		s.Replicas = 3
	}
	if o.Commands > 0 {
		s.Commands = o.Commands
	}
	s.drawNetwork(r)
	s.drawRidge(r)
	s.drawPartition(r)
	s.Network.DupDelay = pick(r, s.Network.Base, 50*ms, 2*s.Ridge.Horizon)
	s.drawMix(r)
	s.Client = client.DefaultTuning()
	s.Client.Window = 1 << r.IntN(6)
	s.Client.Span = min(s.Client.Window*(1+r.IntN(4)), s.Partition.ClientWindow)
	s.Client.Horizon = s.Ridge.Horizon
	s.Client.Spread = r.IntN(2) == 0
	s.Client.Ahead = s.Ridge.Window / 2
	s.Client.Resend = between(r, 5*s.Network.Base+10*ms, 250*ms)
	s.Client.MaxPause = s.Client.Resend * time.Duration(pick(r, 1, 4, 10))
	s.Length = between(r, 2*time.Second, 8*time.Second)
	s.widen()
	s.ClientSkew = pick(r, 0, s.Ridge.Window/2, s.Ridge.Window, time.Second)
	if s.Chains {
		s.Length /= 2
		s.Clients += 4
		if s.Weights != [sim.Faults]int{} {
			s.Weights[sim.FaultCutGroups] += 16
		}
	}
	if s.Reads && s.Weights != [sim.Faults]int{} {
		s.Weights[sim.FaultAside] += 16
	}
	s.Every = pick(r, 20*ms, 100*ms, 400*ms)
	s.Lasts = s.Ridge.FailureTimeout * time.Duration(pick(r, 1, 2, 4, 8)) / 2
	s.drawOptimism(r)
	return s
}

func (s *Shape) drawRidge(r *rand.Rand) {
	t := ridge.DefaultTuning()
	t.FailureTimeout = max(between(r, 60*ms, 500*ms), 15*s.Network.Base*time.Duration(s.Network.Spread))
	t.Heartbeat = t.FailureTimeout / 4
	t.Window = pick(r, 5*ms, 20*ms, 100*ms)
	t.Lead = t.Window * time.Duration(2+r.IntN(3))
	t.MaxAhead = t.Lead + pick(r, 50*ms, 200*ms, time.Second)
	t.Horizon = t.MaxAhead + t.Window + pick(r, 200*ms, time.Second, 3*time.Second, 60*time.Second)
	t.MaxBatchCount = pick(r, 1, 2, 8, 64, 1024)
	t.MaxBatchBytes = pick(r, 1<<10, 8<<10, 256<<10)
	t.Pipeline = pick(r, 1, 2, 4, 16)
	t.MaxMessage = pick(r, 2<<10, 1<<20)
	t.MaxLogBytes = max(4*t.MaxMessage, 4*t.MaxBatchBytes, pick(r, 16<<10, 64<<20))
	t.MaxLogCount = max(4*t.Pipeline, pick(r, 16, 100, 1000, 1<<16))
	t.MaxWaiting = pick(r, 8, 64, 8192)
	t.MaxWaitingSize = max(t.MaxMessage, pick(r, 16<<10, 16<<20))
	s.Ridge = t
	// Half of what separates A from B may be between any two acceptors.
	s.Skew = min((t.MaxAhead-t.Lead)/4, pick(r, 0, ms, 50*ms))
	s.ClockError = pick(r, t.Window/2, 4*t.Window, t.Horizon/2, 3*t.Horizon)
}

// drawOptimism draws optimistic delivery, its waits and its room.
func (s *Shape) drawOptimism(r *rand.Rand) {
	t := &s.Ridge
	t.Optimistic = r.IntN(2) == 0
	s.Client.Cast, s.Client.CastAll = t.Optimistic, r.IntN(3) == 0
	t.OptimisticWait = pick(r, 0, 0, -1, ms, 20*ms)
	t.ProposeWait = pick(r, 0, 0, -1, ms)
	t.MaxHeld = pick(r, 16, 1<<10, 1<<16)
	t.MaxHeldSize = pick(r, 16<<10, 32<<20)
}

// widen makes batches as large as the network's delays need, so that the
// commands fit into the run's length with room to spare.
func (s *Shape) widen() {
	trip := s.Network.Base * time.Duration(1+s.Network.Spread) / 2 * time.Duration(3+s.Replicas/2)
	need := 3*int(int64(s.Commands)*int64(trip)/int64(s.Length))/s.Ridge.Pipeline + 1
	s.Ridge.MaxBatchCount = max(s.Ridge.MaxBatchCount, need)
	s.Ridge.MaxBatchBytes = max(s.Ridge.MaxBatchBytes, need<<8)
	s.Ridge.MaxLogBytes = max(s.Ridge.MaxLogBytes, 4*s.Ridge.MaxBatchBytes)
}

func (s *Shape) drawPartition(r *rand.Rand) {
	t := partition.DefaultTuning()
	t.Horizon, t.Window = s.Ridge.Horizon, s.Ridge.Window
	t.ClientWindow = pick(r, 64, 256, 1024)
	t.Sequential = r.IntN(6) == 0
	t.MaxUnfinished = pick(r, 8, 100, 4096)
	t.MaxOutbox = pick(r, 64, 1<<10, 1<<16)
	t.MaxEarly = pick(r, 4, 64, 1<<14)
	t.MaxQuestions = pick(r, 16, 1<<14)
	t.MaxAccesses = spinBudget
	t.MaxReads = pick(r, 4, 1<<14, 1<<14)
	t.PullAfter = between(r, 5*ms, 50*ms) + 2*s.Network.Base
	t.PullMax = t.PullAfter * time.Duration(pick(r, 2, 10, 20))
	t.ProgressEvery = between(r, 20*ms, 200*ms)
	s.Partition = t
}

// drawExecution draws how commands are executed before their turn. Its draws are
// its own.
func (s *Shape) drawExecution(r *rand.Rand) {
	mode := pick(r, optimistic.Conservative, optimistic.Baseline, optimistic.Full, optimistic.Full)
	s.Runs = optimistic.Tuning{
		MaxRuns: pick(r, 4, 64, 4096, 4096), MaxRunBytes: pick(r, 16<<10, 64<<20, 64<<20),
		MaxEarly: pick(r, 4, 1<<13), MaxEarlyBytes: pick(r, 4<<10, 16<<20),
	}
	s.Asking = pick(r, 10, 50, 100)
	if n := pick(r, 30, 100, 300, 0, 0, 0, 0, 0); n > 0 && s.Ridge.Horizon < 5*time.Second {
		s.Partition.MaxRemembered = n // else a full table would last
	}
	if s.Ridge.Optimistic && s.Bare == nil {
		s.Execution = mode
	}
}

// drawCaches draws whether values that have not changed are shipped again, and
// the room for copies. Its draws are its own.
func (s *Shape) drawCaches(r *rand.Rand) {
	t := &s.Partition
	t.MaxCached = pick(r, 0, 4, 64, 1<<16, 1<<16)
	t.MaxCachedBytes = pick(r, 4<<10, 32<<20, 32<<20)
	t.MinCached = pick(r, 1, 1, 64)
	t.MinConfirmed = pick(r, 1, 8, 256)
}

func (s *Shape) drawNetwork(r *rand.Rand) {
	s.Network = sim.Network{
		Base:           pick(r, 50*time.Microsecond, 200*time.Microsecond, ms, 5*ms),
		Spread:         pick(r, 1, 2, 4),
		Tail:           pick(r, 0, 2, 4, 7),
		FIFO:           r.IntN(3) > 0,
		Loss:           pick(r, 0, 0, 0, 1_000, 10_000, 60_000),
		Dup:            pick(r, 0, 0, 0, 10_000, 100_000),
		FuzzedDecoding: r.IntN(4) == 0,
	}
}

// drawMix draws how often each command comes: wildly different weights, with
// the plain ones always there.
func (s *Shape) drawMix(r *rand.Rand) {
	for c := range s.Mix {
		if r.IntN(3) > 0 {
			s.Mix[c] = 1 << r.IntN(5)
		}
	}
	for _, c := range []uint16{cmdRead, cmdWrite, cmdTransfer, cmdAppend} {
		s.Mix[c] += 4 + r.IntN(12)
	}
	for _, c := range []uint16{cmdFail, cmdPanic, cmdSpin, cmdStray, cmdMeddle} {
		s.Mix[c] = min(s.Mix[c], 4)
	}
	for _, c := range []uint16{cmdSetSetting, cmdSum} { // they go everywhere
		s.Mix[c] = min(s.Mix[c], 6)
	}
}
