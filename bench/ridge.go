package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/eyrie-dev/eyrie/internal/host"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/transport/faultproxy"
	"github.com/eyrie-dev/eyrie/ridge"
)

// Ridge is our atomic multicast alone, as a program would use a library for
// ordering: replicas in this process over loopback TCP, each of which applies
// what it is delivered to a Store. No commands, no exactly-once, no replies.
//
// Its generator is in the process of the first replica of each partition, which
// coordinates, and an operation is complete when that replica is delivered it,
// as with the peers' leaders. In the variant "remote" the generator is a client
// on TCP, and a replica that delivers answers it.
type Ridge struct {
	c      Case
	remote bool
	// clients is the number of proposers on the network. They are answered twice if
	// delivery is optimistic too; castAll is host.ProposerConfig.CastAll.
	clients             int
	optimistic, castAll bool
	wait                time.Duration // ridge.Tuning.OptimisticWait, and ProposeWait

	topology *ridge.Topology
	tuning   ridge.Tuning
	folders  folders
	nodes    []*host.Node
	machines []*storeMachine
	local    []*localProposer    // by partition
	far      []*remoteProposer   // by slot, modulo
	proxies  []*faultproxy.Proxy // delaying
}

// NewRidge makes Ridge with its proposers in the coordinators' process.
func NewRidge(c Case) System { return &Ridge{c: c} }

// NewRidgeRemote makes Ridge with a proposer on the network.
func NewRidgeRemote(c Case) System { return &Ridge{c: c, remote: true, clients: 1} }

// Start implements System.
func (s *Ridge) Start(ctx context.Context) error {
	s.tuning = ridge.DefaultTuning()
	s.tuning.Optimistic, s.tuning.OptimisticWait, s.tuning.ProposeWait = s.optimistic, s.wait, s.wait
	var replicas [][]ids.Process
	for p := range s.c.Partitions {
		replicas = append(replicas, nil)
		for i := range s.c.Replicas {
			replicas[p] = append(replicas[p], ids.Process(p*s.c.Replicas+i+1))
		}
	}
	s.topology = ridge.NewTopology(replicas)
	for i := range s.topology.Ensembles {
		e := &s.topology.Ensembles[i]
		e.Acceptors = e.Acceptors[:min(len(e.Acceptors), acceptors)]
	}
	addrs, err := s.startLed(ctx)
	if err != nil || !s.remote {
		return err
	}
	for range s.clients {
		seen, err := s.via(addrs)
		if err != nil {
			return err
		}
		p, err := dialRemote(ctx, s, seen)
		if err != nil {
			return err
		}
		s.far = append(s.far, p)
	}
	return nil
}

// startLed starts the processes, anew when another leads than should.
func (s *Ridge) startLed(ctx context.Context) (addrs map[ids.Process]string, err error) {
	const most = 5
	for try := 1; ; try++ {
		if addrs, err = s.startNodes(ctx); err == nil {
			err = s.lead(ctx)
		}
		if try == most || !errors.Is(err, errOtherLeads) {
			return addrs, err
		}
		if err := s.Close(); err != nil {
			return nil, err
		}
		s.nodes, s.machines, s.local, s.proxies, s.folders = nil, nil, nil, nil, folders{}
	}
}

// acceptors is how many replicas of a group accept; others only learn.
const acceptors = 3

func (s *Ridge) startNodes(ctx context.Context) (map[ids.Process]string, error) {
	addrs := make(map[ids.Process]string)
	var listeners []net.Listener
	for i := range s.c.Partitions * s.c.Replicas {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() {
			if i >= len(s.nodes) {
				ln.Close() // no node has it
			}
		}()
		listeners = append(listeners, ln)
		addrs[ids.Process(i+1)] = ln.Addr().String()
	}
	if err := s.folders.open(&s.c, "bench", s.topology); err != nil {
		return nil, err
	}
	for i, ln := range listeners {
		self, p := ids.Process(i+1), i/s.c.Replicas
		m := newStoreMachine(self, s.topology.Replicas[p], ids.Partition(p))
		if i%s.c.Replicas == 0 && !s.remote {
			m.local = newLocalProposer(localClient(p), s.c.Outstanding)
			s.local = append(s.local, m.local)
		}
		seen, err := s.via(addrs)
		if err != nil {
			return nil, err
		}
		cfg := host.NodeConfig{
			Core:    node.Config{Self: self, Topology: s.topology, Machine: s.machine(m), Ridge: s.tuning},
			Cluster: "bench", Addrs: seen, Listener: ln,
		}
		s.folders.give(&cfg, self, i%s.c.Replicas)
		n, err := host.StartNode(ctx, cfg)
		if err != nil {
			return nil, err
		}
		s.nodes, s.machines = append(s.nodes, n), append(s.machines, m)
		if m.local != nil {
			m.local.begin(n)
		}
	}
	return addrs, nil
}

// localClient names the proposer in partition p's first process.
func localClient(p int) ids.Client { return ids.Client{'l', 'o', 'c', 'a', 'l', byte(p), byte(p >> 8)} }

func isLocal(c ids.Client) bool { return string(c[:5]) == "local" }

// via is addrs as a process or a client sees them: with a delay, the addresses
// of proxies.
func (s *Ridge) via(addrs map[ids.Process]string) (map[ids.Process]string, error) {
	if s.c.Delay == 0 {
		return addrs, nil
	}
	seen := make(map[ids.Process]string)
	for to, addr := range addrs {
		p, err := faultproxy.New(addr)
		if err != nil {
			return nil, err
		}
		p.Delay(faultproxy.Forth, s.c.Delay)
		p.Delay(faultproxy.Back, s.c.Delay)
		s.proxies = append(s.proxies, p)
		seen[to] = p.Addr()
	}
	return seen, nil
}

// lead waits until each ensemble has a coordinator. Generators in this process
// need the first of its acceptors to be that; as whoever coordinates keeps it, lead
// fails when it is another, on a busy machine. Clients on the network take any.
func (s *Ridge) lead(ctx context.Context) error {
	for i := range s.topology.Ensembles {
		if err := s.led(ctx, &s.topology.Ensembles[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Ridge) led(ctx context.Context, e *ridge.EnsembleSpec) error {
	for {
		for i, p := range e.Acceptors {
			switch leads, err := s.leads(ctx, p, e.ID); {
			case err != nil:
				return err
			case leads && i > 0 && !s.remote:
				return fmt.Errorf("%w: process %d, not %d, coordinates ensemble %v: the machine was too busy when they started", errOtherLeads, p, e.Acceptors[0], e.ID)
			case leads:
				return nil
			}
		}
		select {
		case <-time.After(2 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("nobody coordinates ensemble %v: %w", e.ID, context.Cause(ctx))
		}
	}
}

var errOtherLeads = errors.New("another process leads")

// leads waits until a process is ready, and says whether it coordinates.
func (s *Ridge) leads(ctx context.Context, p ids.Process, id ids.Ensemble) (bool, error) {
	n := s.nodes[p-1]
	if err := n.WaitReady(ctx); err != nil {
		return false, err
	}
	st, err := n.Status(ctx)
	return slices.ContainsFunc(st.Ridge.Ensembles, func(e ridge.EnsembleStatus) bool { return e.Ensemble == id && e.Leading }), err
}

// opHead is an operation's key and slot, before the value.
const opHead = 8

func appendOp(b []byte, op *Op) []byte {
	b = binary.LittleEndian.AppendUint32(b, op.Key)
	b = binary.LittleEndian.AppendUint32(b, uint32(op.Slot))
	return append(b, op.Value...)
}

// dests are an operation's destinations: the partition that its key says and,
// of an operation on several, those that follow.
func (s *Ridge) dests(op *Op) ids.Set {
	n := s.c.Partitions
	p := int(op.Key) % n
	if !op.Multi || n == 1 {
		return singletons[p : p+1]
	}
	if op.Destinations <= 2 { // to any pair alike
		return ids.NewSet(ids.Partition(p), ids.Partition((p+1+int(op.Other)%(n-1))%n))
	}
	dests := make(ids.Set, min(op.Destinations, n))
	for i := range dests {
		dests[i] = ids.Partition((p + i) % n)
	}
	slices.Sort(dests)
	return dests
}

// singletons holds every partition, to cut sets of one from.
var singletons = ids.Range(1 << 10)

// Submit implements System.
func (s *Ridge) Submit(op Op, done func(error)) {
	dests := s.dests(&op)
	if s.remote {
		s.far[op.Slot%len(s.far)].submit(&op, dests, nil, done)
	} else {
		s.local[dests[0]].submit(&op, dests, done)
	}
}

// Flush implements System.
func (s *Ridge) Flush() {
	for _, p := range s.far {
		p.flush()
	}
	for _, p := range s.local {
		p.flush()
	}
}

// Batched implements Batcher.
func (s *Ridge) Batched(f func(slots []uint32, err error)) bool {
	for _, p := range s.far {
		p.batched(f)
	}
	for _, p := range s.local {
		p.batched(f)
	}
	return true
}

// CPU implements System: there are no other processes.
func (s *Ridge) CPU() time.Duration { return 0 }

// Close implements System.
func (s *Ridge) Close() error {
	var errs []error
	for _, p := range s.far {
		errs = append(errs, p.close())
	}
	for _, p := range s.local {
		p.close()
	}
	for i, n := range s.nodes {
		if err := n.Err(); err != nil {
			errs = append(errs, fmt.Errorf("process %d: %w", i+1, err))
		}
		errs = append(errs, n.Close())
	}
	errs = append(errs, s.folders.close())
	for _, p := range s.proxies {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}
