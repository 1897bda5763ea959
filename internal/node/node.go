// Package node is the core of one process, without IO: it founds the cluster,
// runs Ridge, hands Ridge's deliveries to the partition's replica or another
// machine, and answers clients' greetings. A driver (internal/host, or the simulator) steps it.
package node

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/session"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// Config is what a Node is made of.
type Config struct {
	Self        ids.Process
	Incarnation ids.Incarnation // drawn at random by the driver, never zero
	Topology    *ridge.Topology
	// Machine, if not nil, takes Ridge's deliveries in place of a partition's
	// replica; Service, Placement and Partition then do not count.
	Machine   Machine
	Service   *partition.Service
	Placement partition.Placement
	// Execution other than conservative needs Ridge.Optimistic.
	Execution optimistic.Mode
	// Runs bounds optimistic execution; zero fields take the defaults. ObserveRuns
	// is told of it; nil in production.
	Runs        optimistic.Tuning
	ObserveRuns func(optimistic.Event)
	Ridge       ridge.Tuning
	Partition   partition.Tuning
	Random      func() uint64
	Checks      bool                  // partition's checked modes [E2] [N1]
	Observe     func(partition.Event) // nil in production
	// Optimistic is told of optimistic deliveries; nil in production.
	Optimistic func(ridge.OptDelivery)
	Learned    func(ids.Ensemble, ids.Instance, ridge.ValueID) // nil in production

	// Durable: what Records gives is journalled, Jobs are done, and the process
	// starts again from what Recovered has, which is nil at the very first start.
	// Incarnation is then that of the directory, and Life names this start:
	// random, never used before, not zero.
	Durable   bool
	Life      uint64
	Recovered *Recovered
	// Heap, if not nil, says for Status how many bytes the process's heap has.
	Heap func() uint64
	// PID, for Status, is the operating system's number of the process.
	PID int
	// Transfer bounds state transfers; zero fields take the defaults.
	Transfer TransferTuning
}

// Send is a message to put on the wire.
type Send struct {
	To   ids.Addr
	Msg  wire.Message
	Lazy bool // see ridge.Send
}

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

// stepClient takes what a client wants executed.
func (n *Node) stepClient(from ids.Addr, m wire.Message) {
	switch m := m.(type) {
	case *ridge.Propose, *ridge.Cast:
		if n.founding.started {
			n.ridge.Step(n.now, from, m)
		}
	case *partition.ReadRequest:
		if n.founding.started && n.replica != nil {
			n.replica.Read(n.now, from.Client, n.ridge.Ask(n.now), m)
			if n.receiver.active() {
				n.replica.RefuseReads()
			}
		}
	default:
		n.strange++
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

func (n *Node) stepSession(from ids.Addr, m wire.Message) {
	switch m := m.(type) {
	case *session.Hello:
		if !n.founding.started {
			return
		}
		n.send(from, &session.Welcome{
			Life: life(n.founding.list), Time: n.ridge.Time(n.now),
			MapVersion: n.mapVersion(),
			Horizon:    uint64(n.cfg.Ridge.Horizon / time.Microsecond),
			Window:     uint64(n.cfg.Ridge.Window / time.Microsecond),

			Coordinators: n.coordinators(),
		})
	case *session.Replace:
		doc, err := json.Marshal(n.Replace(n.now, m))
		if err == nil {
			n.send(from, &session.Status{Nonce: m.Nonce, JSON: doc})
		}
	case *session.StatusQuery:
		doc, err := json.Marshal(n.Status())
		if err == nil {
			n.send(from, &session.Status{Nonce: m.Nonce, JSON: doc})
		}
	default:
		n.strange++
	}
}

func (n *Node) mapVersion() uint64 {
	if n.cfg.Placement == nil {
		return 0
	}
	return n.cfg.Placement.Version()
}

// coordinators are those that this process knows, in the topology's order.
func (n *Node) coordinators() []ids.Process {
	out := make([]ids.Process, len(n.cfg.Topology.Ensembles))
	for _, e := range n.ridge.Status().Ensembles {
		for i, spec := range n.cfg.Topology.Ensembles {
			if spec.ID == e.Ensemble {
				out[i] = e.Coordinator
			}
		}
	}
	return out
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

// burst bounds the commands, and the reads, executed at a time: a process that catches up must
// go on hearing and being heard, or the others take it for crashed.
const burst = 512

// Ordered returns what there is to send before anything is executed, since
// others wait for it: Sends returns the rest. The slice is valid until the next
// call into the node.
func (n *Node) Ordered() []Send {
	n.sends = append(n.sends[:0], n.founding.sends...)
	n.founding.sends = n.founding.sends[:0]
	for _, s := range n.ridge.Sends() {
		n.sends = append(n.sends, Send(s))
	}
	return n.sends
}

// Sends executes what has been ordered, if it is not too much at a time, and
// returns what is to be sent since the last call. The slice is valid until the
// next call into the node.
func (n *Node) Sends() []Send {
	n.Ordered()
	done, most := 0, n.catchUp.burst(n)
	for n.Err() == nil && !n.receiver.active() && done < most {
		if done += n.pullOptimistic(most - done); done >= most {
			break
		}
		room := min(n.machine.Room(), most-done, len(n.deliveries))
		ds := n.deliveries[:n.ridge.Next(n.deliveries[:room])]
		if len(ds) == 0 {
			break
		}
		n.machine.Deliver(n.now, ds)
		clear(ds)
		done += len(ds)
	}
	n.catchUp.executed(n, done)
	n.behind = most > 0 && done >= most
	if n.replica != nil && n.Err() == nil {
		// After the deliveries, and after what Ridge settled by itself.
		if n.replica.RunReads(n.now, n.ridge.Reached(), burst) {
			n.behind = true
		}
	}
	n.upkeep()
	n.sends = append(n.sends, n.machine.Sends()...)
	n.sends = append(n.sends, n.founding.sends...)
	n.founding.sends = n.founding.sends[:0]
	return n.sends
}

// upkeep sees to checkpoints, and to a replica that cannot go on.
func (n *Node) upkeep() {
	if !n.founding.started || n.Err() != nil {
		return
	}
	switch {
	case n.replica != nil:
		n.receiver.check()
	case len(n.ridge.Lost()) > 0:
		n.fail(ridge.ErrLost)
		return
	}
	if n.cfg.Durable && n.keeper.due(n) {
		n.keeper.take(n)
	}
}

func (n *Node) send(to ids.Addr, m wire.Message) {
	n.founding.sends = append(n.founding.sends, Send{To: to, Msg: m})
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
