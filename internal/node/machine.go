package node

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// Machine is what a process does with Ridge's deliveries: a state machine
// without IO like the node itself. The one that Eyrie is about is a partition's
// replica; a program that wants ordered messages and nothing else brings its
// own.
type Machine interface {
	// Room is how many deliveries it has room for. While there is none, what
	// is ordered waits in Ridge.
	Room() int
	// Deliver takes the next messages addressed to this process, in merged
	// order, no more than there was room for. Ridge may deliver two copies of
	// one message. The slice is the caller's.
	Deliver(now hlc.Now, ds []ridge.Delivery)
	// Step takes a message of the machine's own kinds from another process.
	Step(now hlc.Now, from ids.Process, m wire.Message)
	Tick(now hlc.Now)
	Wake() time.Duration
	// Sends drains what is to be sent; valid until the next call.
	Sends() []Send
	Err() error
	Close()
}

// OptMachine is a Machine that wants optimistic deliveries too.
type OptMachine interface {
	Machine
	// DeliverOptimistic takes the next message of the optimistic order, before
	// its Deliver (ridge.OptDelivery). It must keep up: there is no Ready.
	DeliverOptimistic(now hlc.Now, d ridge.OptDelivery)
}

// pullOptimistic takes the optimistic deliveries that are due, at most room of
// them, and says how many. A machine that does not want them has them counted.
func (n *Node) pullOptimistic(room int) (done int) {
	for ; done < room; done++ {
		d, ok := n.ridge.NextOptimistic()
		if !ok {
			break
		}
		if f := n.cfg.Optimistic; f != nil {
			f(d)
		}
		if n.opt != nil {
			n.opt.DeliverOptimistic(n.now, d)
		}
	}
	return done
}

// replica is a partition's replica as a Machine.
type replica struct {
	*partition.Replica
	// conservative takes what the replica does, and is it, or the optimistic machine
	// round it.
	conservative interface {
		Deliver(hlc.Now, partition.Delivery)
		Sends() []partition.Send
	}
	sends []Send
}

// Room is one at most: any delivery may be the last that there is room for.
func (r *replica) Room() int {
	if r.Ready() {
		return 1
	}
	return 0
}

func (r *replica) Deliver(now hlc.Now, ds []ridge.Delivery) {
	for i := range ds {
		d := &ds[i]
		m := d.Message
		r.conservative.Deliver(now, partition.Delivery{
			Position: d.Position, Command: m.Command, Attempt: m.Attempt,
			T0: m.T0, Mark: m.Mark, Guard: m.Guard, Dests: m.Dests, Body: m.Body,
			Proposed: d.Proposed, Nearest: d.Nearest, Origin: d.Origin,
		})
	}
}

func (r *replica) Sends() []Send {
	r.sends = r.sends[:0]
	for _, s := range r.conservative.Sends() {
		r.sends = append(r.sends, Send{To: s.To, Msg: s.Msg})
	}
	return r.sends
}

// optReplica is a replica with optimistic execution.
type optReplica struct {
	replica
	m *optimistic.Machine
}

func (r *optReplica) DeliverOptimistic(now hlc.Now, d ridge.OptDelivery) {
	m := d.Message
	r.m.DeliverOptimistic(now, partition.OptDelivery{
		Command: m.Command, Attempt: m.Attempt, T0: m.T0, Mark: m.Mark, Dests: m.Dests, Body: m.Body, Leads: d.Leads, Now: d.At,
	}, d.Forced)
}

func (r *optReplica) Step(now hlc.Now, from ids.Process, m wire.Message) { r.m.Step(now, from, m) }
func (r *optReplica) Tick(now hlc.Now)                                   { r.m.Tick(now) }
