package scale

import "time"

// Link is what connects processes: a full-duplex port of Bandwidth at each,
// and a switch between them that never limits, with a delay from port to port.
type Link struct {
	Bandwidth float64       // bytes per second, each way
	Delay     time.Duration // d: propagation, one way
}

// On the wire a frame is cut into packets: so many bytes of payload, and so
// many of Ethernet's (preamble, header, checksum, gap), IP's and TCP's.
const (
	packetPayload = 1448
	packetHeaders = 38 + 20 + 32
)

// The transport's framing (internal/transport): a frame has a header, ends
// when it is long enough, and each message in it has a header.
const (
	frameHeader   = 9
	frameTarget   = 32 << 10
	messageHeader = 4
)

// wireBytes is what size bytes of messages take on a link.
func wireBytes(size int) int {
	size += frameHeader * (1 + size/frameTarget)
	return size + (size+packetPayload-1)/packetPayload*packetHeaders
}

// occupies is how long the port is busy with so many bytes on the wire.
func (l *Link) occupies(wire int) time.Duration {
	return span(float64(wire) / l.Bandwidth * 1e9)
}

// piece is how much one connection sends before another's turn: what a
// network card takes in one go. Connections share a port in turns, in each
// direction: as connections do whose senders are paced.
const piece = 64 << 10

// part is what of a frame is sent in one turn.
type part struct {
	frame  *frame
	bytes  int
	last   bool
	arrive func()
}

// lane is one direction of a port.
type lane struct {
	net *network
	// flows are the parts that wait, by connection; queue are the connections
	// with any, in turn.
	flows []flow
	queue []int32
	head  int
	armed bool
	busy  time.Duration // until then
	used  time.Duration // in all
	next  func()
	// begin is called when a part's turn has come, with its end.
	begin func(p *part, end time.Duration)
}

type flow struct {
	parts []*part
	head  int
}

func (l *lane) init(n *network, nodes int, begin func(*part, time.Duration)) {
	l.net, l.flows, l.begin = n, make([]flow, nodes), begin
	l.next = func() { l.armed = false; l.turn() }
}

// add queues a part for a connection.
func (l *lane) add(connection int32, p *part) {
	f := &l.flows[connection]
	f.parts = append(f.parts, p)
	if len(f.parts) == f.head+1 {
		l.queue = append(l.queue, connection)
	}
	l.turn()
}

// turn begins with the part whose turn it is, if the lane is idle, and comes
// back at its end if more wait.
func (l *lane) turn() {
	w := l.net.world
	for l.head < len(l.queue) {
		now := w.Now()
		if l.busy > now {
			if !l.armed {
				l.armed = true
				w.At(l.busy, l.next)
			}
			return
		}
		connection := l.queue[l.head]
		if l.head++; l.head > 256 && 2*l.head > len(l.queue) {
			l.queue, l.head = append(l.queue[:0], l.queue[l.head:]...), 0
		}
		f := &l.flows[connection]
		p := f.parts[f.head]
		f.parts[f.head] = nil
		if f.head++; f.head == len(f.parts) {
			f.parts, f.head = f.parts[:0], 0
		} else {
			l.queue = append(l.queue, connection)
		}
		d := l.net.link.occupies(p.bytes)
		l.busy = now + d
		l.used += d
		l.begin(p, l.busy)
	}
	l.queue, l.head = l.queue[:0], 0
}

// port is a process's end of its link.
type port struct {
	node *node
	out  lane
	in   lane
}

func (p *port) init(x *node, nodes int) {
	p.node = x
	w := x.net.world
	p.out.init(x.net, nodes, func(p *part, _ time.Duration) { w.At(w.Now()+x.net.link.Delay, p.arrive) })
	p.in.init(x.net, nodes, func(p *part, end time.Duration) { x.taken(p, end) })
}

// send queues a frame, cut into parts. What a load generator sends leaves at
// once.
func (p *port) send(f *frame) {
	w := p.node.net.world
	for left := f.wire; left > 0; {
		q := p.node.net.part(f, min(left, piece))
		left -= q.bytes
		q.last = left == 0
		if p.node.free {
			w.At(w.Now()+p.node.net.link.Delay, q.arrive)
		} else {
			p.out.add(f.to, q)
		}
	}
}

// receive takes a part whose first byte comes now: receiving overlaps with
// sending, and what several send at once is received in turns.
func (p *port) receive(q *part) {
	if p.node.free {
		p.node.taken(q, p.node.net.world.Now())
		return
	}
	p.in.add(q.frame.from, q)
}

// part makes a part, or takes an old one.
func (n *network) part(f *frame, bytes int) *part {
	var p *part
	if k := len(n.parts); k > 0 {
		p, n.parts = n.parts[k-1], n.parts[:k-1]
	} else {
		p = &part{}
		p.arrive = func() { n.nodes[p.frame.to].port.receive(p) }
	}
	p.frame, p.bytes = f, bytes
	return p
}
