package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// Loopback is how fast this machine carries values from one goroutine to another
// over one TCP connection on the loopback interface, and stores them: the
// receiver copies each to its key and acknowledges it. Two replicas of three
// receive from the coordinator or from one another, so half of this is a bound
// for large values.
type Loopback struct {
	c        Case
	out, in  net.Conn
	finished sync.WaitGroup

	mu      sync.Mutex
	more    sync.Cond
	waiting []loopbackOp // ring
	queued  uint64
	written uint64
	acked   uint64
	err     error
}

type loopbackOp struct {
	key   uint32
	value []byte
	done  func(error)
}

// NewLoopback makes the bound for a case; its number of groups is ignored.
func NewLoopback(c Case) System { return &Loopback{c: c} }

// Start implements System.
func (l *Loopback) Start(ctx context.Context) error {
	l.more.L, l.waiting = &l.mu, make([]loopbackOp, l.c.Outstanding)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer ln.Close()
	var d net.Dialer
	if l.out, err = d.DialContext(ctx, "tcp", ln.Addr().String()); err != nil {
		return err
	}
	if l.in, err = ln.Accept(); err != nil {
		return err
	}
	l.finished.Go(l.send)
	l.finished.Go(l.receive)
	l.finished.Go(l.acks)
	return nil
}

// Submit implements System.
func (l *Loopback) Submit(op Op, done func(error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		go done(l.err)
		return
	}
	l.waiting[l.queued%uint64(len(l.waiting))] = loopbackOp{op.Key, op.Value, done}
	l.queued++
	l.more.Signal()
}

// Flush implements System.
func (l *Loopback) Flush() {}

// send writes what is queued, each value from where it lies.
func (l *Loopback) send() {
	var keys []byte
	for {
		l.mu.Lock()
		for l.written == l.queued && l.err == nil {
			l.more.Wait()
		}
		if l.err != nil {
			l.mu.Unlock()
			return
		}
		// As many as fit the socket's buffers; keys first, not to be moved.
		n := int(min(l.queued-l.written, 64))
		keys = keys[:0]
		for i := range n {
			keys = binary.LittleEndian.AppendUint32(keys, l.waiting[(l.written+uint64(i))%uint64(len(l.waiting))].key)
		}
		pieces := make(net.Buffers, 0, 2*n)
		for i := range n {
			pieces = append(pieces, keys[4*i:4*i+4], l.waiting[(l.written+uint64(i))%uint64(len(l.waiting))].value)
		}
		l.written += uint64(n)
		l.mu.Unlock()
		if _, err := pieces.WriteTo(l.out); err != nil {
			l.fail(err)
			return
		}
	}
}

func (l *Loopback) receive() {
	state := new(Store)
	room := make([]byte, 256<<10+4+l.c.Size)
	have, size := 0, 4+l.c.Size
	for {
		n, err := l.in.Read(room[have:])
		if err != nil {
			l.fail(err)
			return
		}
		have += n
		at := 0
		for ; have-at >= size; at += size {
			state.Put(binary.LittleEndian.Uint32(room[at:]), room[at+4:at+size])
		}
		have = copy(room, room[at:have])
		if at == 0 {
			continue
		}
		var ack [4]byte
		binary.LittleEndian.PutUint32(ack[:], uint32(at/size))
		if _, err := l.in.Write(ack[:]); err != nil {
			l.fail(err)
			return
		}
	}
}

func (l *Loopback) acks() {
	var ack [4]byte
	for {
		if _, err := io.ReadFull(l.out, ack[:]); err != nil {
			l.fail(err)
			return
		}
		for range binary.LittleEndian.Uint32(ack[:]) {
			l.mu.Lock()
			done := l.waiting[l.acked%uint64(len(l.waiting))].done
			l.acked++
			l.mu.Unlock()
			done(nil)
		}
	}
}

// fail ends all that wait, once.
func (l *Loopback) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return
	}
	l.err = err
	l.more.Broadcast()
	for ; l.acked < l.queued; l.acked++ {
		go l.waiting[l.acked%uint64(len(l.waiting))].done(err)
	}
}

// CPU implements System: there are no other processes.
func (l *Loopback) CPU() time.Duration { return 0 }

// Close implements System.
func (l *Loopback) Close() error {
	var errs []error
	for _, c := range []net.Conn{l.out, l.in} {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	l.finished.Wait()
	return errors.Join(errs...)
}
