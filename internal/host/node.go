package host

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/transport"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/ridge"
)

// ErrClosed is the error of what needs a node or a client that was closed.
var ErrClosed = errors.New("host: closed")

// Node is a running process. All methods are safe for concurrent use.
type Node struct {
	loop  loop
	core  nodeCore
	tr    transport.Transport
	self  ids.Process
	inc   ids.Incarnation
	addr  net.Addr
	log   *slog.Logger
	badge badge
	// moved tells which processes are at other addresses than they were; nil in
	// tests.
	moved func() []node.Moved
	// keeper is nil when everything is kept in memory.
	keeper *keeper

	// Of the holder of the loop's right to run:
	local []wire.Message // from the core to itself
	near  nearClients
	// lazyAt is from when on what was sent lazily may leave with the next round; never if
	// there is nothing.
	lazyAt time.Duration

	closing sync.Once
	done    chan struct{}
	err     error // valid when done is closed
}

// nodeCore is internal/node's Node, or a test's.
type nodeCore interface {
	Step(now hlc.Now, from ids.Addr, inc ids.Incarnation, m wire.Message)
	Multicast(now hlc.Now, ms []ridge.Message)
	MulticastBatch(now hlc.Now, b *ridge.Batch)
	Tick(now hlc.Now)
	Wake() time.Duration
	Ordered() []node.Send
	Sends() []node.Send
	Err() error
	Status() node.Status
	Close()
}

// NodeStatus describes a running process.
type NodeStatus struct {
	node.Status
	Transport transport.Stats `json:"transport"`
	// Connected are the processes that this one has a connection to.
	Connected []ids.Process `json:"connected"`
	// DroppedProcesses and DroppedClients are messages that came faster than
	// the core could take them.
	DroppedProcesses uint64 `json:"dropped_from_processes"`
	DroppedClients   uint64 `json:"dropped_from_clients"`
}

// newNode makes a node whose inbox may be delivered to; begin starts it.
func newNode(core nodeCore, self ids.Process, inc ids.Incarnation, log *slog.Logger) *Node {
	n := &Node{core: core, self: self, inc: inc, log: log, lazyAt: never - lazyRest, done: make(chan struct{})}
	n.near.by = map[ids.Client]*queue[*Client]{}
	n.loop.init((*nodeLoop)(n))
	return n
}

func (n *Node) begin(tr transport.Transport) {
	n.tr = tr
	if n.keeper != nil {
		n.keeper.ledger.join(n.keeper.part)
	}
	go n.run()
}

func (n *Node) run() {
	n.err = n.loop.run()
	n.loop.inbox.close()
	left := n.loop.inbox.rest()
	for _, f := range left.asks {
		f() // a client that has come just now, say
	}
	n.near.lost(n.self)
	n.tr.Close()
	n.core.Close()
	if n.keeper != nil {
		n.err = errors.Join(n.err, n.keeper.end())
	}
	if n.err != nil {
		n.log.Error("stopped", "err", n.err)
	} else {
		n.log.Info("stopped")
	}
	close(n.done)
}

// Close stops the process and returns when all its goroutines have ended. A
// durable one takes a last checkpoint first, if that is soon done. It may be
// called again, and from several goroutines.
func (n *Node) Close() error {
	n.closing.Do(func() {
		if n.keeper != nil {
			n.rest()
		}
		n.loop.close()
	})
	<-n.done
	return nil
}

// Done is closed when the process has stopped, by Close or because it had to.
func (n *Node) Done() <-chan struct{} { return n.done }

// Err explains, after Done, why the process stopped itself; nil after Close.
func (n *Node) Err() error {
	select {
	case <-n.done:
		return n.err
	default:
		return nil
	}
}

// Addr is where the process listens.
func (n *Node) Addr() net.Addr { return n.addr }

// Status asks the core for its state; ErrClosed when it has stopped.
func (n *Node) Status(ctx context.Context) (NodeStatus, error) {
	answer := make(chan NodeStatus, 1)
	ok := n.loop.ask(func() {
		answer <- NodeStatus{Status: n.core.Status()}
	})
	if !ok {
		return NodeStatus{}, ErrClosed
	}
	select {
	case s := <-answer:
		s.Transport = n.tr.Stats()
		s.DroppedProcesses, s.DroppedClients = n.loop.inbox.drops()
		if tcp, ok := n.tr.(*transport.TCP); ok {
			s.Connected = tcp.Connected()
		}
		return s, nil
	case <-n.done:
		return NodeStatus{}, ErrClosed
	case <-ctx.Done():
		return NodeStatus{}, ended(ctx)
	}
}
