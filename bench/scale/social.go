package scale

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/ridge"
)

// Social is a load like Chirper's: all clients' messages are commands of a social
// network, which processes execute and answer.
type Social struct {
	// Post has all messages be posts; else they ask for timelines.
	Post bool
	// Far is the share of an author's followers who live on other partitions, any
	// of them. Where users are placed by a hash it is all but one partition's.
	Far float64
}

// followers of each user, about as many as in ego-Facebook's graph.
const followers = 44

// Sizes in bytes: of a request, of a post with its author's followers, of a
// timeline with 50 posts, and of a signal with that list of followers.
const (
	requestBytes  = 40
	postBytes     = 250
	timelineBytes = 6_000
	signalBytes   = 150
)

// size of a message.
func (l *Social) size() int {
	if l.Post {
		return postBytes
	}
	return requestBytes
}

// dests draws the destinations of a command of group g, and how many timelines
// each changes.
func (l *Social) dests(random *rand.Rand, g ids.Partition, first, groups int) (dests ids.Set, timelines []uint16) {
	if !l.Post {
		return ids.NewSet(g), nil
	}
	changes := map[ids.Partition]uint16{g: 1} // the author's own
	for range followers {
		p := g
		if groups > 1 && random.Float64() < l.Far {
			p = ids.Partition(first + (int(g)-first+1+random.IntN(groups-1))%groups)
		}
		if changes[p] == 0 {
			dests = append(dests, p)
		}
		changes[p]++
	}
	dests = ids.NewSet(append(dests, g)...)
	for _, p := range dests {
		timelines = append(timelines, changes[p])
	}
	return dests, timelines
}

// executing is what a command costs at one process of its i-th destination, in
// nanoseconds.
func (l *Social) executing(c *Costs, k *call, i int) float64 {
	if !l.Post {
		return c.Timeline
	}
	return c.Post + c.PostEach*float64(k.timelines[i])
}

// signal tells the processes of another destination that a command was started,
// and what it reads.
type signal struct{ command ids.Command }

const kindSignal = wire.Kind(0xfd)

func (*signal) Kind() wire.Kind { return kindSignal }

// Append implements wire.Message; the model counts bytes only.
func (*signal) Append(b []byte) []byte { return append(b, make([]byte, signalBytes)...) }

// gate is a command to several partitions at one process.
type gate struct {
	signals int  // that have come, of other destinations
	started bool // executed here
	answers bool // this process answers
}

// call is a client's record of a command.
func (s *system) call(c ids.Command) *call {
	return &s.clients[binary.LittleEndian.Uint32(c.Client[:])].calls[c.Sequence-1]
}

// execute executes what was delivered: it costs, and one process of each
// destination signals to the others; whoever answers waits for theirs.
func (v *server) execute(d *ridge.Delivery, send func(ids.Addr, wire.Message)) {
	m := d.Message
	for i, p := range m.Dests {
		if p == v.group {
			v.worked += v.s.plan.Social.executing(&v.s.plan.Costs, v.s.call(m.Command), i)
		}
	}
	if len(m.Dests) == 1 {
		if v.answers(d) {
			send(ids.ToClient(m.Command.Client), &reply{m.Command})
		}
		return
	}
	if int(m.Command.Sequence)%v.s.plan.Destinations == (int(v.self)-1)%v.s.plan.Destinations {
		for _, p := range m.Dests {
			if p == v.group {
				continue
			}
			for _, other := range v.s.topo.Replicas[p] {
				send(ids.To(other), &signal{m.Command})
			}
		}
	}
	g := v.gate(m.Command)
	g.started, g.answers = true, v.answers(d)
	v.pass(m.Command, len(m.Dests))
}

func (v *server) gate(c ids.Command) *gate {
	g := v.gates[c]
	if g == nil {
		g = &gate{}
		v.gates[c] = g
	}
	return g
}

// pass answers a command, if that is this process's part, when all have
// signalled.
func (v *server) pass(c ids.Command, dests int) {
	if g := v.gates[c]; g.started && g.signals == dests-1 {
		if delete(v.gates, c); g.answers {
			v.ready = append(v.ready, c)
		}
	}
}

// signalled takes a signal.
func (v *server) signalled(c ids.Command) {
	v.gate(c).signals++
	v.pass(c, len(v.s.call(c).timelines))
}
