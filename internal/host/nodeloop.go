package host

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/transport"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// nodeLoop is a Node as its loop sees it.
type nodeLoop Node

func (n *nodeLoop) step(now hlc.Now, from ids.Addr, inc ids.Incarnation, m wire.Message) {
	n.core.Step(now, from, inc, m)
}

func (n *nodeLoop) call(hlc.Now, *Call) {}

func (n *nodeLoop) synced(now hlc.Now, c committed) error { return n.keeper.done(now, c) }

func (n *nodeLoop) wake() time.Duration { return min(n.core.Wake(), n.lazyAt+lazyRest) }

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
