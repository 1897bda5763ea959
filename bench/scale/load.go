package scale

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/eyrie-dev/eyrie/bench"
	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/sim"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/ridge"
)

// reply is what a client gets from one of the destinations.
type reply struct{ command ids.Command }

const kindReply = wire.Kind(0xfe)

func (*reply) Kind() wire.Kind { return kindReply }

// replyBytes is the encoded size of a short reply.
const replyBytes = 40

// proposes says whether a message brings a command to a coordinator.
func proposes(m wire.Message) bool {
	_, ok := m.(*ridge.Propose)
	return ok
}

// client is a load generator: it keeps a number of messages outstanding, all
// of one size, each to its group or, in some share, to that and another one.
// It costs nothing.
type client struct {
	s     *system
	name  ids.Client
	group ids.Partition
	rand  *rand.Rand
	body  []byte
	now   hlc.Now
	due   []time.Duration // when each of the first messages is submitted
	again []*ridge.Message
	at    time.Duration // when to try again what was refused
	calls []call        // by sequence
	sets  []ids.Set     // by other group; the group's own alone under its own
}

// call is one message: when it was submitted, at how many processes it has
// been delivered, and at how many it is to be.
type call struct {
	message   *ridge.Message
	submitted time.Duration
	delivered int
	dests     int
	timelines []uint16 // of a post: how many each destination changes
}

// addClient adds the client of a group.
func (s *system) addClient(g int, outstanding int) {
	c := &client{s: s, group: ids.Partition(g), at: none, rand: rand.New(rand.NewPCG(s.plan.Seed, uint64(g)+1)), body: s.body}
	binary.LittleEndian.PutUint32(c.name[:], uint32(len(s.clients)))
	c.name[15] = 1
	for g := range s.groups() {
		c.sets = append(c.sets, ids.NewSet(c.group, ids.Partition(g)))
	}
	// The first messages come one by one, so that they do not travel together
	// for ever.
	for k := range outstanding {
		c.due = append(c.due, s.plan.Start+time.Duration(k)*rampUp/time.Duration(outstanding))
	}
	s.clients = append(s.clients, c)
	s.net.add(ids.ToClient(c.name), c, true, 0)
}

// rampUp is how long it takes until all of a client's messages are outstanding.
const rampUp = 5 * time.Millisecond

// retryAfter is how long a client waits after a refusal.
const retryAfter = 30 * time.Millisecond

// Step implements core.
func (c *client) Step(now hlc.Now, _ ids.Addr, m wire.Message) {
	c.now = now
	switch m := m.(type) {
	case *reply:
		t := now.Mono - monoStart
		k := &c.calls[m.command.Sequence-1]
		if k.message == nil {
			return // a second reply, after a change of coordinator
		}
		k.message = nil
		c.s.replied(t-k.submitted, t)
		c.due = append(c.due, t)
	case *ridge.Advice:
		if k := &c.calls[m.Command.Sequence-1]; m.Reason != ridge.Redirect && k.message != nil {
			c.s.refused++
			c.again = append(c.again, k.message)
			c.at = now.Mono - monoStart + retryAfter
		}
	}
}

// Tick implements core.
func (c *client) Tick(now hlc.Now) { c.now = now }

// Wake implements core.
func (c *client) Wake() time.Duration {
	at := sim.Never
	if len(c.due) > 0 {
		at = monoStart + c.due[0]
	}
	if len(c.again) > 0 {
		at = min(at, monoStart+c.at)
	}
	return at
}

// Drain implements core.
func (c *client) Drain(at time.Duration, send func(ids.Addr, wire.Message)) int {
	n := 0
	for ; n < len(c.due) && c.due[n] <= at; n++ {
		c.propose(send, c.submit(at))
	}
	c.due = c.due[:copy(c.due, c.due[n:])]
	if len(c.again) > 0 && c.at <= at {
		for _, m := range c.again {
			c.propose(send, m)
		}
		c.again = c.again[:0]
	}
	return 0
}

func (c *client) submit(at time.Duration) *ridge.Message {
	if l := c.s.plan.Social; l != nil {
		return c.command(l, at)
	}
	other := c.group
	if share := c.s.plan.Share; share > 0 && c.rand.Float64() < share {
		loaded := c.s.groups() - c.s.first
		other = ids.Partition(c.s.first + (int(c.group)-c.s.first+1+c.rand.IntN(loaded-1))%loaded)
	}
	m := &ridge.Message{
		Command: ids.Command{Client: c.name, Sequence: ids.Sequence(len(c.calls) + 1)}, Attempt: 1,
		T0: c.now.Wall, Mark: 1, Dests: c.sets[other], Body: c.body,
	}
	c.calls = append(c.calls, call{message: m, submitted: at, dests: len(m.Dests) * c.s.plan.Destinations})
	return m
}

// command is submit for a command of a social network.
func (c *client) command(l *Social, at time.Duration) *ridge.Message {
	dests, timelines := l.dests(c.rand, c.group, c.s.first, c.s.groups()-c.s.first)
	m := &ridge.Message{
		Command: ids.Command{Client: c.name, Sequence: ids.Sequence(len(c.calls) + 1)}, Attempt: 1,
		T0: c.now.Wall, Mark: 1, Dests: dests, Body: c.body,
	}
	c.calls = append(c.calls, call{message: m, submitted: at, dests: len(dests) * c.s.plan.Destinations, timelines: timelines})
	return m
}

func (c *client) propose(send func(ids.Addr, wire.Message), m *ridge.Message) {
	e := c.s.topo.EnsembleFor(m.Dests)
	p := c.s.topo.Ensembles[len(c.s.topo.Ensembles)-1].Acceptors[0]
	if e != ids.All {
		p = c.s.topo.Ensembles[e].Acceptors[0]
	}
	send(ids.To(p), &ridge.Propose{Ensemble: e, Message: m})
}

// delivered takes note that a process has delivered a message at time t.
func (s *system) delivered(p ids.Process, m *ridge.Message, t time.Duration) {
	k := &s.clients[binary.LittleEndian.Uint32(m.Command.Client[:])].calls[m.Command.Sequence-1]
	k.delivered++
	if !s.measures(t) {
		return
	}
	s.count[p-1]++
	s.Each.Record(t - k.submitted)
	if k.delivered == k.dests {
		s.Last.Record(t - k.submitted)
	}
}

// replied takes note of a reply that arrived at time t.
func (s *system) replied(latency, t time.Duration) {
	if s.measures(t) {
		s.Reply.Record(latency)
	}
}

// measures says whether t is within the measured window.
func (s *system) measures(t time.Duration) bool { return t >= s.from && t < s.to }

// Measured are the latencies within the window, from submission: until the
// reply is back at the client; until a message is delivered, at each
// destination; and until it is delivered at its last destination.
type Measured struct{ Reply, Each, Last bench.Histogram }
