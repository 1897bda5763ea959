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
	// sends is scratch.
	sends []ridge.Send

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
// after another. With optimistic delivery they go to all replicas of their
// destinations too. It does not wait and does not fail.
func (p *Proposer) Multicast(ms []ridge.Message, again int) {
	p.last.Lock()
	defer p.last.Unlock()
	proposals := make([]ridge.Proposal, len(ms))
	for i := range ms {
		pr := &proposals[i]
		pr.Init(p.cfg.Topology, &ms[i], p.cfg.Ridge.Optimistic)
		p.sends = pr.Sends(p.sends[:0], p.cfg.Topology, p.coordinator(pr.Ensemble(), again))
		for _, s := range p.sends {
			p.tr.Send(s.To, s.Msg)
		}
	}
	p.tr.Flush()
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
