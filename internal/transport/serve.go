package transport

import (
	"errors"
	"io"
	"net"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

func newConn(nc net.Conn, from ids.Addr, inc ids.Incarnation, l *link) *conn {
	now := time.Now()
	c := &conn{Conn: nc, from: from, inc: inc, link: l, quietSince: now, mutedSince: now}
	c.raw.init(nc)
	c.raw.delayAcks()
	return c
}

// know makes a connection known to the watch and to Close, and, if it was
// accepted, to those who look for the other side. It may be refused.
func (t *TCP) know(c *conn, accepted bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return ErrClosed
	}
	if accepted {
		if err := t.enter(c); err != nil {
			return err
		}
	}
	t.conns[c] = struct{}{}
	return nil
}

// forget closes a connection. It returns when the connection is out of all tables.
func (t *TCP) forget(c *conn) {
	c.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.conns, c)
	if t.clients[c.from.Client] == c {
		delete(t.clients, c.from.Client)
	}
	if t.processes[c.from.Process] == c {
		delete(t.processes, c.from.Process)
	}
}

// rearm is how many reads there are before acknowledgements are delayed anew.
const rearm = 64

var errNotExpected = errors.New("message over a connection for the other direction")

// reading reads a connection until it ends, and says why it did. Messages go
// to the handler unless this is the way to a process, where only beats come.
func (t *TCP) reading(c *conn, deaf bool) error {
	budget, most, client := &t.inbound[0], slabProcess, c.from.Process == 0
	if client {
		budget, most = &t.inbound[1], slabMax
	}
	f := newFrameReader(c.Conn, budget, most)
	defer f.close()
	var ms []wire.Message
	for {
		var n, frames, size int
		var err error
		ms, n, frames, size, err = f.readMessages(ms[:0], t.cfg.Decode)
		if n > 0 {
			if frames > 0 || !client {
				if c.reads.Add(1)%rearm == 0 {
					c.raw.delayAcks()
				}
			}
			t.count.bytesIn.Add(uint64(n))
			t.count.framesIn.Add(uint64(frames))
		}
		if len(ms) > 0 && deaf {
			err = errNotExpected
		} else if len(ms) > 0 {
			t.count.messagesIn.Add(uint64(len(ms)))
			t.cfg.Handler(c.from, c.inc, ms, size)
			clear(ms)
		}
		if err == nil && c.due.Load() {
			c.beat(true)
		}
		if err != nil {
			if errors.Is(err, errFrame) || err == errNotExpected {
				t.count.badFrames.Add(1)
			} else if err == io.EOF {
				err = errors.New("closed by the other side")
			}
			return err
		}
	}
}
