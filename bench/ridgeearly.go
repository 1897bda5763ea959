package bench

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/ridge"
)

// earlyRidge is Ridge with several proposers on the network, each with a clock
// and connections of its own, and with optimistic delivery: replicas answer at
// both deliveries.
type earlyRidge struct{ Ridge }

// proposers is how many there are. One alone would make no order mistakes: its
// messages come in the order of its timestamps.
const proposers = 4

// NewEarly makes Ridge with several proposers, answering at both deliveries. The
// early ones come from the coordinators, which alone get copies.
func NewEarly(c Case) System { return newEarly(c, false) }

// NewEarlyAll makes the same with copies to all replicas.
func NewEarlyAll(c Case) System { return newEarly(c, true) }

func newEarly(c Case, all bool) *earlyRidge {
	return &earlyRidge{Ridge{c: c, remote: true, clients: proposers, optimistic: true, castAll: all}}
}

// NewLate makes the same without optimistic delivery.
func NewLate(c Case) System { return &Ridge{c: c, remote: true, clients: proposers} }

// SubmitEarly implements Optimist.
func (s *earlyRidge) SubmitEarly(op Op, early func(), done func(error)) {
	s.far[op.Slot%len(s.far)].submit(&op, s.dests(&op), early, done)
}

// orderPatience bounds the asking of one process.
const orderPatience = 5 * time.Second

// Order implements Optimist. A process that does not answer has nothing
// counted.
func (s *earlyRidge) Order() (all OrderCounts) {
	ctx, cancel := context.WithTimeout(context.Background(), orderPatience)
	defer cancel()
	for _, n := range s.nodes {
		st, err := n.Status(ctx)
		if err != nil {
			continue
		}
		c := &st.Ridge.Counters
		all.add(OrderCounts{
			Compared: c.Compared, Mistakes: c.Mistakes, Repairs: c.Again, Forced: c.Forced,
			Wait: min(st.Ridge.Optimism.Wait, st.Ridge.Optimism.Most),
		})
	}
	return all
}

// machine is m as a node takes it.
func (s *Ridge) machine(m *storeMachine) node.Machine {
	if s.optimistic {
		return earlyMachine{m, s.castAll}
	}
	return m
}

// earlyMachine answers optimistic deliveries too, where copies come to one replica
// of each destination that one. With copies to all whoever answers is fixed: who
// will learn of the order first is not known by then.
type earlyMachine struct {
	*storeMachine
	all bool
}

// DeliverOptimistic implements node.OptMachine.
func (m earlyMachine) DeliverOptimistic(_ hlc.Now, d ridge.OptDelivery) {
	b := d.Message.Body
	if d.Forced || len(b) < opHead || d.Message.Dests[0] != m.home {
		return
	}
	slot := binary.LittleEndian.Uint32(b[4:])
	if m.all && m.self == m.replicas[int(slot)%len(m.replicas)] || !m.all && d.Leads {
		m.answer(d.Message.Command.Client, doneOp{slot, d.Message.Command.Sequence, true})
	}
}
