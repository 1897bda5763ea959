package transport

import (
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// A client that takes nothing costs its connection, and bounded memory.
func TestStuckClientIsDropped(t *testing.T) {
	w, p, check := bystander(t, func(c *Config) {
		c.Tuning = quick()
		c.Tuning.ClientSilence = time.Minute
		c.Tuning.Stall = 2 * time.Second // its queue is full before
		c.Tuning.ClientLinkBytes = 1 << 20
	})
	c := w.greeted(1, 5)
	c.SetReadBuffer(4096)
	c.Write(frame(text("hello")))
	p.until(t, "hello", p.heard("hello"))
	to := ids.ToClient(ids.Client{5, 1})
	before := heap()
	m := &note{kindNote, make([]byte, 10000)}
	for range 5000 {
		p.Send(to, m)
		p.Flush()
	}
	if used := heap() - before; used > 8<<20 {
		t.Errorf("a stuck client holds %d bytes", used)
	}
	p.until(t, "the end of the connection", func() bool { s := p.Stats(); return s.Stalled == 1 && s.Clients == 1 })
	if p.Stats().DroppedFull == 0 {
		t.Error("nothing was dropped")
	}
	p.until(t, "nothing to be counted as waiting", func() bool { return p.clientBytes.Load() == 0 })
	check()
}

// A connection that the watch closes is counted once, however late its reader
// finds out.
func TestStuckConnectionCountsOnce(t *testing.T) {
	p := &TCP{log: slog.New(slog.DiscardHandler)}
	p.tuning.fill()
	near, far := net.Pipe()
	defer far.Close()
	c := newConn(near, ids.To(2), 1, &link{t: p})
	c.busy.Store(true)
	c.writes.Store(1)
	now := time.Now()
	for range 3 {
		p.check(c, now)
		c.quietSince, now = now, now.Add(2*p.tuning.Stall)
	}
	if n := p.Stats().Stalled; n != 1 {
		t.Errorf("counted %d times", n)
	}
}

// Clients that take nothing leave room for the others' replies.
func TestStuckClientsLeaveRoom(t *testing.T) {
	w, p, _ := bystander(t, func(c *Config) {
		c.Tuning.ClientSilence, c.Tuning.Stall = time.Minute, time.Minute
		c.Tuning.ClientLinkBytes, c.Tuning.ClientBytes = 16<<20, 16<<20
	})
	c := w.greeted(1, 5)
	c.SetReadBuffer(4096)
	c.Write(frame(text("hello")))
	p.until(t, "hello", p.heard("hello"))
	m := &note{kindNote, make([]byte, 10000)}
	for range 5000 {
		p.Send(ids.ToClient(ids.Client{5, 1}), m)
		p.Flush()
	}
	if n := p.clientBytes.Load(); n < 8<<20 || n > 12<<20 {
		t.Errorf("%d bytes wait for the client that takes nothing", n)
	}
	other := w.client(9)
	other.up(t, 1)
	other.Send(ids.To(1), text("question"))
	other.Flush()
	p.until(t, "question", p.heard("question"))
	for range 50 {
		p.Send(ids.ToClient(ids.Client{9}), m)
	}
	p.Send(ids.ToClient(ids.Client{9}), text("answer"))
	p.Flush()
	other.until(t, "answer", other.heard("answer"))
}
