// Package node is the core of one process, without IO: it founds the cluster,
// runs Ridge, hands Ridge's deliveries to the partition's replica or another
// machine, and answers clients' greetings. A driver (internal/host, or the simulator) steps it.
package node

import (
	"fmt"
	"slices"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// Node is one process. It is not safe for concurrent use.
type Node struct {
	cfg        Config
	partition  ids.Partition
	founding   *founding
	ridge      *ridge.Core
	machine    Machine
	opt        OptMachine          // the machine, or nil
	replica    *partition.Replica  // the machine, or nil
	optimistic *optimistic.Machine // round the replica, or nil
	now        hlc.Now
	sends      []Send
	deliveries [64]ridge.Delivery
	behind     bool   // there is probably more to execute
	refused    uint64 // messages of incarnations that do not count
	strange    uint64 // messages that no process may send us
	err        error  // of the node itself

	journal         journal
	witness         witness
	keeper          keeper
	donor           donor
	receiver        receiver
	jobs, spareJobs []Job
	lastJob         uint64
	catchUp         catchUp
	moved           uint64   // the version of the members that Moved told
	damaged         []string // checkpoints that did not serve at the start
	rot             Rot
	pauses          [pauseKinds]pauses
}

// New makes the core of process cfg.Self, a replica of one partition.
func New(cfg Config) (*Node, error) {
	var members []ids.Process
	own := -1
	for p, replicas := range cfg.Topology.Replicas {
		members = append(members, replicas...)
		if slices.Contains(replicas, cfg.Self) {
			own = p
		}
	}
	if own < 0 {
		return nil, fmt.Errorf("process %d replicates no partition", cfg.Self)
	}
	// Clients know Ridge's; a replica that forgot them earlier, by another H,
	// would execute twice [X1, X2].
	if r, p := &cfg.Ridge, &cfg.Partition; cfg.Machine == nil && (r.Horizon != p.Horizon || r.Window != p.Window) {
		return nil, fmt.Errorf("node: H %v and W %v of Ridge are not the partition's %v and %v", r.Horizon, r.Window, p.Horizon, p.Window)
	}
	if cfg.Machine == nil && cfg.Execution != optimistic.Conservative && !cfg.Ridge.Optimistic {
		return nil, fmt.Errorf("node: %v execution needs Ridge's optimistic delivery", cfg.Execution)
	}
	slices.Sort(members)
	n := &Node{
		cfg: cfg, partition: ids.Partition(own), machine: cfg.Machine,
		founding: newFounding(cfg.Self, cfg.Incarnation, members),
	}
	if err := n.start(); err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

// Step takes one message. inc is the sender's incarnation if it is a process.
func (n *Node) Step(now hlc.Now, from ids.Addr, inc ids.Incarnation, m wire.Message) {
	n.now = now
	kind := m.Kind()
	switch {
	case kind >= wire.KindClient:
		n.stepSession(from, m)
	case from.Process == 0:
		n.stepClient(from, m)
	case kind >= wire.KindNode && kind < KindWant:
		n.founding.step(from.Process, inc, m)
		if f := n.founding; f.started && f.place != nil {
			n.ridge.Adopt(f.place)
		}
	case !n.founding.counts(from.Process, inc):
		n.refused++
		if n.founding.founded {
			n.founding.refuse(from.Process, inc)
		}
	case kind == KindJournal:
		n.witness.step(from.Process, inc, m.(*Journal))
	case !n.founding.started:
	case kind >= KindWant:
		n.stepTransfer(from.Process, m)
	case kind >= wire.KindPartition:
		n.machine.Step(now, from.Process, m)
	default:
		n.ridge.StepFrom(now, from, inc, m)
	}
}

// Multicast hands Ridge messages of this very process; see ridge.Core. Before
// the cluster is founded they are lost.
func (n *Node) Multicast(now hlc.Now, ms []ridge.Message) {
	n.now = now
	if n.founding.started {
		n.ridge.Multicast(now, ms)
	}
}

// MulticastBatch is Multicast of a batch.
func (n *Node) MulticastBatch(now hlc.Now, b *ridge.Batch) {
	n.now = now
	if n.founding.started {
		n.ridge.MulticastBatch(now, b)
	}
}

// Tick lets time act. It is needed whenever Wake has passed.
func (n *Node) Tick(now hlc.Now) {
	n.now = now
	due := now.Mono >= n.founding.next
	n.founding.tick(now)
	if n.cfg.Durable && (due && n.witness.asking || n.founding.started) {
		n.witness.tick()
	}
	if !n.founding.started {
		return
	}
	n.ridge.Tick(now)
	n.machine.Tick(now)
	n.receiver.tick()
	n.donor.tick()
}

// Wake is when, on the monotonic clock, the next Tick is needed.
func (n *Node) Wake() time.Duration {
	if !n.founding.started {
		return n.founding.next
	}
	if n.behind {
		return n.now.Mono
	}
	wake := min(n.ridge.Wake(), n.machine.Wake(), n.donor.wake())
	if n.receiver.active() {
		wake = min(wake, n.receiver.next)
	}
	if n.catchUp.until > n.now.Mono {
		wake = min(wake, n.catchUp.until)
	}
	if n.cfg.Durable {
		wake = min(wake, n.keeper.wake(n), n.witness.wake())
	}
	return wake
}

// Err is not nil when the process must stop; the error explains why.
func (n *Node) Err() error {
	switch {
	case n.err != nil:
		return n.err
	case n.founding.err != nil:
		return n.founding.err
	case n.ridge.Err() != nil:
		return n.ridge.Err()
	}
	return n.machine.Err()
}

// Close ends the commands that wait; the node must not be used afterwards.
func (n *Node) Close() {
	if n.machine != nil {
		n.machine.Close()
	}
	if b := n.receiver.built; b != nil {
		b.Close()
	}
}

// Ready says whether the cluster is founded and this process may order.
func (n *Node) Ready() bool { return n.founding.started }

// Replica is the partition's replica, for checkers; nil with another machine.
func (n *Node) Replica() *partition.Replica { return n.replica }
