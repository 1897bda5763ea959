package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/transport"
	"github.com/eyrie-dev/eyrie/internal/vfs"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/ridge"
)

// ErrClosed is the error of what needs a node or a client that was closed.
var ErrClosed = errors.New("host: closed")

// NodeConfig says which process to run.
type NodeConfig struct {
	// Core is the process's core. Incarnation and Random are filled in.
	Core node.Config
	// Cluster is the cluster's identity: others are refused.
	Cluster string
	// Addrs are the addresses of all processes, this one's included.
	Addrs map[ids.Process]string
	// Listener, if not nil, is listened on instead of Addrs[Core.Self]. The
	// node closes it.
	Listener net.Listener
	// Dir is the process's directory, which holds what it has promised and its
	// state: it may end at any moment, by any means, and be started again from
	// there. Empty: everything is kept in memory, and a process that ends has
	// left the cluster.
	Dir string
	// Transport is the connections' tuning; zero fields take the defaults.
	Transport transport.Tuning
	// Logger is silent when nil.
	Logger *slog.Logger

	// Shared, if not nil, is the directory in which this process and others of
	// the program keep all that; Dir is empty then.
	Shared *Shared
	// fs, if not nil, is what identity and journal are kept in instead of Dir.
	fs vfs.FS
}

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

// StartNode starts a process. ctx bounds the start alone. The process has
// begun to listen when StartNode returns; whether its peers are there shows
// Status.
func StartNode(ctx context.Context, cfg NodeConfig) (*Node, error) {
	if err := missing(cfg.Core.Topology, cfg.Addrs); err != nil {
		return nil, err
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	// The port first: who finds it taken leaves the directory alone.
	ln := cfg.Listener
	if ln == nil {
		var err error
		if ln, err = new(net.ListenConfig).Listen(ctx, "tcp", cfg.Addrs[cfg.Core.Self]); err != nil {
			return nil, fmt.Errorf("host: process %d: %w", cfg.Core.Self, err)
		}
	}
	n, err := startOn(ln, &cfg)
	if err != nil {
		ln.Close()
		return nil, err
	}
	return n, nil
}

// startOn makes the core, of what is on the disk if it is durable, and starts it.
func startOn(ln net.Listener, cfg *NodeConfig) (*Node, error) {
	cfg.Core.Incarnation, cfg.Core.Random = ids.Incarnation(draw()), source()
	cfg.Core.Heap, cfg.Core.PID = heapBytes, os.Getpid()
	var d *disk
	durable := cfg.Dir != "" || cfg.Shared != nil
	if durable {
		var err error
		if d, err = cfg.durable(); err != nil {
			return nil, err
		}
	}
	core, err := node.New(cfg.Core)
	if err == nil && d != nil {
		if err = d.settle(core.Status().Durable.Checkpoint); err != nil {
			core.Close()
		}
	}
	if err != nil {
		if d != nil {
			err = errors.Join(err, d.close(nil))
		}
		return nil, err
	}
	n, err := startNode(core, d, cfg.Core.Ridge.Optimistic && cfg.Core.Machine != nil, transport.Config{
		Self: ids.To(cfg.Core.Self), Incarnation: cfg.Core.Incarnation, Cluster: cfg.Cluster,
		Service:  fingerprint(&cfg.Core),
		Layout:   layout(cfg.Core.Topology, cfg.Core.Ridge.Horizon, cfg.Core.Execution),
		Settings: settings(cfg.Core.Ridge, cfg.Core.Partition, cfg.Core.Checks, durable),
		Peers:    cfg.Addrs, Listener: ln, Decode: node.Decode, Tuning: cfg.Transport, Logger: cfg.Logger,
	})
	if err != nil {
		core.Close()
		if d != nil {
			err = errors.Join(err, d.close(nil))
		}
		return nil, err
	}
	return n, nil
}

// durable opens the directory and has the core begin with what is there.
func (cfg *NodeConfig) durable() (*disk, error) {
	want := drawIdentity(cfg.Cluster, cfg.Core.Self, layoutOf(cfg.Core.Topology))
	var d *disk
	var found *node.Recovered
	var err error
	if cfg.Shared != nil {
		d, found, err = cfg.Shared.disk(want, cfg.Logger)
	} else {
		d, found, err = openDisk(cfg.Dir, cfg.fs, want, cfg.Logger)
	}
	if err != nil {
		return nil, err
	}
	cfg.Core.Durable, cfg.Core.Life, cfg.Core.Recovered = true, draw(), found
	cfg.Core.Incarnation = d.id.incarnation
	return d, nil
}

// layoutOf is what a directory remembers of the cluster's layout: whose the
// partitions are.
func layoutOf(t *ridge.Topology) uint64 {
	return layout(&ridge.Topology{Replicas: t.Replicas}, 0, optimistic.Conservative)
}

// fingerprint is the service's; other machines have none.
func fingerprint(c *node.Config) uint64 {
	if c.Machine != nil {
		return 0
	}
	return c.Service.Fingerprint()
}

// startNode runs a core over TCP. On an error the listener is left open. For
// gathers see loop.
func startNode(core nodeCore, d *disk, gathers bool, cfg transport.Config) (*Node, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Logger = cfg.Logger.With("process", cfg.Self.Process)
	n := newNode(core, cfg.Self.Process, cfg.Incarnation, cfg.Logger)
	n.addr, n.badge = cfg.Listener.Addr(), badgeOf(cfg)
	if m, ok := core.(interface{ Moved() []node.Moved }); ok {
		n.moved = m.Moved
	}
	n.loop.gathers = gathers
	if d != nil {
		n.keeper = newKeeper(n, core.(durableCore), d)
	}
	cfg.Handler = n.loop.deliver
	tr, err := transport.New(cfg)
	if err != nil {
		return nil, err
	}
	n.log.Info("started", "addr", n.addr.String(), "incarnation", uint64(cfg.Incarnation))
	n.begin(tr)
	return n, nil
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

// nodeLoop is a Node as its loop sees it.
type nodeLoop Node

func (n *nodeLoop) step(now hlc.Now, from ids.Addr, inc ids.Incarnation, m wire.Message) {
	n.core.Step(now, from, inc, m)
}

func (n *nodeLoop) call(hlc.Now, *Call)                   {}
func (n *nodeLoop) synced(now hlc.Now, c committed) error { return n.keeper.done(now, c) }
func (n *nodeLoop) wake() time.Duration                   { return min(n.core.Wake(), n.lazyAt+lazyRest) }

func (n *nodeLoop) tick(now hlc.Now) {
	if n.core.Wake() <= now.Mono {
		n.core.Tick(now)
	}
}

// out sends before it executes: at the coordinator the next batch is under way
// meanwhile, and at the last acceptor the decision.
func (n *nodeLoop) out(now hlc.Now) (again bool, err error) {
	n.transmit(now, n.core.Ordered())
	if n.keeper != nil {
		n.keeper.keep()
	}
	n.transmit(now, n.core.Sends())
	n.flushLazy(now)
	n.near.flush(n.self, n.inc)
	if n.keeper != nil {
		n.keeper.keep()
		n.keeper.tidy()
	}
	if err := n.core.Err(); err != nil {
		return false, err
	}
	n.move()
	// What the core tells itself comes like a message, with the next round.
	for _, m := range n.local {
		n.core.Step(now, ids.To(n.self), n.inc, m)
	}
	again = len(n.local) > 0
	clear(n.local)
	n.local = n.local[:0]
	return again, nil
}

// move has the connections follow processes that are elsewhere now.
func (n *nodeLoop) move() {
	tcp, ok := n.tr.(*transport.TCP)
	if n.moved == nil || !ok {
		return
	}
	for _, m := range n.moved() {
		n.log.Info("moved", "process", m.Process, "addr", m.Addr)
		tcp.Move(m.Process, m.Addr)
	}
}

func (n *nodeLoop) transmit(now hlc.Now, sends []node.Send) {
	for _, s := range sends {
		switch {
		case s.To.Process == n.self:
			n.local = append(n.local, s.Msg)
		case s.To.Process == 0 && n.near.send(s.To.Client, s.Msg):
		case s.Lazy:
			n.tr.Post(s.To, s.Msg)
			n.lazyAt = min(n.lazyAt, now.Mono+lazyWait)
		default:
			n.tr.Send(s.To, s.Msg)
		}
	}
	n.tr.Flush()
}
