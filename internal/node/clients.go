package node

import (
	"encoding/json"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/session"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

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
