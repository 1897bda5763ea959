// Package hashiraft measures hashicorp/raft as a peer: three nodes in one
// process, the library's own TCP transport on loopback, logs in memory or, in
// durable cases, in raft-wal, commands applied to a bench.Store at all three.
//
// Settings follow the library's documentation: BatchApplyCh and the largest
// MaxAppendEntries that it allows, so that whatever has queued is committed
// together; a BatchingFSM; MaxRPCsInFlight left at 2, the default, which its
// documentation recommends over deeper pipelines (they combine badly with
// batching); the leader's enqueueing without timeout, which spares a timer a
// command; no logs, no legacy metrics.
package hashiraft

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/eyrie-dev/eyrie/bench"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// Contender is the peer.
func Contender() bench.Contender {
	return bench.Contender{System: "hashicorp-raft", New: func(c bench.Case) bench.System { return &System{c: c} }}
}

// Durable is the peer with its log on a disk.
func Durable() bench.Contender {
	who := Contender()
	who.Variant = "durable"
	who.Can = func(c bench.Case) bool { return c.Dir != "" }
	return who
}

// System is a cluster. It implements bench.System.
type System struct {
	c      bench.Case
	nodes  []*node
	leader *raft.Raft
	wait   chan waiting // operations in the order in which they complete
	waiter sync.WaitGroup

	mu      sync.Mutex
	arena   []byte // cut into commands
	failure error
}

type node struct {
	id        raft.ServerID
	fsm       *fsm
	raft      *raft.Raft
	transport *raft.NetworkTransport
	stores    stores
}

type waiting struct {
	future raft.ApplyFuture
	done   func(error)
}

// voters is how many of the replicas vote; others only learn.
const voters = 3

// Start implements bench.System: node 1 is elected.
func (s *System) Start(ctx context.Context) error {
	quiet := hclog.NewNullLogger()
	var conf raft.Configuration
	for i := range s.c.Replicas {
		t, err := raft.NewTCPTransportWithConfig("127.0.0.1:0", nil, &raft.NetworkTransportConfig{
			MaxPool: 3, Timeout: 10 * time.Second, Logger: quiet,
		})
		if err != nil {
			return err
		}
		n := &node{id: raft.ServerID(fmt.Sprint(i + 1)), transport: t, fsm: &fsm{state: new(bench.Store), fail: s.fail}}
		s.nodes = append(s.nodes, n)
		vote := raft.Voter
		if i >= voters {
			vote = raft.Nonvoter
		}
		conf.Servers = append(conf.Servers, raft.Server{Suffrage: vote, ID: n.id, Address: t.LocalAddr()})
	}
	for _, n := range s.nodes {
		var err error
		if n.stores, err = s.open(n.id, quiet); err != nil {
			return err
		}
		if err := n.start(s.config(n.id, quiet), conf); err != nil {
			return err
		}
	}
	if err := s.elect(ctx); err != nil {
		return err
	}
	s.wait = make(chan waiting, s.c.Outstanding)
	s.waiter.Go(func() {
		for w := range s.wait {
			w.done(w.future.Error())
		}
	})
	return nil
}

// The log is cut in the background to what a lagging follower may still need:
// this many bytes of it, within bounds.
const (
	keepBytes = 512 << 20
	keepMost  = 128 << 10
	keepLeast = 8 << 10
)

// patience is how long a silent leader is kept in durable cases.
const patience = 5 * time.Second

func (s *System) config(id raft.ServerID, quiet hclog.Logger) *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID, c.Logger = id, quiet
	c.BatchApplyCh, c.MaxAppendEntries = true, 1024
	c.NoLegacyTelemetry = true
	if s.c.Dir == "" {
		c.SnapshotInterval, c.SnapshotThreshold = 500*time.Millisecond, keepLeast
		c.TrailingLogs = uint64(min(max(keepBytes/max(s.c.Size, 1), keepLeast), keepMost))
	} else {
		// No snapshot is due within a turn, as by default; and a leader whose
		// disk hangs for a moment is kept, with Consul's default timeouts.
		c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLeaseTimeout = patience, patience, patience/2
	}
	return c
}

func (n *node) start(c *raft.Config, conf raft.Configuration) error {
	st := &n.stores
	if err := raft.BootstrapCluster(c, st.log, st.stable, st.snapshots, n.transport, conf); err != nil {
		return err
	}
	var err error
	n.raft, err = raft.NewRaft(c, n.fsm, st.log, st.stable, st.snapshots, n.transport)
	return err
}

// elect lets node 2 tell node 1 to stand at once, as a leader does that hands
// over, instead of waiting for an election timeout.
func (s *System) elect(ctx context.Context) error {
	first, second := s.nodes[0], s.nodes[min(1, len(s.nodes)-1)]
	header := raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(second.id), Addr: []byte(second.transport.LocalAddr())}
	err := second.transport.TimeoutNow(first.id, first.transport.LocalAddr(), &raft.TimeoutNowRequest{RPCHeader: header}, new(raft.TimeoutNowResponse))
	if err != nil {
		return err
	}
	for first.raft.State() != raft.Leader {
		select {
		case <-ctx.Done():
			return fmt.Errorf("no leader: %w", ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
	s.leader = first.raft
	return s.leader.Barrier(5 * time.Second).Error()
}

func (s *System) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure == nil {
		s.failure = err
	}
}

// Reentrant implements bench.Reentrant.
func (s *System) Reentrant() bool { return true }

// Submit implements bench.System. One goroutine waits for the futures, which
// complete in order; completing operations within the leader's state machine,
// without waiting for futures, measured the same. The library may hold the
// caller back for a moment when its queue is full.
func (s *System) Submit(op bench.Op, done func(error)) { s.wait <- waiting{s.apply(op), done} }

// Do implements bench.Doer.
func (s *System) Do(op bench.Op) error { return s.apply(op).Error() }

func (s *System) apply(op bench.Op) raft.ApplyFuture {
	b := s.room(commandHead + len(op.Value))
	binary.LittleEndian.PutUint32(b, op.Key)
	copy(b[commandHead:], op.Value)
	return s.leader.Apply(b, 0)
}

// room cuts a command's bytes from the arena: one allocation for many.
func (s *System) room(n int) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.arena) < n {
		s.arena = make([]byte, max(n, 64<<10))
	}
	b := s.arena[:n:n]
	s.arena = s.arena[n:]
	return b
}

// Flush implements bench.System: the library gathers by itself.
func (s *System) Flush() {}

// CPU implements bench.System: there are no other processes.
func (s *System) CPU() time.Duration { return 0 }

// Close implements bench.System. It returns what went wrong on the way.
func (s *System) Close() error {
	var errs []error
	for _, n := range s.nodes {
		if n.raft != nil {
			errs = append(errs, n.raft.Shutdown().Error())
		}
		n.transport.CloseStreams() // Close leaves them open, and with them all that their goroutines hold
		errs = append(errs, n.transport.Close())
		if n.stores.close != nil {
			errs = append(errs, n.stores.close())
		}
	}
	if s.wait != nil {
		close(s.wait)
		s.waiter.Wait()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(append(errs, s.failure)...)
}
