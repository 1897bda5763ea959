package transport

import (
	"sync"
	"sync/atomic"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Network connects Memory transports of one test. Messages are encoded,
// framed and decoded as over TCP; they arrive within Flush, in the sender's
// goroutine.
type Network struct {
	// Cut, if not nil, says which messages are lost. Set it before use.
	Cut func(from, to ids.Addr) bool

	mu   sync.RWMutex
	ends map[ids.Addr]*Memory
}

// Memory is a Transport within a Network.
type Memory struct {
	net     *Network
	self    ids.Addr
	inc     ids.Incarnation
	decode  wire.Decoder
	handler Handler
	pending map[ids.Addr][]byte
	order   []ids.Addr // of pending, as first sent to
	count   counters
	closed  atomic.Bool
	running sync.WaitGroup // handler calls
}

// Join adds a process or a client, in place of one with the same address.
func (n *Network) Join(self ids.Addr, inc ids.Incarnation, decode wire.Decoder, handler Handler) *Memory {
	m := &Memory{
		net: n, self: self, inc: inc, decode: decode, handler: handler,
		pending: map[ids.Addr][]byte{},
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ends == nil {
		n.ends = map[ids.Addr]*Memory{}
	}
	n.ends[self] = m
	return m
}

// Send implements Transport.
func (m *Memory) Send(to ids.Addr, msg wire.Message) {
	b, ok := m.pending[to]
	if !ok {
		m.order = append(m.order, to)
	}
	if len(b) == 0 {
		b = openFrame(nil)
	}
	if b, ok = appendMessage(b, msg); !ok {
		m.count.droppedTooLarge.Add(1)
	} else {
		m.count.messagesOut.Add(1)
	}
	m.pending[to] = b
}

// Post implements Transport; nothing waits here.
func (m *Memory) Post(to ids.Addr, msg wire.Message) { m.Send(to, msg) }

// FlushPosted implements Transport.
func (m *Memory) FlushPosted() {}

// Flush implements Transport.
func (m *Memory) Flush() {
	order := m.order
	m.order = nil // a handler may Send
	for _, to := range order {
		b := m.pending[to]
		delete(m.pending, to)
		seal(b)
		m.net.carry(m, to, b)
	}
}

func (n *Network) carry(from *Memory, to ids.Addr, frame []byte) {
	if from.closed.Load() || n.Cut != nil && n.Cut(from.self, to) {
		return
	}
	n.mu.RLock()
	end := n.ends[to]
	if end == nil || end.closed.Load() {
		n.mu.RUnlock()
		from.count.droppedNobody.Add(1)
		return
	}
	end.running.Add(1)
	n.mu.RUnlock()
	defer end.running.Done()
	ms, err := decodeFrame(nil, frame, end.decode)
	if err != nil {
		end.count.badFrames.Add(1)
		return
	}
	end.count.messagesIn.Add(uint64(len(ms)))
	end.handler(from.self, from.inc, ms, len(frame))
}

// Stats implements Transport.
func (m *Memory) Stats() Stats { return m.count.stats() }

// Close implements Transport.
func (m *Memory) Close() error {
	m.net.mu.Lock()
	m.closed.Store(true)
	m.net.mu.Unlock()
	m.running.Wait()
	return nil
}

var (
	_ Transport = (*TCP)(nil)
	_ Transport = (*Memory)(nil)
)
