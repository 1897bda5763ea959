// Package etcdraft drives etcd's raft library (go.etcd.io/raft/v3) as a peer
// in measurements: three nodes in one process, TCP on loopback between them,
// logs in memory, commands applied to a bench.Store at all three.
//
// raft is an algorithm only; what surrounds it decides its speed, so the
// driver is built for throughput, as the library's documentation advises:
// proposals are batched, appends are pipelined (MaxInflightMsgs) and large
// (MaxSizePerMsg), messages that are ready together leave in one frame, the
// hot messages are encoded by hand and decoded into few allocations, a write
// is made by the goroutine that has the batch, and the log is compacted.
package etcdraft

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/eyrie-dev/eyrie/bench"
	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

// Options are what variants of the driver differ in.
type Options struct {
	// Pack puts the commands that are proposed together into one log entry;
	// otherwise each has its own. It spares raft's cost per entry, at the
	// price of an application that must take entries apart.
	Pack bool
	// Remote puts the client onto the network: its commands reach the leader,
	// and replies come back, by TCP, as with any client in production.
	Remote bool
	// Inflight is MaxInflightMsgs: unacknowledged appends to a follower.
	// What is proposed while they are under way is gathered for the next.
	Inflight int
}

// Contender is the peer with its best settings.
func Contender() bench.Contender { return New("", Options{Inflight: 4}) }

// Remote is the variant whose client speaks TCP to the leader.
func Remote() bench.Contender { return New("remote", Options{Inflight: 4, Remote: true}) }

// Packed is the variant that packs commands into entries.
func Packed() bench.Contender { return New("packed", Options{Inflight: 4, Pack: true}) }

// New is a contender with other options.
func New(variant string, opt Options) bench.Contender {
	return bench.Contender{System: "etcd-raft", Variant: variant, New: func(c bench.Case) bench.System {
		return &System{opt: opt, replicas: c.Replicas, outstanding: c.Outstanding}
	}}
}

// System is a cluster of raft nodes. It implements bench.System.
type System struct {
	opt         Options
	replicas    int
	outstanding int
	nodes       []*node
	leader      *node
	work        sync.WaitGroup
	quit        chan struct{}
	remote      *remote // nil: the client calls the leader

	mu      sync.Mutex
	failure error
	closing bool
}

const (
	tick          = 10 * time.Millisecond
	electionTicks = 300
	heartbeat     = 10 // ticks
)

// Start implements bench.System: node 1 is elected.
func (s *System) Start(ctx context.Context) error {
	s.quit = make(chan struct{})
	conf := members(s.replicas)
	for _, id := range slices.Concat(conf.Voters, conf.Learners) {
		n, err := s.newNode(id, conf)
		if err != nil {
			return err
		}
		s.nodes = append(s.nodes, n)
	}
	if err := s.connect(ctx); err != nil {
		return err
	}
	for _, n := range s.nodes {
		s.work.Go(func() { s.ticker(n) })
	}
	if err := s.elect(ctx); err != nil || !s.opt.Remote {
		return err
	}
	return s.dial(ctx)
}

// voters is how many of the nodes vote; others only learn.
const voters = 3

func members(n int) *pb.ConfState {
	conf := new(pb.ConfState)
	for id := uint64(1); id <= uint64(n); id++ {
		if id <= voters {
			conf.Voters = append(conf.Voters, id)
		} else {
			conf.Learners = append(conf.Learners, id)
		}
	}
	return conf
}

func (s *System) newNode(id uint64, conf *pb.ConfState) (*node, error) {
	// A log that begins after index 1 carries the membership, so that no
	// configuration change need be applied.
	storage := raft.NewMemoryStorage()
	err := storage.ApplySnapshot(&pb.Snapshot{Metadata: &pb.SnapshotMetadata{ConfState: conf, Index: new(uint64(1)), Term: new(uint64(1))}})
	if err != nil {
		return nil, err
	}
	raw, err := raft.NewRawNode(&raft.Config{
		ID: id, ElectionTick: electionTicks, HeartbeatTick: heartbeat,
		Storage: storage, Applied: 1,
		MaxSizePerMsg:   1 << 20,
		MaxInflightMsgs: s.opt.Inflight,
		CheckQuorum:     true, PreVote: true,
		Logger: &raft.DefaultLogger{Logger: log.New(io.Discard, "", 0)},
	})
	if err != nil {
		return nil, err
	}
	return &node{
		id: id, opt: s.opt, raw: raw, storage: storage, conf: conf, fail: s.fail, applied: 1,
		links: make(map[uint64]*link), outbox: make(map[uint64][]*pb.Message), state: new(bench.Store),
	}, nil
}

// connect makes one connection for each pair of nodes.
func (s *System) connect(ctx context.Context) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer ln.Close()
	for i, a := range s.nodes {
		for _, b := range s.nodes[i+1:] {
			var d net.Dialer
			c, err := d.DialContext(ctx, "tcp", ln.Addr().String())
			if err != nil {
				return err
			}
			back, err := ln.Accept()
			if err != nil {
				return errors.Join(err, c.Close())
			}
			if err := errors.Join(s.attach(a, b.id, c), s.attach(b, a.id, back)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *System) attach(n *node, peer uint64, c net.Conn) error {
	l, err := newLink(c.(*net.TCPConn))
	if err != nil {
		return err
	}
	n.links[peer] = l
	s.work.Go(l.run)
	s.work.Go(func() {
		s.fail(receive(c, func(ms []*pb.Message) {
			n.post(func() { n.msgs = append(n.msgs, ms...) })
		}))
	})
	return nil
}

func (s *System) ticker(n *node) {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			n.post(func() { n.ticks++ })
		case <-s.quit:
			return
		}
	}
}

// elect makes node 1 the leader and waits until it has committed an entry.
func (s *System) elect(ctx context.Context) error {
	s.leader = s.nodes[0]
	s.leader.ask(func() { s.leader.check(s.leader.raw.Campaign()) })
	for {
		leads := false
		s.leader.ask(func() {
			leads = s.leader.raw.BasicStatus().RaftState == raft.StateLeader && s.leader.applied > 1
		})
		if leads {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no leader: %w", ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
}

// fail keeps the first failure; connections that end while closing are none.
func (s *System) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure == nil && !s.closing {
		s.failure = err
	}
}

// Submit implements bench.System: a proposal at the leader, complete when the
// leader has applied it. It is held back until Flush.
func (s *System) Submit(op bench.Op, done func(error)) {
	if s.remote != nil {
		s.remote.submit(op, done)
		return
	}
	n := s.leader
	n.mu.Lock()
	n.props = append(n.props, proposal{key: op.Key, value: op.Value, done: done, slot: uint32(op.Slot)})
	n.mu.Unlock()
}

// fewOutstanding operations are better completed singly: while whoever steps the leader
// also makes the next ones, its two followers do not work at once.
const fewOutstanding = 4

// Batched implements bench.Batcher.
func (s *System) Batched(f func(slots []uint32, err error)) bool {
	switch {
	case s.remote != nil:
		s.remote.mu.Lock()
		s.remote.batched = f
		s.remote.mu.Unlock()
		return true
	case s.outstanding <= fewOutstanding:
		return false
	}
	s.leader.ask(func() { s.leader.batched = f })
	return true
}

// Flush implements bench.System.
func (s *System) Flush() {
	if s.remote != nil {
		s.fail(s.remote.flush())
	} else {
		s.leader.post(func() {})
	}
}

// CPU implements bench.System: there are no other processes.
func (s *System) CPU() time.Duration { return 0 }

// Close implements bench.System. It returns what went wrong on the way.
func (s *System) Close() error {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	if s.quit != nil {
		close(s.quit)
	}
	for _, n := range s.nodes {
		for _, l := range n.links {
			l.close()
		}
	}
	if s.remote != nil {
		s.remote.link.close()
		s.leader.session.link.close()
	}
	s.work.Wait()
	return s.failure
}
