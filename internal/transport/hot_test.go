package transport

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// heat has the client's connection read often enough to be hot.
func (s *station) heat(t *testing.T, client ids.Client, write func()) *conn {
	t.Helper()
	s.TCP.mu.RLock()
	c := s.clients[client]
	s.TCP.mu.RUnlock()
	for deadline := time.Now().Add(20 * time.Second); !c.hot.Load(); {
		if time.Now().After(deadline) {
			t.Fatal("the connection does not become hot")
		}
		write()
		time.Sleep(50 * time.Microsecond)
	}
	return c
}

// The end of a hot connection that comes with its last bytes, before these are
// read, is found all the same.
func TestHotEnd(t *testing.T) {
	w, p, check := bystander(t, func(c *Config) { c.Tuning.ClientSilence, c.Tuning.ClientBeat = 4*time.Minute, 2*time.Minute })
	c := w.greeted(1, 5)
	p.heat(t, ids.Client{5, 1}, func() { c.Write(frame(text("more"))) })
	c.Write(frame(text("the last but one")))
	p.until(t, "the last but one", p.heard("the last but one"))
	p.mu.Lock() // the handler waits
	c.Write(frame(text("a")))
	time.Sleep(20 * time.Millisecond)
	c.Write(frame(text("last")))
	c.Close()
	time.Sleep(20 * time.Millisecond)
	p.mu.Unlock()
	p.until(t, "the last", p.heard("last"))
	p.until(t, "the end of the connection", func() bool { return p.Stats().Clients == 1 })
	check()
}

// Messages that come one at a time over a hot connection are all read, at once.
func TestHotReads(t *testing.T) {
	w, p, check := bystander(t, func(c *Config) { c.Tuning.ClientSilence = time.Minute })
	c := w.greeted(1, 5)
	hot := p.heat(t, ids.Client{5, 1}, func() { c.Write(frame(text("more"))) })
	began, in := time.Now(), 0
	for i := range 2000 {
		c.Write(frame(number(i)))
		if i%3 == 0 {
			continue // two together
		}
		want := string(number(i).body)
		p.until(t, "a message", func() bool { return string(p.got[len(p.got)-1].body) == want })
		if hot.hot.Load() {
			in++
		}
	}
	t.Logf("%d of 2000 while hot, %v", in, time.Since(began))
	c.Close()
	p.until(t, "the end of the connection", func() bool { return p.Stats().Clients == 1 })
	check()
}

// Whoever handles a message may close the connection that it came over.
func TestHandlerCloses(t *testing.T) {
	var s *station
	w, p, check := bystander(t, func(cfg *Config) {
		handle := cfg.Handler
		cfg.Tuning.ClientSilence = time.Minute
		cfg.Handler = func(from ids.Addr, inc ids.Incarnation, ms []wire.Message, size int) {
			handle(from, inc, ms, size)
			if string(ms[0].(*note).body) == "close" {
				s.TCP.mu.RLock()
				defer s.TCP.mu.RUnlock()
				s.clients[from.Client].Close()
			}
		}
	})
	s = p
	c := w.greeted(1, 5)
	c.Write(frame(text("close")))
	p.until(t, "the message", p.heard("close"))
	p.until(t, "the end of the connection", func() bool { return p.Stats().Clients == 1 })
	check()
}
