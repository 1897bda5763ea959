package host

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/transport"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/ridge"
)

// ProposerConfig says to whom to multicast.
type ProposerConfig struct {
	Topology *ridge.Topology
	Ridge    ridge.Tuning
	Cluster  string
	Addrs    map[ids.Process]string
	// Decode decodes what the processes' machines say; nil: they say nothing.
	Decode wire.Decoder
	// Handle takes what they have said, from goroutines of several
	// connections at once. It may keep the messages, but not the slice.
	Handle func(from ids.Process, ms []wire.Message)
	// CastAll: with optimistic delivery messages go straight to all replicas of their
	// destinations, not to one of each, which is then the only one to deliver them
	// before their order is final.
	CastAll bool
}

// Proposer multicasts from outside of the cluster, to processes that run a
// Machine of their own. It knows nothing of answers: whether a message was
// ordered must the machines tell, and who hears nothing multicasts it again.
// All methods are safe for concurrent use.
type Proposer struct {
	cfg  ProposerConfig
	id   ids.Client
	last sync.Mutex // of the transport's Send and Flush, and of sends
	tr   transport.Transport
	// sends and heralds are scratch.
	sends   []ridge.Send
	heralds []ids.Process

	mu sync.Mutex
	// coordinators, as far as advice tells.
	coordinators map[ids.Ensemble]ids.Process
}

// DialProposer connects, and returns when one process has answered or ctx ends.
func DialProposer(ctx context.Context, cfg ProposerConfig) (*Proposer, error) {
	if err := missing(cfg.Topology, cfg.Addrs); err != nil {
		return nil, err
	}
	p := &Proposer{cfg: cfg, coordinators: map[ids.Ensemble]ids.Process{}}
	binary.LittleEndian.PutUint64(p.id[:8], draw())
	binary.LittleEndian.PutUint64(p.id[8:], draw())
	first := newContact(len(cfg.Addrs))
	tr, err := transport.New(transport.Config{
		Self: ids.ToClient(p.id), Cluster: cfg.Cluster, Layout: layout(cfg.Topology, cfg.Ridge.Horizon, optimistic.Conservative),
		Peers: cfg.Addrs, Decode: p.decode, Linked: first.heard,
		Handler: func(from ids.Addr, _ ids.Incarnation, ms []wire.Message, _ int) { p.handle(from.Process, ms) },
	})
	if err != nil {
		return nil, err
	}
	p.tr = tr
	if err := first.wait(ctx); err != nil {
		tr.Close()
		return nil, fmt.Errorf("host: no process of cluster %q could be reached: %w", cfg.Cluster, err)
	}
	return p, nil
}

// ID is the client that the messages' commands must bear.
func (p *Proposer) ID() ids.Client { return p.id }

// Multicast sends messages to their ensembles' coordinators as known; with
// again above zero, for messages multicast that often before, to one acceptor
// after another. With optimistic delivery they go to replicas of their destinations
// too, the first time. It does not wait and does not fail.
func (p *Proposer) Multicast(ms []ridge.Message, again int) {
	p.last.Lock()
	defer p.last.Unlock()
	proposals := make([]ridge.Proposal, len(ms))
	for i := range ms {
		for _, s := range p.say(&proposals[i], &ms[i], again) {
			p.tr.Send(s.To, s.Msg)
		}
	}
	p.tr.Flush()
}

// say makes pr the proposal of m, and is what goes to whom, until the next call.
func (p *Proposer) say(pr *ridge.Proposal, m *ridge.Message, again int) []ridge.Send {
	if !p.cfg.Ridge.Optimistic || p.cfg.CastAll {
		pr.Init(p.cfg.Topology, m, p.cfg.Ridge.Optimistic)
		p.sends = pr.Sends(p.sends[:0], p.cfg.Topology, p.coordinator(pr.Ensemble(), again))
		return p.sends
	}
	pr.InitAlone(p.cfg.Topology, m)
	p.heralds = p.heralds[:0]
	if again == 0 {
		for _, d := range m.Dests {
			p.heralds = append(p.heralds, p.coordinator(ids.Ensemble(d), 0))
		}
	}
	p.sends = pr.SendsTo(p.sends[:0], p.coordinator(pr.Ensemble(), again), p.heralds)
	return p.sends
}

func (p *Proposer) coordinator(e ids.Ensemble, again int) ids.Process {
	for i := range p.cfg.Topology.Ensembles {
		if s := &p.cfg.Topology.Ensembles[i]; s.ID == e {
			p.mu.Lock()
			defer p.mu.Unlock()
			if co := p.coordinators[e]; again == 0 && co != 0 {
				return co
			}
			return s.Acceptors[again%len(s.Acceptors)]
		}
	}
	return 0
}

func (p *Proposer) decode(kind wire.Kind, body []byte) (wire.Message, error) {
	if kind < wire.KindPartition || p.cfg.Decode == nil {
		return node.Decode(kind, body)
	}
	return p.cfg.Decode(kind, body)
}

func (p *Proposer) handle(from ids.Process, ms []wire.Message) {
	for _, m := range ms {
		if a, ok := m.(*ridge.Advice); ok && a.Coordinator != 0 {
			p.mu.Lock()
			p.coordinators[a.Ensemble] = a.Coordinator
			p.mu.Unlock()
		}
	}
	if p.cfg.Handle != nil {
		p.cfg.Handle(from, ms)
	}
}

// Close ends all connections.
func (p *Proposer) Close() error { return p.tr.Close() }
