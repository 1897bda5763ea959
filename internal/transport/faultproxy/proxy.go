// Package faultproxy is a TCP proxy that makes trouble between real
// processes, for tests: it delays, cuts one way or both, breaks connections,
// and lets none in. Each process dials its peers through proxies of its own,
// so that every direction of every pair can be disturbed alone.
package faultproxy

import (
	"net"
	"sync"
	"time"

	"github.com/eyrie-dev/eyrie/internal/finetimer"
)

// Direction is one way through a proxy.
type Direction int

const (
	// Forth is from who dialed the proxy to its target.
	Forth Direction = iota
	// Back is the other way.
	Back
)

// Proxy forwards connections to one target. All methods are safe for
// concurrent use; settings hold for connections that are open already, too.
type Proxy struct {
	ln     net.Listener
	target string
	wg     sync.WaitGroup

	mu     sync.Mutex
	change chan struct{} // closed when a setting changes
	closed bool
	refuse bool
	cut    [2]bool
	delay  [2]time.Duration
	rate   [2]int // bytes a second; 0: no limit
	conns  map[net.Conn]struct{}
	passed [2]int64
}

// New starts a proxy on a free local port.
func New(target string) (*Proxy, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{ln: ln, target: target, change: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	p.wg.Go(p.accept)
	return p, nil
}

// Addr is where the proxy listens.
func (p *Proxy) Addr() string { return p.ln.Addr().String() }

// Cut holds back all bytes of one direction, while the connections stay open
// and the network still acknowledges; Cut(d, false) lets them go on, with
// nothing lost.
func (p *Proxy) Cut(d Direction, on bool) { p.set(func() { p.cut[d] = on }) }

// Delay makes each byte of one direction come later.
func (p *Proxy) Delay(d Direction, by time.Duration) { p.set(func() { p.delay[d] = by }) }

// Throttle reads at most so many bytes a second in one direction of each
// connection; 0 lifts the limit. What is not read fills the sockets' buffers,
// and then the sender waits: so it is with a process that reads slowly.
func (p *Proxy) Throttle(d Direction, bytesPerS int) { p.set(func() { p.rate[d] = bytesPerS }) }

// Refuse closes new connections at once; those open go on.
func (p *Proxy) Refuse(on bool) { p.set(func() { p.refuse = on }) }

// Break resets all connections: what is under way is lost.
func (p *Proxy) Break() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		c.Close()
	}
}

// Passed is the number of bytes forwarded in one direction.
func (p *Proxy) Passed(d Direction) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.passed[d]
}

// Close ends the proxy and its connections.
func (p *Proxy) Close() error {
	p.set(func() { p.closed = true })
	p.ln.Close()
	p.Break()
	p.wg.Wait()
	return nil
}

func (p *Proxy) set(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	close(p.change)
	p.change = make(chan struct{})
}

func (p *Proxy) accept() {
	for {
		near, err := p.ln.Accept()
		if err != nil {
			return
		}
		p.wg.Go(func() { p.serve(near) })
	}
}

func (p *Proxy) serve(near net.Conn) {
	if !p.open(near) {
		return
	}
	defer p.forget(near)
	far, err := net.DialTimeout("tcp", p.target, 5*time.Second)
	if err != nil || !p.open(far) {
		return
	}
	defer p.forget(far)
	var both sync.WaitGroup
	both.Go(func() { p.forward(Forth, near, far) })
	p.forward(Back, far, near)
	both.Wait()
}

func (p *Proxy) open(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.refuse {
		c.Close()
		return false
	}
	p.conns[c] = struct{}{}
	return true
}

func (p *Proxy) forget(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	c.Close()
}

// chunk is bytes and when they may go on.
type chunk struct {
	room *room
	n    int
	due  time.Time
}

// room is what is read at once, at most.
type room [32 << 10]byte

var rooms = sync.Pool{New: func() any { return new(room) }}

func (c *chunk) bytes() []byte { return c.room[:c.n] }

// forward copies one direction until it ends, then ends both. Reading goes on
// while chunks wait for their time, so a delay costs no bandwidth.
func (p *Proxy) forward(d Direction, from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	queue := make(chan chunk, 1024)
	var writer sync.WaitGroup
	writer.Go(func() {
		defer from.Close()
		p.write(d, queue, from, to)
	})
	for {
		b := rooms.Get().(*room)
		n, err := from.Read(b[:])
		if n > 0 {
			p.mu.Lock()
			due := time.Now().Add(p.delay[d])
			p.passed[d] += int64(n)
			p.mu.Unlock()
			queue <- chunk{b, n, due}
			p.linger(d, n)
		} else {
			rooms.Put(b)
		}
		if err != nil {
			close(queue)
			p.set(func() {}) // a writer held by a cut looks again
			break
		}
	}
	writer.Wait()
}

// together is how many chunks are written at once, at most.
const together = 16

// write writes each chunk when it is due, with those that are due by then: the proxy
// is to take little of the processors that it shares with what it delays.
func (p *Proxy) write(d Direction, queue <-chan chunk, from, to net.Conn) {
	timer := finetimer.New()
	defer timer.Close()
	var cs [together]chunk
	var room [together][]byte
	next, ok := <-queue
	for ok {
		n, bs, pass := 0, net.Buffers(room[:0]), p.hold(d, next.due, timer)
		for now := time.Now(); ok && n < together && (n == 0 || !next.due.After(now)); {
			cs[n], bs = next, append(bs, next.bytes())
			n++
			select {
			case next, ok = <-queue:
				continue
			default:
			}
			next = chunk{}
			break
		}
		if pass {
			if _, err := bs.WriteTo(to); err != nil {
				from.Close() // ends the reading, which drains the queue
			}
		}
		for i := range cs[:n] {
			rooms.Put(cs[i].room)
		}
		if ok && next.room == nil {
			next, ok = <-queue
		}
	}
}

// linger waits as long as n bytes take at the direction's rate.
func (p *Proxy) linger(d Direction, n int) {
	for start := time.Now(); ; {
		p.mu.Lock()
		rate, closed, change := p.rate[d], p.closed, p.change
		p.mu.Unlock()
		if rate == 0 || closed {
			return
		}
		left := time.Duration(n)*time.Second/time.Duration(rate) - time.Since(start)
		if left <= 0 {
			return
		}
		select {
		case <-time.After(left):
		case <-change:
		}
	}
}

// hold waits until a chunk may pass; false when the proxy is closed.
func (p *Proxy) hold(d Direction, due time.Time, timer *finetimer.Timer) bool {
	for {
		p.mu.Lock()
		cut, closed, change := p.cut[d], p.closed, p.change
		p.mu.Unlock()
		left := time.Until(due)
		switch {
		case closed:
			return false
		case !cut && left <= 0:
			return true
		case cut:
			<-change
		default:
			timer.Reset(left)
			select {
			case <-timer.C:
			case <-change:
			}
		}
	}
}
