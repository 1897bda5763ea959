package host

import (
	"bytes"
	"fmt"
	"maps"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/transport"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/partition"
)

// A client may be near some nodes: in the same operating-system process. They
// hand each other their messages, which are immutable once sent, without
// encoding them and without TCP: each leaves them in the other's inbox. The node
// may then run the client's core at once, as a connection's reader would. The
// client does not run the node's: a caller of Submit may be locked to its thread,
// on which the coroutines of the node's commands would then have to stay, and it
// has no business executing them.
//
// Nothing bounds the size of what is handed over but the window of the client,
// which is this program's own part; the number is bounded as for all.

// badge is what a node and a client must agree on, as over TCP.
type badge struct {
	cluster         string
	service, layout uint64
}

func badgeOf(cfg transport.Config) badge { return badge{cfg.Cluster, cfg.Service, cfg.Layout} }

// queue is what waits for one receiver until Flush.
type queue[T any] struct {
	to      T
	ms      []wire.Message
	touched bool
}

// nearNodes is the transport of a client with near nodes: TCP to the others.
type nearNodes struct {
	transport.Transport
	from    ids.Addr
	nodes   map[ids.Process]*queue[*Node]
	touched []*queue[*Node]
}

// attachAll makes c known to the nodes, before its first message, and says by
// linked which of them live.
func attachAll(c *Client, tcp transport.Transport, nodes []*Node, linked func(ids.Process, error)) *nearNodes {
	t := &nearNodes{Transport: tcp, from: ids.ToClient(c.id), nodes: map[ids.Process]*queue[*Node]{}}
	for _, n := range nodes {
		t.nodes[n.self] = &queue[*Node]{to: n}
		var err error
		if !n.loop.ask(func() { n.near.by[c.id] = &queue[*Client]{to: c} }) {
			err = ErrClosed
		}
		linked(n.self, err)
	}
	return t
}

// far is cfg without the near nodes among its peers. They must be what the
// handshake would have them be.
func far(cfg transport.Config, nodes []*Node) (transport.Config, error) {
	cfg.Peers = maps.Clone(cfg.Peers)
	for _, n := range nodes {
		if _, ok := cfg.Peers[n.self]; !ok || n.badge != badgeOf(cfg) {
			return cfg, fmt.Errorf("host: process %d: %w: of another cluster, service or configuration", n.self, transport.ErrRefused)
		}
		delete(cfg.Peers, n.self)
	}
	return cfg, nil
}

// Send implements transport.Transport.
func (t *nearNodes) Send(to ids.Addr, m wire.Message) {
	q := t.nodes[to.Process]
	if q == nil {
		t.Transport.Send(to, m)
		return
	}
	q.ms = append(q.ms, m)
	if !q.touched {
		q.touched = true
		t.touched = append(t.touched, q)
	}
}

// Flush implements transport.Transport.
func (t *nearNodes) Flush() {
	t.Transport.Flush()
	for i, q := range t.touched {
		q.to.loop.leave(t.from, 0, q.ms, 0)
		clear(q.ms)
		q.ms, q.touched, t.touched[i] = q.ms[:0], false, nil
	}
	t.touched = t.touched[:0]
}

// Close implements transport.Transport.
func (t *nearNodes) Close() error {
	for _, q := range t.nodes {
		q.to.loop.ask(func() { delete(q.to.near.by, t.from.Client) })
	}
	return t.Transport.Close()
}

// nearClients are a node's. They belong to the holder of its loop's right.
type nearClients struct {
	by      map[ids.Client]*queue[*Client]
	touched []*queue[*Client]
}

// send queues a message, if its receiver is near.
func (s *nearClients) send(to ids.Client, m wire.Message) bool {
	q := s.by[to]
	if q == nil {
		return false
	}
	q.ms = append(q.ms, owned(m))
	if !q.touched {
		q.touched = true
		s.touched = append(s.touched, q)
	}
	return true
}

// owned is a message whose value is the receiver's: the replica keeps its own,
// and a caller may change what it gets.
func owned(m wire.Message) wire.Message {
	switch r := m.(type) {
	case *partition.Reply:
		if len(r.Value) > 0 {
			own := *r
			own.Value = bytes.Clone(r.Value)
			return &own
		}
	case *partition.ReadReply:
		if len(r.Value) > 0 {
			own := *r
			own.Value = bytes.Clone(r.Value)
			return &own
		}
	case *optimistic.Reply:
		if len(r.Value) > 0 {
			own := *r
			own.Value = bytes.Clone(r.Value)
			return &own
		}
	}
	return m
}

// flush hands over what is queued.
func (s *nearClients) flush(from ids.Process, inc ids.Incarnation) {
	for i, q := range s.touched {
		q.to.loop.deliver(ids.To(from), inc, q.ms, 0)
		clear(q.ms)
		q.ms, q.touched, s.touched[i] = q.ms[:0], false, nil
	}
	s.touched = s.touched[:0]
}

// lost tells the clients that the node has ended.
func (s *nearClients) lost(p ids.Process) {
	for _, q := range s.by {
		q.to.linked(p, ErrClosed)
	}
}
