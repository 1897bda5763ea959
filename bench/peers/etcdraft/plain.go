package etcdraft

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/eyrie-dev/eyrie/bench"
	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// Plain is the library as its documentation shows it: a raft.Node with its
// own goroutine, the loop over Ready, a goroutine that writes to each peer,
// and messages in protobuf. Proposals are batched here too: all commands that
// queued are one MsgProp. It tells what of the other variants' speed is the
// library's and what is their driver's.
func Plain() bench.Contender {
	return bench.Contender{System: "etcd-raft", Variant: "plain", New: func(c bench.Case) bench.System {
		return &plain{replicas: c.Replicas, quit: make(chan struct{}), kick: make(chan struct{}, 1)}
	}}
}

type plain struct {
	replicas int
	nodes    []*plainNode
	quit     chan struct{}
	kick     chan struct{}
	loops    sync.WaitGroup
	io       sync.WaitGroup

	mu    sync.Mutex
	props []proposal // not yet proposed
}

type plainNode struct {
	raft.Node
	node  *node // its storage and state
	peers map[uint64]*plainPeer

	mu      sync.Mutex
	waiting []proposal
	head    int
}

// plainPeer is a connection and the messages on their way to its writer.
type plainPeer struct {
	conn net.Conn
	out  chan []*pb.Message
}

// Start implements bench.System.
func (s *plain) Start(ctx context.Context) error {
	conf := members(s.replicas)
	for _, id := range slices.Concat(conf.Voters, conf.Learners) {
		n := &node{id: id, conf: conf, state: new(bench.Store), applied: 1, fail: func(error) {}, storage: raft.NewMemoryStorage()}
		if err := n.storage.ApplySnapshot(&pb.Snapshot{Metadata: &pb.SnapshotMetadata{ConfState: conf, Index: new(uint64(1)), Term: new(uint64(1))}}); err != nil {
			return err
		}
		s.nodes = append(s.nodes, &plainNode{node: n, peers: make(map[uint64]*plainPeer), Node: raft.RestartNode(&raft.Config{
			ID: id, ElectionTick: electionTicks, HeartbeatTick: heartbeat, Storage: n.storage, Applied: 1,
			MaxSizePerMsg: 1 << 20, MaxInflightMsgs: 256, CheckQuorum: true, PreVote: true,
			Logger: &raft.DefaultLogger{Logger: log.New(io.Discard, "", 0)},
		})})
	}
	if err := s.connect(ctx); err != nil {
		return err
	}
	for _, n := range s.nodes {
		s.loops.Go(func() { s.loop(n) })
	}
	s.loops.Go(s.proposer)
	leader := s.nodes[0]
	if err := leader.Campaign(ctx); err != nil {
		return err
	}
	for leader.Status().RaftState != raft.StateLeader {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

func (s *plain) connect(ctx context.Context) error {
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
			s.attach(a, b, c)
			s.attach(b, a, back)
		}
	}
	return nil
}

func (s *plain) attach(n, peer *plainNode, c net.Conn) {
	p := &plainPeer{conn: c, out: make(chan []*pb.Message, 1024)}
	n.peers[peer.node.id] = p
	s.io.Go(func() { s.write(p) })
	s.io.Go(func() { s.read(n, c) })
}

// loop is the loop of the library's documentation.
func (s *plain) loop(n *plainNode) {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			n.Tick()
		case rd := <-n.Ready():
			if !raft.IsEmptyHardState(rd.HardState) {
				n.node.check(n.node.storage.SetHardState(rd.HardState))
			}
			n.node.check(n.node.storage.Append(rd.Entries))
			n.send(rd.Messages)
			n.apply(rd.CommittedEntries)
			n.Advance()
		case <-s.quit:
			n.Stop()
			return
		}
	}
}

func (n *plainNode) send(ms []*pb.Message) {
	by := make(map[uint64][]*pb.Message)
	for _, m := range ms {
		by[m.GetTo()] = append(by[m.GetTo()], m)
	}
	for id, ms := range by {
		if p := n.peers[id]; p != nil {
			select {
			case p.out <- ms:
			default: // raft resends
			}
		}
	}
}

func (n *plainNode) apply(es []*pb.Entry) {
	if len(es) == 0 {
		return
	}
	var done []proposal
	n.mu.Lock()
	for _, e := range es {
		if len(e.Data) >= commandHead {
			n.node.state.Put(binary.LittleEndian.Uint32(e.Data), e.Data[commandHead:])
			n.node.count++
			if n.head < len(n.waiting) {
				done = append(done, n.waiting[n.head])
				n.head++
			}
		}
		n.node.applied = e.GetIndex()
	}
	n.waiting = n.waiting[:copy(n.waiting, n.waiting[n.head:])]
	n.head = 0
	n.mu.Unlock()
	for _, p := range done {
		p.done(nil)
	}
	n.cut()
}

// cut bounds the log. A follower that lags by more would need a snapshot,
// which this driver lacks; its operations would then be lost, and counted.
func (n *plainNode) cut() {
	if first, _ := n.node.storage.FirstIndex(); n.node.applied > first+4*cutEntries {
		_, err := n.node.storage.CreateSnapshot(n.node.applied-2*cutEntries, n.node.conf, nil)
		n.node.check(err)
		n.node.check(n.node.storage.Compact(n.node.applied - 2*cutEntries))
	}
}

// write sends what its channel holds, and flushes when it is empty.
func (s *plain) write(p *plainPeer) {
	var b []byte
	for {
		select {
		case ms := <-p.out:
			for more := true; more; {
				for _, m := range ms {
					at := len(b)
					b = append(b, 0, 0, 0, 0)
					b, _ = proto.MarshalOptions{}.MarshalAppend(b, m)
					binary.LittleEndian.PutUint32(b[at:], uint32(len(b)-at-frameHead))
				}
				select {
				case ms = <-p.out:
				default:
					more = false
				}
			}
			if _, err := p.conn.Write(b); err != nil {
				return
			}
			b = b[:0]
		case <-s.quit:
			return
		}
	}
}

func (s *plain) read(n *plainNode, c net.Conn) {
	_ = frames(c, func(body []byte, _ bool) error {
		m := new(pb.Message)
		if err := proto.Unmarshal(body, m); err != nil {
			return err
		}
		return n.Step(context.Background(), m)
	})
}

// proposer makes all commands that have queued one proposal.
func (s *plain) proposer() {
	leader := s.nodes[0]
	for {
		select {
		case <-s.kick:
		case <-s.quit:
			return
		}
		s.mu.Lock()
		props := s.props
		s.props = nil
		s.mu.Unlock()
		if len(props) == 0 {
			continue
		}
		leader.mu.Lock()
		leader.waiting = append(leader.waiting, props...)
		leader.mu.Unlock()
		if err := leader.Step(context.Background(), single(1, props)); err != nil {
			return // the operations are lost, and counted
		}
	}
}

// Submit implements bench.System.
func (s *plain) Submit(op bench.Op, done func(error)) {
	s.mu.Lock()
	s.props = append(s.props, proposal{key: op.Key, value: op.Value, done: done})
	s.mu.Unlock()
}

// Flush implements bench.System.
func (s *plain) Flush() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// CPU implements bench.System.
func (s *plain) CPU() time.Duration { return 0 }

// Close implements bench.System.
func (s *plain) Close() error {
	close(s.quit)
	s.loops.Wait()
	for _, n := range s.nodes {
		for _, p := range n.peers {
			p.conn.Close()
		}
	}
	s.io.Wait()
	return nil
}
