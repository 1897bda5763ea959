package scale

import (
	"time"

	"github.com/eyrie-dev/eyrie/bench"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/ridge"
)

// Plan is one run of the model.
type Plan struct {
	Ring         bool // a ring instead of Ridge
	Groups       int
	Destinations int     // of each group: its processes
	F            int     // crashes that an ensemble survives: it has 2F+1 acceptors
	Size         int     // bytes of a message
	Outstanding  int     // messages, for each group
	Share        float64 // of messages to two groups
	Social       *Social // commands of a social network; Size and Share say nothing then
	Apart        bool    // the first group, whose acceptors are e_all's, has no load of its own
	Link         Link
	Cores        int // of each process
	Costs        Costs
	Skew         time.Duration // clocks are off by up to this much
	Seed         uint64
	// The load begins at Start, is measured from Start + Warm, for Measure.
	Start, Warm, Measure time.Duration
}

// Result is what came of one run.
type Result struct {
	Plan Plan
	Measured
	// PerS is how many messages were delivered in a second, all groups
	// together, by the mean of a group's destinations. Slowest is how many the
	// destination that delivered fewest did, of its group's mean.
	PerS, Slowest float64
	// Busy is the share of time that each process's processors were at work
	// (of one core), Sending that its port sent, from the start of the load.
	Busy, Sending []float64
	// Counters are the sums of all cores' counters.
	Counters ridge.Counters
	Refused  uint64
	// Messages that the model carried, and the processor time that it took.
	Messages uint64
	CPU      time.Duration
}

// system is one run under way.
type system struct {
	plan    Plan
	net     *network
	topo    *ridge.Topology
	servers []*server
	clients []*client
	body    []byte // of every message
	first   int    // the first group with load
	from    time.Duration
	to      time.Duration
	count   []uint64 // by process: deliveries within the window
	refused uint64
	Measured
}

func (s *system) groups() int { return s.plan.Groups }

// Run runs a plan.
func Run(p Plan) Result {
	began := bench.OwnCPU()
	s := &system{plan: p, from: p.Start + p.Warm, to: p.Start + p.Warm + p.Measure}
	s.topo = topology(p.Groups, p.Destinations, 2*p.F+1)
	processes := p.Groups * p.Destinations
	s.net = newNetwork(p.Link, p.Cores, p.Costs, processes+p.Groups)
	if p.Social != nil {
		p.Size = p.Social.size()
		if !p.Social.Post {
			s.net.replyBytes = timelineBytes
		}
	}
	s.net.entry = float64(entryBytes + p.Size)
	s.count = make([]uint64, processes)
	skew := skews(p.Seed, p.Skew)
	for g, members := range s.topo.Replicas {
		for i, self := range members {
			if p.Ring {
				s.net.add(ids.To(self), newRing(s, members, i), false, skew())
				continue
			}
			sv := s.newServer(ids.Partition(g), self)
			s.servers = append(s.servers, sv)
			s.net.add(ids.To(self), sv, false, skew())
		}
	}
	s.body = make([]byte, p.Size)
	if p.Apart {
		s.first = 1
	}
	for g := s.first; g < p.Groups; g++ {
		s.addClient(g, p.Outstanding)
	}
	s.net.runUntil(p.Start)
	idle := make([]time.Duration, processes)
	for i, x := range s.net.nodes[:processes] {
		idle[i] = x.work
		x.port.out.used = 0
	}
	s.net.runUntil(s.to)
	return s.result(idle, began)
}

func (s *system) result(idle []time.Duration, began time.Duration) Result {
	r := Result{Plan: s.plan, Measured: s.Measured, Messages: s.net.messages, Refused: s.refused}
	over := float64(s.to - s.plan.Start)
	for i := range idle {
		x := s.net.nodes[i]
		r.Busy = append(r.Busy, float64(x.work-idle[i])/over)
		r.Sending = append(r.Sending, float64(x.port.out.used)/over)
	}
	total := 0.0
	r.Slowest = 1
	for _, members := range s.topo.Replicas[s.first:] {
		sum, fewest := uint64(0), s.count[members[0]-1]
		for _, p := range members {
			sum += s.count[p-1]
			fewest = min(fewest, s.count[p-1])
		}
		mean := float64(sum) / float64(len(members))
		total += mean
		r.Slowest = min(r.Slowest, float64(fewest)/max(mean, 1))
	}
	// A message to two groups is delivered in both.
	r.PerS = total / (1 + s.plan.Share) / s.plan.Measure.Seconds()
	if s.plan.Social != nil { // to any number of groups
		r.PerS = float64(r.Reply.Total()) / s.plan.Measure.Seconds()
	}
	for _, sv := range s.servers {
		r.add(sv.core.Status().Counters)
	}
	r.CPU = bench.OwnCPU() - began
	return r
}

func (r *Result) add(c ridge.Counters) {
	t := &r.Counters
	t.Delivered += c.Delivered
	t.Proposed += c.Proposed
	t.Nulls += c.Nulls
	t.Rounds += c.Rounds
	t.Repeats += c.Repeats
	t.Fetches += c.Fetches
	t.Advances += c.Advances
	t.Refused += c.Refused
	t.Dropped += c.Dropped
}

// entryBytes is what a message's header and its place in a batch take.
const entryBytes = 50

// topology is groups times destinations processes; the first of each group are
// its ensemble's acceptors, and those of the first group e_all's too.
func topology(groups, destinations, acceptors int) *ridge.Topology {
	var members [][]ids.Process
	p := ids.Process(0)
	for g := range groups {
		members = append(members, nil)
		for range destinations {
			p++
			members[g] = append(members[g], p)
		}
	}
	t := ridge.NewTopology(members)
	for i := range t.Ensembles {
		e := &t.Ensembles[i]
		first := int(e.ID)
		if e.ID == ids.All {
			first = 0
		}
		e.Acceptors = members[first][:acceptors:acceptors]
	}
	return t
}

// size is a message's encoded size.
func (n *network) sizeOf(m wire.Message) int {
	switch m := m.(type) {
	case *reply:
		return n.replyBytes
	case *ringMessage:
		return m.size()
	}
	n.buf = m.Append(n.buf[:0])
	return len(n.buf)
}
