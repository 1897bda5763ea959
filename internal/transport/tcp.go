package transport

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// TCP is the transport over TCP. Between two processes there is one connection
// each way: a process dials those it sends to, and what comes back over such a
// connection is beats alone. So neither side has to choose between two
// connections made at once. A client dials every process, and its replies come
// back over its own connection.
//
// Goroutines: one per process dialed, which makes the connection and reads it;
// one per accepted connection; the listener's; one watch for all; and those
// that link describes. Reading never waits for anything but bytes.
type TCP struct {
	cfg    Config
	tuning Tuning
	log    *slog.Logger
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	count  counters

	// peers are the links to processes, fixed at start.
	peers map[ids.Process]*link
	// touched are the links with something to flush: Send's and Flush's own.
	touched []*link
	// posted are those with something for FlushPosted, if not flushed before.
	posted []*link
	// last is the link to lastTo, of the last Send since a Flush: most messages of a
	// step go to the same few.
	last   *link
	lastTo ids.Addr

	clientBytes atomic.Int64 // waiting for all clients
	warned      atomic.Int64 // when a refusal was last logged, Unix nanoseconds
	// inbound is what is left of Tuning.InboundBytes, for processes and for
	// clients.
	inbound [2]atomic.Int64

	mu     sync.RWMutex
	closed bool
	conns  map[*conn]struct{}
	// clients and processes are the accepted connections by who made them.
	clients   map[ids.Client]*conn
	processes map[ids.Process]*conn
	// greeting are accepted connections without a handshake, oldest first.
	greeting []net.Conn
}

// New starts a transport: a process's listens, and it begins to dial. On an
// error the listener is left open.
func New(cfg Config) (*TCP, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{}).DialContext
	}
	t := &TCP{
		cfg: cfg, tuning: cfg.Tuning, log: cfg.Logger,
		peers:     map[ids.Process]*link{},
		conns:     map[*conn]struct{}{},
		clients:   map[ids.Client]*conn{},
		processes: map[ids.Process]*conn{},
	}
	t.tuning.fill()
	t.inbound[0].Store(int64(t.tuning.InboundBytes))
	t.inbound[1].Store(int64(t.tuning.InboundBytes))
	t.ctx, t.cancel = context.WithCancel(context.Background())
	for p, addr := range cfg.Peers {
		if p != cfg.Self.Process {
			t.peers[p] = &link{t: t, to: ids.To(p), addr: addr}
		}
	}
	for _, l := range t.peers {
		t.wg.Go(func() { t.dialing(l) })
	}
	if cfg.Listener != nil {
		t.wg.Go(t.accepting)
	}
	t.wg.Go(t.watching)
	return t, nil
}

// Send implements Transport.
func (t *TCP) Send(to ids.Addr, m wire.Message) {
	l := t.last
	if l == nil || to != t.lastTo {
		if l = t.route(to); l == nil {
			t.count.droppedNobody.Add(1)
			return
		}
		t.last, t.lastTo = l, to
	}
	l.push(m)
	t.touch(l)
}

func (t *TCP) touch(l *link) {
	if !l.touched {
		l.touched = true
		t.touched = append(t.touched, l)
	}
}

// postedBytes is how much may gather for FlushPosted: six values of 64 messages of
// 100 B. More would cost the receiver a longer step at once, and no longer save
// much.
const postedBytes = 64 << 10

// Post implements Transport.
func (t *TCP) Post(to ids.Addr, m wire.Message) {
	l := t.route(to)
	if l == nil || to.Process == 0 { // a client's link may end before it is flushed
		t.Send(to, m)
		return
	}
	if l.push(m) > postedBytes {
		t.touch(l)
	} else if !l.posted {
		l.posted = true
		t.posted = append(t.posted, l)
	}
}

// FlushPosted implements Transport.
func (t *TCP) FlushPosted() {
	for _, l := range t.posted {
		l.posted = false
		l.flush(true)
	}
	t.posted = t.posted[:0]
}

func (t *TCP) route(to ids.Addr) *link {
	if to.Process != 0 {
		return t.peers[to.Process]
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if c := t.clients[to.Client]; c != nil {
		return c.link
	}
	return nil
}

// Flush implements Transport.
func (t *TCP) Flush() {
	t.last = nil // a client may come back with another
	for i, l := range t.touched {
		l.touched = false
		l.flush(i < t.tuning.Inline)
		t.touched[i] = nil
	}
	t.touched = t.touched[:0]
}

// Close implements Transport.
func (t *TCP) Close() error {
	t.mu.Lock()
	t.closed = true
	for c := range t.conns {
		c.Close()
	}
	for _, c := range t.greeting {
		c.Close()
	}
	t.mu.Unlock()
	t.cancel()
	if t.cfg.Listener != nil {
		t.cfg.Listener.Close()
	}
	for _, l := range t.peers {
		l.close()
	}
	t.wg.Wait()
	return nil
}

// spawn announces a goroutine, which must call wg.Done; false when closed.
func (t *TCP) spawn() bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if !t.closed {
		t.wg.Add(1)
	}
	return !t.closed
}

// Connected are the processes that this one has a connection to, in order.
func (t *TCP) Connected() []ids.Process {
	var up []ids.Process
	for p, l := range t.peers {
		l.mu.Lock()
		if l.c != nil {
			up = append(up, p)
		}
		l.mu.Unlock()
	}
	slices.Sort(up)
	return up
}
