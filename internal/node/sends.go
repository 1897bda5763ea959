package node

import (
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/ridge"
)

// Send is a message to put on the wire.
type Send struct {
	To   ids.Addr
	Msg  wire.Message
	Lazy bool // see ridge.Send
}

// burst bounds the commands, and the reads, executed at a time. What was answered with
// the first of many brings the next commands, whose ordering by others is then under way
// while this process executes the rest, which may be burstAgain times as many. On a disk
// others would wait for a sync, which serves one value better than two: there so many
// are executed from the first on. And a process that catches up must go on hearing and
// being heard, or the others take it for crashed.
const burst, burstAgain = 128, 4

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
	n.ridge.Burden(n.burden())
	n.upkeep()
	n.sends = append(n.sends, n.machine.Sends()...)
	n.sends = append(n.sends, n.founding.sends...)
	n.founding.sends = n.founding.sends[:0]
	return n.sends
}

// burden is what the exactly-once table has to remember, by Ridge's time: this
// process's own clock may be wrong.
func (n *Node) burden() ridge.Burden {
	if n.replica == nil || !n.replica.Crowded() {
		return ridge.Bearable
	}
	if n.replica.Lapsed(n.ridge.Time(n.now)) {
		return ridge.Lapsed
	}
	return ridge.Laden
}

// known says what the exactly-once table remembers of a command.
func (n *Node) known(c ids.Command) (client, command bool) {
	if n.replica == nil {
		return false, false
	}
	return n.replica.Remembers(c)
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
