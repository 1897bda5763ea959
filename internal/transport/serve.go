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
		t.unqueue(c.Conn) // before the other side knows: it has no place that others may take
	}
	t.conns[c] = struct{}{}
	return nil
}

// forget closes a connection. It returns when the connection is out of all tables.
func (t *TCP) forget(c *conn) {
	c.Conn.Close()
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

var errNotExpected = errors.New("message over a connection for others")

// intake reads one connection.
type intake struct {
	t    *TCP
	c    *conn
	f    *frameReader
	deaf bool // this is the way to a process, where only beats come
	ms   []wire.Message
}

// reading reads a connection until it ends, and says why it did. Messages go
// to the handler unless it is deaf.
func (t *TCP) reading(c *conn, deaf bool) error {
	in := &intake{t: t, c: c, deaf: deaf}
	budget, most := &t.inbound[0], slabProcess
	if c.from.Process == 0 {
		budget, most = &t.inbound[1], slabMax
	}
	in.f = newFrameReader(c.Conn, budget, most)
	defer in.f.close()
	err := in.run()
	if errors.Is(err, errFrame) || err == errNotExpected {
		t.count.badFrames.Add(1)
	} else if err == io.EOF {
		err = errors.New("closed by the other side")
	}
	return err
}

// again reads and handles until there is an error.
func (in *intake) again() error {
	for {
		n, err := in.f.read()
		if err == nil {
			err = in.handle(n)
		}
		if err != nil {
			return err
		}
	}
}

// operatorsOnly says whether messages have nothing to do with the service, which
// their sender does not know: it might take a command for another.
func operatorsOnly(ms []wire.Message) bool {
	for _, m := range ms {
		if m.Kind() < wire.KindClient {
			return false
		}
	}
	return true
}

// handle takes n bytes that were read.
func (in *intake) handle(n int) (err error) {
	t, c := in.t, in.c
	var frames, size int
	in.ms, frames, size, err = in.f.messages(in.ms[:0], t.cfg.Decode)
	if frames > 0 || c.from.Process != 0 {
		if c.reads.Add(1)%rearm == 0 {
			c.raw.delayAcks()
		}
	}
	t.count.bytesIn.Add(uint64(n))
	t.count.framesIn.Add(uint64(frames))
	if len(in.ms) > 0 && (in.deaf || c.operator && !operatorsOnly(in.ms)) {
		return errNotExpected
	}
	if len(in.ms) > 0 {
		t.count.messagesIn.Add(uint64(len(in.ms)))
		t.cfg.Handler(c.from, c.inc, in.ms, size)
		clear(in.ms)
	}
	if err == nil && c.due.Load() {
		c.beat(true)
	}
	return err
}
