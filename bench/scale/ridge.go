package scale

import (
	"math/rand/v2"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/ridge"
)

// server is a process with a real core of Ridge: a learner of its group's
// ensemble and of e_all, an acceptor perhaps. What it delivers it counts, and
// one of the destinations answers the client.
type server struct {
	s     *system
	self  ids.Process
	group ids.Partition
	// replies: this process answers for its group what the last acceptor,
	// being in another group, does not.
	replies bool
	core    *ridge.Core
	// Of a Social load: nanoseconds of execution since they were asked for,
	// commands that wait for signals, and those to be answered.
	worked float64
	gates  map[ids.Command]*gate
	ready  []ids.Command
}

func (s *system) newServer(g ids.Partition, self ids.Process) *server {
	return &server{
		s: s, self: self, group: g, gates: map[ids.Command]*gate{}, replies: self == s.topo.Replicas[g][s.plan.F],
		core: ridge.New(ridge.Config{
			Self: self, Life: uint64(self), Topology: s.topo, Tuning: ridge.DefaultTuning(),
			Random: rand.New(rand.NewPCG(s.plan.Seed, uint64(self))).Uint64,
		}),
	}
}

// Step implements core.
func (v *server) Step(now hlc.Now, from ids.Addr, m wire.Message) {
	if s, ok := m.(*signal); ok {
		v.signalled(s.command)
		return
	}
	v.core.Step(now, from, m)
}

// Tick implements core.
func (v *server) Tick(now hlc.Now) { v.core.Tick(now) }

// Wake implements core.
func (v *server) Wake() time.Duration { return v.core.Wake() }

// Drain implements core.
func (v *server) Drain(at time.Duration, send func(ids.Addr, wire.Message)) (delivered int) {
	var ds [64]ridge.Delivery
	for n := v.core.Next(ds[:]); n > 0; n = v.core.Next(ds[:]) {
		delivered += n
		for i := range ds[:n] {
			m := ds[i].Message
			v.s.delivered(v.self, m, at)
			if v.s.plan.Social != nil {
				v.execute(&ds[i], send)
			} else if v.answers(&ds[i]) {
				send(ids.ToClient(m.Command.Client), &reply{m.Command})
			}
		}
	}
	for _, c := range v.ready {
		send(ids.ToClient(c.Client), &reply{c})
	}
	v.ready = v.ready[:0]
	for _, m := range v.core.Sends() {
		send(m.To, m.Msg)
	}
	return delivered
}

// Worked implements worker.
func (v *server) Worked() (ns float64) {
	ns, v.worked = v.worked, 0
	return ns
}

// answers says whether this process answers: the one that knew of the decision
// first if it is a destination, else one of the first destination group.
func (v *server) answers(d *ridge.Delivery) bool {
	if d.Nearest == v.self {
		return true
	}
	if d.Nearest == 0 || !v.replies || d.Message.Dests[0] != v.group {
		return false
	}
	nearest := ids.Partition((int(d.Nearest) - 1) / v.s.plan.Destinations)
	return !d.Message.Dests.Has(nearest)
}

// skews draws how far processes' clocks are off.
func skews(seed uint64, most time.Duration) func() time.Duration {
	r := rand.New(rand.NewPCG(seed, 0x736b6577))
	return func() time.Duration {
		if most <= 0 {
			return 0
		}
		return time.Duration(r.Int64N(2*int64(most)+1)) - most
	}
}
