package etcdraft

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"

	pb "go.etcd.io/raft/v3/raftpb"
)

// link is one direction of traffic to a peer: what is queued while a write is
// under way leaves in the next one. A write is tried at once by the goroutine
// that has the messages, without blocking; only what the socket does not take
// is left to the link's own goroutine. So the common case wakes nobody, and
// two nodes that write to each other never wait for each other.
type link struct {
	conn *net.TCPConn
	raw  syscall.RawConn

	mu     sync.Mutex
	queue  []byte // frames not yet written
	spare  []byte
	busy   bool // the link's goroutine owns the connection
	closed bool
	err    error
	more   sync.Cond
}

func newLink(c *net.TCPConn) (*link, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	l := &link{conn: c, raw: raw}
	l.more.L = &l.mu
	return l, nil
}

// send makes the messages one frame.
func (l *link) send(ms []*pb.Message) error {
	return l.frame(func(b []byte) (_ []byte, err error) {
		for _, m := range ms {
			if b, err = appendMessage(b, m); err != nil {
				return nil, err
			}
		}
		return b, nil
	})
}

// frame queues a frame with what body appends, and writes as much as the
// socket takes.
func (l *link) frame(body func([]byte) ([]byte, error)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil || l.closed {
		return l.err
	}
	at := len(l.queue)
	b, err := body(append(l.queue, 0, 0, 0, 0))
	if err != nil {
		return err
	}
	l.queue = b
	binary.LittleEndian.PutUint32(l.queue[at:], uint32(len(l.queue)-at-frameHead))
	if l.busy {
		return nil
	}
	n, err := l.try(l.queue)
	if err != nil {
		l.err = err
		return err
	}
	l.queue = l.queue[:copy(l.queue, l.queue[n:])]
	if len(l.queue) > 0 {
		l.busy = true
		l.more.Signal()
	}
	return nil
}

// try makes one write that does not block.
func (l *link) try(b []byte) (n int, err error) {
	e := l.raw.Write(func(fd uintptr) bool {
		n, err = syscall.Write(int(fd), b)
		return true
	})
	if err == syscall.EAGAIN || err == syscall.EINTR {
		n, err = 0, nil
	}
	if e != nil {
		err = e
	}
	return max(n, 0), err
}

// run writes what send left, until close.
func (l *link) run() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		for !l.busy && !l.closed {
			l.more.Wait()
		}
		if l.closed {
			return
		}
		b := l.queue
		l.queue = l.spare[:0]
		l.mu.Unlock()
		_, err := l.conn.Write(b)
		l.mu.Lock()
		l.spare = b
		if err != nil {
			l.err = err
		}
		l.busy = len(l.queue) > 0 && err == nil
	}
}

func (l *link) close() {
	l.mu.Lock()
	l.closed = true
	l.more.Signal()
	l.mu.Unlock()
	l.conn.Close()
}

func newReader(c net.Conn) *bufio.Reader { return bufio.NewReaderSize(c, 256<<10) }

// receive reads frames until the connection ends and hands on their messages;
// all frames that have arrived are handed on together.
func receive(c net.Conn, deliver func([]*pb.Message)) error {
	var ms []*pb.Message
	return frames(c, func(body []byte, more bool) (err error) {
		if ms, err = decode(ms, body); err == nil && !more {
			deliver(ms)
			ms = nil
		}
		return err
	})
}

// frames reads frames until the connection ends or handle fails. Bodies are
// never used again. more says that the next frame has arrived already.
func frames(c net.Conn, handle func(body []byte, more bool) error) error {
	r := newReader(c)
	for {
		var head [frameHead]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return err
		}
		n := binary.LittleEndian.Uint32(head[:])
		if n > maxFrame {
			return fmt.Errorf("%w: %d bytes", errFrame, n)
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(r, body); err != nil {
			return err
		}
		if err := handle(body, complete(r)); err != nil {
			return err
		}
	}
}

// complete says whether the next frame is buffered whole.
func complete(r *bufio.Reader) bool {
	if r.Buffered() < frameHead {
		return false
	}
	head, err := r.Peek(frameHead)
	return err == nil && r.Buffered()-frameHead >= int(binary.LittleEndian.Uint32(head))
}
