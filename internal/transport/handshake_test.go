package transport

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

func TestMismatchesAreRefusedWithAReason(t *testing.T) {
	cases := []struct {
		name   string
		self   ids.Addr
		change func(*Config)
		want   error
		words  string
	}{
		{"cluster", ids.ToClient(ids.Client{1}), func(c *Config) { c.Cluster = "prod" }, ErrCluster, `"test"`},
		{"service", ids.ToClient(ids.Client{1}), func(c *Config) { c.Service++ }, ErrService, "same build"},
		{"layout", ids.ToClient(ids.Client{1}), func(c *Config) { c.Layout++ }, ErrLayout, "same cluster file"},
		{"process's settings", ids.To(2), func(c *Config) { c.Settings++ }, ErrLayout, "same cluster file"},
		{"unknown process", ids.To(77), func(c *Config) { c.Listener = listen(t) }, ErrProcess, "not in process 1's configuration"},
		{"own id", ids.To(1), func(c *Config) {
			// The first process's twin, which takes it for process 2.
			c.Listener = listen(t)
			c.Peers = map[ids.Process]string{2: c.Peers[1]}
		}, ErrProcess, "looks for process 2"},
		{"wrong address", ids.ToClient(ids.Client{1}), func(c *Config) {
			c.Peers = map[ids.Process]string{2: c.Peers[1]}
		}, ErrProcess, "process 1's"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			w := newNetwork(t, 2)
			p := w.process(1)
			s := w.start(tc.self, tc.change)
			s.until(t, "a refusal", func() bool { return len(s.linked) > 0 })
			err := s.linked[0]
			if !errors.Is(err, tc.want) || !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), tc.words) {
				t.Errorf("refused with: %v", err)
			}
			p.until(t, "the count", func() bool { return p.Stats().RefusedOthers > 0 })
		})
	}
}

// A client without a service is let in, and may say what is not the service's:
// for anything else it is disconnected, and nothing of it is heard.
func TestOperators(t *testing.T) {
	w := newNetwork(t, 1)
	p := w.process(1)
	o := w.start(ids.ToClient(ids.Client{1}), func(c *Config) { c.Service = 0 })
	o.up(t, 1)
	o.Send(ids.To(1), &note{wire.KindClient, []byte("how are you?")})
	o.Flush()
	p.until(t, "a question", p.heard("how are you?"))
	o.Send(ids.To(1), text("a command"))
	o.Flush()
	p.until(t, "the end of the connection", func() bool { return p.Stats().BadFrames > 0 })
	o.until(t, "another connection", func() bool { return len(o.linked) > 2 })
	o.Send(ids.To(1), &note{wire.KindClient, []byte("and now?")})
	o.Flush()
	p.until(t, "another question", p.heard("and now?"))
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.heard("a command")() {
		t.Error("the command was heard")
	}
}

func TestClientsSettingsDoNotMatter(t *testing.T) {
	w := newNetwork(t, 1)
	w.process(1)
	w.start(ids.ToClient(ids.Client{1}), func(c *Config) { c.Settings = 0 }).up(t, 1)
}

// Another version says so in words that this one can read, and the other way
// round.
func TestOtherVersionIsRefused(t *testing.T) {
	w := newNetwork(t, 1)
	w.process(1)
	c := w.raw(1)
	c.Write(packet(Version+1, []byte("whatever a later version says")))
	_, body, err := readPacket(c)
	if err != nil {
		t.Fatal(err)
	}
	a, err := decodeAnswer(body)
	if err != nil || !errors.Is(a.heard(), ErrVersion) {
		t.Fatal(a, err)
	}

	ln := listen(t)
	defer ln.Close()
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		readPacket(c)
		no := answer{refusal: refusal{code: 1, reason: "this is version 9"}}
		c.Write(packet(9, no.append(nil)))
	}()
	w.addrs[1] = ln.Addr().String()
	s := w.start(ids.ToClient(ids.Client{1}), nil)
	s.until(t, "a refusal", func() bool { return len(s.linked) > 0 })
	if err := s.linked[0]; !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "version 9") {
		t.Error(err)
	}
}

// What has a process's address and is no process is told from one that does not answer.
func TestOtherProgramsAreNamed(t *testing.T) {
	for _, tc := range []struct {
		says     string
		stranger bool
		words    string
	}{
		{"220 mail.example.org ESMTP\r\n", true, "something that is not Eyrie answers at "},
		{"", false, " takes connections and does not answer"},
		{"+OK", true, "something that is not Eyrie answers at "},
		{"EYR", false, "unexpected EOF"},
	} {
		w := newNetwork(t, 0)
		ln := listen(t)
		defer ln.Close()
		go func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				c.Write([]byte(tc.says))
				c.(*net.TCPConn).CloseWrite()
				io.Copy(io.Discard, c)
				c.Close()
			}
		}()
		w.addrs[1] = ln.Addr().String()
		s := w.start(ids.ToClient(ids.Client{1}), nil)
		s.until(t, "an error", func() bool { return len(s.linked) > 0 })
		err := s.linked[0]
		if errors.Is(err, ErrStranger) != tc.stranger || !errors.Is(err, ErrHandshake) || !strings.Contains(err.Error(), tc.words) {
			t.Errorf("%q: %v", tc.says, err)
		}
	}
}

// A second life of a process is refused while the first is alive, and let in
// when it is gone.
func TestDuplicateProcess(t *testing.T) {
	w := newNetwork(t, 2)
	one := w.start(ids.To(1), func(c *Config) { c.Tuning = quick() })
	first := w.start(ids.To(2), func(c *Config) { c.Tuning = quick() })
	first.up(t, 1)
	second := w.start(ids.To(2), func(c *Config) {
		c.Tuning = quick()
		c.Incarnation = 999
		c.Listener = listen(t)
	})
	second.until(t, "a refusal", func() bool { return len(second.linked) > 0 })
	if err := second.linked[0]; !errors.Is(err, ErrDuplicate) {
		t.Error(err)
	}
	first.Close()
	second.up(t, 1)
	second.Send(ids.To(1), text("alive"))
	second.Flush()
	one.until(t, "a message", one.heard("alive"))
	if a := one.got[len(one.got)-1]; a.inc != 999 {
		t.Errorf("incarnation %d", a.inc)
	}
}

// A client that connects again, its old connection half open, gets its
// replies over the new one.
func TestNewerConnectionReplacesOlder(t *testing.T) {
	w := newNetwork(t, 1)
	p := w.process(1)
	old := w.greeted(1, 1)
	again := w.greeted(1, 1)
	gone(t, old)
	p.until(t, "one client", func() bool { return p.Stats().Connections == 1 })
	p.Send(ids.ToClient(ids.Client{1, 1}), text("answer"))
	p.Flush()
	f := newFrameReader(again, &p.inbound[1], slabMax)
	ms, err := f.readMessages(nil)
	if err != nil || len(ms) != 1 {
		t.Fatal(ms, err)
	}
}

func TestConfigComplaints(t *testing.T) {
	ok := func() Config {
		return Config{Self: ids.ToClient(ids.Client{1}), Decode: decodeNote, Handler: newStation().handle}
	}
	for name, change := range map[string]func(*Config){
		"nobody":       func(c *Config) { c.Self = ids.Addr{} },
		"both":         func(c *Config) { c.Self.Process = 1 },
		"no listener":  func(c *Config) { c.Self = ids.To(1); c.Incarnation = 1 },
		"listener":     func(c *Config) { c.Listener = &net.TCPListener{} },
		"no life":      func(c *Config) { c.Self = ids.To(1); c.Listener = &net.TCPListener{} },
		"no decoder":   func(c *Config) { c.Decode = nil },
		"no address":   func(c *Config) { c.Peers = map[ids.Process]string{1: ""} },
		"process zero": func(c *Config) { c.Peers = map[ids.Process]string{0: "x:1"} },
		"long name":    func(c *Config) { c.Cluster = strings.Repeat("x", 256) },
		"back-off":     func(c *Config) { c.Tuning.BackoffMin, c.Tuning.BackoffMax = 2, 1 },
		"silence":      func(c *Config) { c.Tuning.Beat, c.Tuning.Silence = 2, 3 },
		"sizes":        func(c *Config) { c.Tuning.LinkBytes = -1 },
		"limits":       func(c *Config) { c.Tuning.MaxClients = -1 },
	} {
		c := ok()
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: no complaint", name)
		}
	}
}

func FuzzHandshake(f *testing.F) {
	h := hello{from: ids.To(1), inc: 5, to: 2, cluster: "c"}
	a := answer{refusal: refusal{3, "no"}, process: 2, inc: 9}
	f.Add(packet(Version, h.append(nil)))
	f.Add(packet(Version, a.append(nil)))
	f.Add([]byte("EYRIE"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, body, err := readPacket(strings.NewReader(string(b)))
		if err != nil {
			return
		}
		if h, err := decodeHello(body); err == nil && string(h.append(nil)) != string(body) {
			t.Errorf("hello %+v does not encode to what it came from", h)
		}
		if a, err := decodeAnswer(body); err == nil && len(a.reason) <= maxReason && string(a.append(nil)) != string(body) {
			t.Errorf("answer %+v does not encode to what it came from", a)
		}
	})
}
