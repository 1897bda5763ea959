package node

import (
	"errors"
	"fmt"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// start makes the parts, from what was found on the disk if there is something.
func (n *Node) start() error {
	cfg := &n.cfg
	cfg.Transfer.defaults()
	if err := cfg.Transfer.validate(); err != nil {
		return err
	}
	n.founding.durable = cfg.Durable
	n.founding.roll = func() []ridge.Members { return n.ridge.Members() }
	n.founding.replaced = func(p ids.Process) *ridge.Member { return n.ridge.Member(p) }
	n.donor.n, n.receiver.n = n, n
	rc := ridge.Config{
		Self: cfg.Self, Incarnation: cfg.Incarnation, Founded: n.foundedAs, Life: cfg.Life, Topology: cfg.Topology,
		Tuning: cfg.Ridge, Random: cfg.Random, Learned: cfg.Learned, Durable: cfg.Durable,
		Known: n.known,
	}
	if !cfg.Durable {
		rc.Life = uint64(cfg.Incarnation)
	}
	var found Recovered
	if cfg.Recovered != nil {
		if !cfg.Durable {
			return errors.New("node: what is recovered belongs to a durable process")
		}
		found = *cfg.Recovered
		own, err := n.own(found.Records)
		if err != nil {
			return err
		}
		rc.Recovered = own
	}
	if n.witness.init(n, found.Sequence); n.founding.founded && !n.founding.waits {
		n.founding.witnessed()
	}
	n.ridge = ridge.New(rc)
	n.ridge.Adopt(n.founding.place)
	if err := n.ridge.Err(); err != nil {
		return err
	}
	if n.machine == nil {
		if err := n.restore(found.Checkpoints); err != nil {
			return err
		}
	}
	n.opt, _ = n.machine.(OptMachine)
	return nil
}

// replicaConfig is that of this process's replica.
func (n *Node) replicaConfig() partition.Config {
	c := &n.cfg
	return partition.Config{
		Self: c.Self, Partition: n.partition, Replicas: c.Topology.Replicas,
		Service: c.Service, Placement: c.Placement, Tuning: c.Partition, Durable: c.Durable,
		Suspected: n.ridge.Suspected, Behind: n.ridge.Behind, Checks: c.Checks, Observe: c.Observe,
	}
}

// use makes r the replica.
func (n *Node) use(r *partition.Replica) {
	n.replica = r
	m := replica{conservative: r, Replica: r}
	if n.cfg.Execution == optimistic.Conservative {
		n.machine, n.opt, n.optimistic = &m, nil, nil
		return
	}
	o := &optReplica{replica: m, m: optimistic.New(r, optimistic.Config{
		Mode: n.cfg.Execution, Tuning: n.cfg.Runs, Observe: n.cfg.ObserveRuns,
	})}
	o.conservative = o.m
	n.machine, n.opt, n.optimistic = o, o, o.m
}

// restore begins with the newest checkpoint that verifies. If none does, the
// replica begins empty: it then replays everything or, if that is trimmed
// already, fetches a state from another.
func (n *Node) restore(checkpoints []Saved) error {
	highest := uint64(0)
	for i := range checkpoints {
		highest = max(highest, checkpoints[i].Manifest.Number)
	}
	for i := range checkpoints {
		m := checkpoints[i].Manifest
		if m.Service != n.service() {
			return fmt.Errorf("%w (checkpoint %d is of service %016x, this program's is %016x)", ErrService, m.Number, m.Service, n.service())
		}
		if s := n.cfg.Service; s != nil && !s.Carries(m.Version) {
			return fmt.Errorf("%w (checkpoint %d is of version %d, which this program does not carry)", ErrService, m.Number, m.Version)
		}
		if m.Partition != n.partition {
			return fmt.Errorf("%w: checkpoint %d is one of partition %d, not %d", ErrDirectory, m.Number, m.Partition, n.partition)
		}
		r, err := n.load(&checkpoints[i])
		if err != nil {
			n.damaged = append(n.damaged, fmt.Sprintf("checkpoint %d: %v", m.Number, err))
			continue
		}
		n.use(r)
		n.ridge.Jump(m.Positions)
		var older *Manifest
		if i+1 < len(checkpoints) {
			older = checkpoints[i+1].Manifest
		}
		n.keeper.recovered(n, m, older, highest)
		n.keeper.wanted = i > 0 // there is only one left
		return nil
	}
	n.use(partition.New(n.replicaConfig()))
	n.keeper.recovered(n, nil, nil, highest)
	return nil
}

// load builds a replica from a checkpoint.
func (n *Node) load(s *Saved) (*partition.Replica, error) {
	b := partition.NewBuilder(n.replicaConfig())
	if err := s.Items(b.Add); err != nil {
		return nil, err
	}
	return b.Done(s.Manifest.Sum)
}

// stepTransfer takes a message about state transfers; they are between replicas
// of one partition.
func (n *Node) stepTransfer(from ids.Process, m wire.Message) {
	if n.replica == nil || !n.peer(from) {
		n.strange++
		return
	}
	switch m.(type) {
	case *Want, *Fetch:
		n.donor.step(from, m)
	default:
		n.receiver.step(from, m)
	}
}

// peer says whether p is another replica of this partition.
func (n *Node) peer(p ids.Process) bool {
	for _, q := range n.cfg.Topology.Replicas[n.partition] {
		if q == p {
			return p != n.cfg.Self
		}
	}
	return false
}
