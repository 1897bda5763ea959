package etcdraft

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/eyrie-dev/eyrie/bench"
	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
)

// node drives one RawNode. Whoever brings input (the proposer, the reader of
// a connection, the ticker) adds it to the inbox and, if no other goroutine is
// stepping the node, does so until the inbox is empty: no hand-over when the
// node is idle, and batches by themselves when it is busy.
//
// mu guards the inbox and running; the goroutine that set running owns all the
// rest.
type node struct {
	id      uint64
	opt     Options
	raw     *raft.RawNode
	storage *raft.MemoryStorage
	links   map[uint64]*link
	session *session // of the client on the network, if there is one
	fail    func(error)
	// batched, if not nil, is told of the slots of proposals that have been applied,
	// those of a step together, in place of their callbacks.
	batched func(slots []uint32, err error)
	slots   []uint32

	outbox  map[uint64][]*pb.Message
	state   *bench.Store
	applied uint64 // index
	count   uint64 // commands applied
	conf    *pb.ConfState
	cut     uint64 // applied when the log was last cut
	bytes   int    // of entries applied since

	mu      sync.Mutex
	msgs    []*pb.Message
	props   []proposal
	ticks   int
	probes  []func()
	running bool

	// Spares of the inbox's slices.
	spareMsgs  []*pb.Message
	spareProps []proposal

	// waiting are the proposals in the order proposed, which is the order in
	// which they are applied while this node leads.
	waiting []proposal
	head    int
}

// proposal is a command and who waits for it: a function, or a place of a
// client on the network.
type proposal struct {
	key     uint32
	value   []byte
	done    func(error)
	session *session
	slot    uint32
}

func (n *node) complete(p *proposal, err error) {
	switch {
	case p.session != nil:
		p.session.reply(p.slot, err)
	case n.batched == nil:
		p.done(err)
	case err != nil:
		n.batched([]uint32{p.slot}, err)
	default:
		n.slots = append(n.slots, p.slot)
	}
}

// errLost says that a proposal was dropped, or that the node no longer leads.
var errLost = errors.New("etcdraft: proposal dropped")

// The log is cut whenever this many entries, or bytes of them, have been
// applied since the last time, and then to where it ended that time.
const (
	cutEntries = 16 << 10
	cutBytes   = 8 << 20
)

// post adds to the inbox and steps the node unless somebody else does.
func (n *node) post(add func()) {
	n.mu.Lock()
	add()
	if n.running {
		n.mu.Unlock()
		return
	}
	n.running = true
	n.loop()
}

// loop is entered with mu held and running set.
func (n *node) loop() {
	for len(n.msgs)+len(n.props)+n.ticks+len(n.probes) > 0 {
		msgs, props, ticks, probes := n.msgs, n.props, n.ticks, n.probes
		n.msgs, n.props, n.ticks, n.probes = n.spareMsgs[:0], n.spareProps[:0], 0, nil
		n.mu.Unlock()
		for _, f := range probes {
			f()
		}
		n.step(msgs, props, ticks)
		clear(msgs)
		clear(props)
		n.mu.Lock()
		n.spareMsgs, n.spareProps = msgs, props
	}
	n.running = false
	n.mu.Unlock()
}

// step gives the node one batch of input and carries out what it says.
func (n *node) step(msgs []*pb.Message, props []proposal, ticks int) {
	for range ticks {
		n.raw.Tick()
	}
	for _, m := range msgs {
		// An error is a message that raft drops: of an unknown peer, say.
		_ = n.raw.Step(m)
	}
	if len(props) > 0 {
		n.propose(props)
	}
	for n.raw.HasReady() {
		n.ready(n.raw.Ready())
	}
	n.flush()
	if len(n.slots) > 0 {
		n.batched(n.slots, nil)
		n.slots = n.slots[:0]
	}
}

// propose makes all commands one MsgProp.
func (n *node) propose(props []proposal) {
	var m *pb.Message
	if n.opt.Pack {
		m = packed(n.id, props)
	} else {
		m = single(n.id, props)
	}
	if err := n.raw.Step(m); err != nil {
		for _, p := range props {
			n.complete(&p, fmt.Errorf("%w: %w", errLost, err))
		}
		return
	}
	n.waiting = append(n.waiting, props...)
}

// commandHead is a command's key and the size of its value.
const commandHead = 8

func appendCommand(b []byte, p proposal) []byte {
	b = binary.LittleEndian.AppendUint32(b, p.key)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(p.value)))
	return append(b, p.value...)
}

func sizeOf(props []proposal) (size int) {
	for _, p := range props {
		size += commandHead + len(p.value)
	}
	return size
}

// single gives each command an entry of its own.
func single(id uint64, props []proposal) *pb.Message {
	data, blocks, es := make([]byte, 0, sizeOf(props)), make([]pb.Entry, len(props)), make([]*pb.Entry, len(props))
	for i, p := range props {
		at := len(data)
		data = appendCommand(data, p)
		es[i] = &blocks[i]
		es[i].Data = data[at:len(data):len(data)]
	}
	return &pb.Message{Type: pb.MsgProp.Enum(), From: new(id), Entries: es}
}

// packed puts all commands into one entry.
func packed(id uint64, props []proposal) *pb.Message {
	data := make([]byte, 0, sizeOf(props))
	for _, p := range props {
		data = appendCommand(data, p)
	}
	return &pb.Message{Type: pb.MsgProp.Enum(), From: new(id), Entries: []*pb.Entry{{Data: data}}}
}

// ready carries out one Ready in the order its documentation gives: entries
// are stored before messages leave that speak of them, then committed entries
// are applied. A leader's messages may leave first, but here storing is an
// append to a slice, and they leave together in flush.
func (n *node) ready(rd raft.Ready) {
	if rd.SoftState != nil && rd.RaftState != raft.StateLeader && n.head < len(n.waiting) {
		n.fail(errLost)
	}
	if !raft.IsEmptySnap(rd.Snapshot) {
		n.fail(fmt.Errorf("etcdraft: node %d needs a snapshot", n.id))
	}
	if !raft.IsEmptyHardState(rd.HardState) {
		n.check(n.storage.SetHardState(rd.HardState))
	}
	n.check(n.storage.Append(rd.Entries))
	for _, m := range rd.Messages {
		n.outbox[m.GetTo()] = append(n.outbox[m.GetTo()], m)
	}
	n.apply(rd.CommittedEntries)
	n.raw.Advance(rd)
}

// flush sends what the outbox holds, one frame a peer.
func (n *node) flush() {
	for id, l := range n.links {
		if ms := n.outbox[id]; len(ms) > 0 {
			n.check(l.send(ms))
			clear(ms)
			n.outbox[id] = ms[:0]
		}
	}
	if n.session != nil {
		n.check(n.session.flush())
	}
}

func (n *node) check(err error) {
	if err != nil {
		n.fail(err)
	}
}

// apply executes committed commands and, where they were proposed, completes
// them.
func (n *node) apply(es []*pb.Entry) {
	for _, e := range es {
		for b := e.Data; len(b) >= commandHead; {
			size := commandHead + int(binary.LittleEndian.Uint32(b[4:]))
			key := binary.LittleEndian.Uint32(b)
			n.state.Put(key, b[commandHead:size])
			b = b[size:]
			n.count++
			if n.head < len(n.waiting) {
				n.complete(&n.waiting[n.head], nil)
				n.waiting[n.head] = proposal{}
				n.head++
			}
		}
		n.applied = e.GetIndex()
		n.bytes += len(e.Data)
	}
	if n.head == len(n.waiting) || n.head > 1<<16 {
		n.waiting = n.waiting[:copy(n.waiting, n.waiting[n.head:])]
		n.head = 0
	}
	n.compact()
}

// compact bounds the log. The leader keeps what a follower lacks, so that a
// snapshot is never needed.
func (n *node) compact() {
	if n.applied-n.cut < cutEntries && n.bytes < cutBytes {
		return
	}
	to := n.cut
	n.cut, n.bytes = n.applied, 0
	if n.raw.BasicStatus().RaftState == raft.StateLeader {
		n.raw.WithProgress(func(_ uint64, _ raft.ProgressType, pr tracker.Progress) { to = min(to, pr.Match) })
	}
	if first, _ := n.storage.FirstIndex(); to > first {
		_, err := n.storage.CreateSnapshot(to, n.conf, nil)
		n.check(err)
		n.check(n.storage.Compact(to))
	}
}

// ask runs f while nobody else steps the node, and waits for it.
func (n *node) ask(f func()) {
	ran := make(chan struct{})
	n.post(func() { n.probes = append(n.probes, func() { f(); close(ran) }) })
	<-ran
}
