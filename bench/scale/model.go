package scale

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/sim"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// core is what runs in a process of the model.
type core interface {
	Step(now hlc.Now, from ids.Addr, m wire.Message)
	Tick(now hlc.Now)
	Wake() time.Duration
	// Drain hands over what the core has said, and returns how many messages
	// it has delivered since the last call.
	Drain(at time.Duration, send func(to ids.Addr, m wire.Message)) (delivered int)
}

// worker is a core that does more than to order.
type worker interface {
	// Worked is how many nanoseconds that took since the last call.
	Worked() float64
}

// network is one simulated system on virtual time.
type network struct {
	world *sim.World
	link  Link
	costs Costs
	// cores is how many processors each process has.
	cores int
	// entry is the size of one message in a batch, on the wire.
	entry float64
	// replyBytes is the size of a reply.
	replyBytes int
	nodes      []*node
	addrs      map[ids.Addr]int32
	pool       []*frame
	parts      []*part
	buf        []byte
	// messages that arrived, all processes and clients together.
	messages uint64
}

// node is a process on its own machine or, when free, a load generator that
// costs nothing and is connected without limit.
type node struct {
	net  *network
	id   int32
	addr ids.Addr
	core core
	free bool
	port port
	skew hlc.Timestamp

	inbox []*frame
	head  int
	// readers are when each receiving processor is free: all but the one that
	// runs the core, if there are several.
	readers []time.Duration
	order   time.Duration // what was received before was ready then
	busy    time.Duration // the core's processor is busy until then
	work    time.Duration // processor time used, all processors
	rounds  uint64

	armed   time.Duration // when the next round is planned, or none
	tickAt  time.Duration // when the core wants a tick, or none
	planned time.Duration // when the next look at tickAt is planned, or none
	run     func()
	tick    func()
	heard   []uint64 // by sender: the last round in which it was read

	out    []*frame // by destination: the frame open in this round
	frames []*frame // of this round, in order
	wrote  []uint64 // by destination: the last round with a write
	last   wire.Message
	size   int
}

// frame is what one process sends to another in one round of its loop, or a
// part of it if that is much.
type frame struct {
	net      *network
	from, to int32
	messages []wire.Message
	sizes    []int
	size     int // of the messages, with headers
	wire     int // with everything that the link adds
	ready    time.Duration
	leave    func()
}

// none is a virtual time that is not planned.
const none = time.Duration(-1)

// Start of virtual time on the clocks: not zero, so that no time is.
const (
	monoStart = time.Hour
	wallStart = hlc.Timestamp(1_767_225_600_000_000)
)

func newNetwork(link Link, cores int, costs Costs, nodes int) *network {
	return &network{
		world: sim.New(1, sim.Config{}), link: link, costs: costs, cores: cores, entry: 1, replyBytes: replyBytes,
		addrs: make(map[ids.Addr]int32, nodes), nodes: make([]*node, 0, nodes),
	}
}

// add puts a process into the system; all must be there before it runs.
func (n *network) add(addr ids.Addr, c core, free bool, skew time.Duration) *node {
	x := &node{net: n, id: int32(len(n.nodes)), addr: addr, core: c, free: free, skew: hlc.Timestamp(skew / time.Microsecond)}
	x.port.init(x, cap(n.nodes))
	x.out = make([]*frame, cap(n.nodes))
	x.readers = make([]time.Duration, max(n.cores-1, 0))
	x.heard, x.wrote = make([]uint64, cap(n.nodes)), make([]uint64, cap(n.nodes))
	x.run = func() {
		if x.armed == n.world.Now() { // else another was planned before it
			x.armed = none
			x.round()
		}
	}
	x.tick = func() {
		x.planned = none
		x.watch()
	}
	n.nodes = append(n.nodes, x)
	n.addrs[addr] = x.id
	x.armed, x.planned = none, none
	x.tickAt = 0
	x.watch()
	return x
}

// clocks are a process's clocks at virtual time t.
func (x *node) clocks(t time.Duration) hlc.Now {
	return hlc.Now{Mono: monoStart + t, Wall: wallStart + hlc.Timestamp(t/time.Microsecond) + x.skew}
}

func (n *network) frame(from, to int32) *frame {
	var f *frame
	if k := len(n.pool); k > 0 {
		f, n.pool = n.pool[k-1], n.pool[:k-1]
	} else {
		f = &frame{net: n}
		f.leave = func() { n.nodes[f.from].port.send(f) }
	}
	f.from, f.to, f.size = from, to, 0
	return f
}

func (n *network) release(f *frame) {
	clear(f.messages)
	f.messages, f.sizes = f.messages[:0], f.sizes[:0]
	n.pool = append(n.pool, f)
}

// runUntil lets the system run until virtual time end.
func (n *network) runUntil(end time.Duration) {
	n.world.RunUntil(end, func() bool { return false })
}
