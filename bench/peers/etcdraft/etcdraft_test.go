package etcdraft

import (
	"bytes"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/bench"
	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

func start(t *testing.T, opt Options) *System {
	t.Helper()
	s := New("", opt).New(bench.Case{Replicas: 4, Outstanding: 1000}).(*System)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// counts waits until all nodes have applied n commands.
func (s *System) counts(t *testing.T, n uint64) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		behind := ""
		for _, node := range s.nodes {
			node.ask(func() {
				if node.count != n {
					behind += fmt.Sprintf(" node %d applied %d of %d;", node.id, node.count, n)
				}
			})
		}
		if behind == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(behind)
		}
	}
}

// Every proposal completes once, in order, and is applied at all three nodes
// alike; the log stays bounded.
func TestApplied(t *testing.T) {
	for name, opt := range map[string]Options{"entries": {Inflight: 4}, "packed": {Inflight: 4, Pack: true}, "deep": {Inflight: 256}, "remote": {Inflight: 4, Remote: true}} {
		t.Run(name, func(t *testing.T) {
			s := start(t, opt)
			const total, wave = 60_000, 1000
			done, completed := make(chan int, wave), 0
			for n := 0; n < total; n += wave {
				for i := range wave {
					op := n + i
					s.Submit(bench.Op{Slot: i, Key: uint32(op % 512), Value: fmt.Appendf(nil, "%08d", op)}, func(err error) {
						if err != nil {
							t.Error(err)
						}
						done <- op
					})
				}
				s.Flush()
				for range wave {
					if op := <-done; op != completed {
						t.Fatalf("operation %d completed, want %d", op, completed)
					}
					completed++
				}
			}
			s.counts(t, total)
			for _, node := range s.nodes {
				node.ask(func() {
					for k := uint32(0); k < 512; k++ {
						if !bytes.Equal(node.state[k], s.nodes[0].state[k]) {
							t.Errorf("node %d holds %s at %d", node.id, node.state[k], k)
						}
					}
					first, _ := node.storage.FirstIndex()
					last, _ := node.storage.LastIndex()
					if last-first > 3*cutEntries {
						t.Errorf("node %d keeps entries %d to %d", node.id, first, last)
					}
				})
			}
		})
	}
}

// A link whose socket is full takes everything in order without blocking.
func TestLinkFull(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	l, err := newLink(c.(*net.TCPConn))
	if err != nil {
		t.Fatal(err)
	}
	go l.run()
	defer l.close()
	const n = 200
	for i := uint64(1); i <= n; i++ {
		m := app(i, make([]byte, 100_000))
		if err := l.send([]*pb.Message{m}); err != nil { // nobody reads yet
			t.Fatal(err)
		}
	}
	next := uint64(1)
	go receive(far, func(ms []*pb.Message) {
		for _, m := range ms {
			if m.GetIndex() != next {
				t.Errorf("message %d, want %d", m.GetIndex(), next)
			}
			if next++; next > n {
				far.Close()
			}
		}
	})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		l.mu.Lock()
		empty := len(l.queue) == 0 && !l.busy
		l.mu.Unlock()
		if empty || time.Now().After(deadline) {
			if !empty {
				t.Error("the link did not empty")
			}
			return
		}
	}
}

func app(index uint64, data ...[]byte) *pb.Message {
	m := &pb.Message{Type: pb.MsgApp.Enum(), To: new(uint64(2)), From: new(uint64(1)), Term: new(uint64(7)),
		LogTerm: new(uint64(6)), Index: new(index), Commit: new(index - 1)}
	for i, d := range data {
		m.Entries = append(m.Entries, &pb.Entry{Term: new(uint64(7)), Index: new(index + 1 + uint64(i)), Data: d})
	}
	return m
}

// What is written by hand comes back as protobuf would have it.
func TestCodec(t *testing.T) {
	ms := []*pb.Message{
		app(10, []byte("a"), []byte{}, []byte("ccc")),
		app(11),
		{Type: pb.MsgAppResp.Enum(), To: new(uint64(1)), From: new(uint64(2)), Term: new(uint64(7)), Index: new(uint64(13))},
		{Type: pb.MsgAppResp.Enum(), To: new(uint64(1)), From: new(uint64(2)), Reject: new(true), RejectHint: new(uint64(3))},
		{Type: pb.MsgHeartbeat.Enum(), To: new(uint64(1)), Context: []byte("x")},
		{Type: pb.MsgApp.Enum(), Entries: []*pb.Entry{{Type: pb.EntryConfChange.Enum(), Data: []byte("c")}}},
	}
	var b []byte
	for _, m := range ms {
		var err error
		if b, err = appendMessage(b, m); err != nil {
			t.Fatal(err)
		}
	}
	got, err := decode(nil, b)
	if err != nil || len(got) != len(ms) {
		t.Fatalf("%d messages, %v", len(got), err)
	}
	for i := range ms {
		if raft.DescribeMessage(got[i], nil) != raft.DescribeMessage(ms[i], nil) {
			t.Errorf("got  %s\nwant %s", raft.DescribeMessage(got[i], nil), raft.DescribeMessage(ms[i], nil))
		}
		for j, e := range ms[i].Entries {
			if !proto.Equal(e, got[i].Entries[j]) {
				t.Errorf("entry %v, want %v", got[i].Entries[j], e)
			}
		}
	}
	for n := range b {
		if _, err := decode(nil, b[:n:n]); err == nil {
			whole := 0
			for _, m := range ms {
				if e, _ := appendMessage(nil, m); whole < n {
					whole += len(e)
				}
			}
			if whole != n {
				t.Errorf("the first %d of %d bytes decode", n, len(b))
			}
		}
	}
}
