package transport

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// raw is a connection to a process that is under the test's control.
func (w *network) raw(p ids.Process) *net.TCPConn {
	w.t.Helper()
	c, err := net.Dial("tcp", w.addrs[p])
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

// greeted is a raw connection that has shaken hands as a client.
func (w *network) greeted(p ids.Process, name byte) *net.TCPConn {
	w.t.Helper()
	c := w.raw(p)
	h := hello{from: ids.ToClient(ids.Client{name, 1}), to: p, service: 7, layout: 8, cluster: "test"}
	if _, err := c.Write(packet(Version, h.append(nil))); err != nil {
		w.t.Fatal(err)
	}
	_, body, err := readPacket(c)
	if err != nil {
		w.t.Fatal(err)
	}
	if a, err := decodeAnswer(body); err != nil || a.code != 0 {
		w.t.Fatal(a, err)
	}
	return c
}

// gone waits until the other side has closed c.
func gone(t *testing.T, c net.Conn) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.Copy(io.Discard, c); err != nil && errors.Is(err, errTimeout{}) {
		t.Fatal("connection is still open")
	}
}

type errTimeout struct{}

func (errTimeout) Error() string { return "timeout" }
func (errTimeout) Is(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// frame is one sealed frame with the given messages.
func frame(ms ...*note) []byte {
	b := openFrame(nil)
	for _, m := range ms {
		b, _ = appendMessage(b, m)
	}
	seal(b)
	return b
}

// bystander is a process with a client whose messages must go through
// whatever else happens to the process.
func bystander(t *testing.T, change func(*Config)) (w *network, p *station, check func()) {
	w = newNetwork(t, 1)
	p = w.start(ids.To(1), change)
	c := w.client(200)
	c.up(t, 1)
	n := 0
	return w, p, func() {
		t.Helper()
		n++
		c.Send(ids.To(1), number(n))
		c.Flush()
		p.until(t, "the bystander's message", p.heard(string(number(n).body)))
		if s := c.Stats(); s.Handshook != 1 {
			t.Fatalf("the bystander had to connect %d times", s.Handshook)
		}
	}
}

func TestRandomBytesAreCheap(t *testing.T) {
	w, p, check := bystander(t, nil)
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		c := w.raw(1)
		b := make([]byte, rnd.IntN(200)+1)
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		c.Write(b)
		c.CloseWrite()
		gone(t, c)
	}
	p.until(t, "counts", func() bool { return p.Stats().BadHandshakes == 300 })
	check()
}

func TestEveryByteOfAFrameMatters(t *testing.T) {
	w, p, check := bystander(t, nil)
	good := frame(text("one"), text("two"))
	bad := uint64(0)
	for i := range good {
		for _, flip := range []byte{0x01, 0x80} {
			c := w.greeted(1, byte(i))
			b := bytes.Clone(good)
			b[i] ^= flip
			c.Write(b)
			c.CloseWrite() // a longer length would wait for more
			gone(t, c)
			bad++
		}
	}
	for n := range good {
		c := w.greeted(1, byte(n))
		c.Write(good[:n])
		c.CloseWrite()
		gone(t, c)
	}
	p.until(t, "one client left", func() bool { return p.Stats().Clients == 1 })
	for _, a := range p.got {
		if a.from.Client[0] != 200 {
			t.Fatalf("a damaged frame's message came through: %q", a.body)
		}
	}
	if s := p.Stats(); s.BadFrames < bad/2 || s.BadFrames > bad {
		t.Errorf("%d bad frames counted of %d", s.BadFrames, bad)
	}
	check()
}

func TestBadFramesCostTheirConnection(t *testing.T) {
	w, p, check := bystander(t, nil)
	reseal := func(change func(b []byte) []byte) []byte {
		b := change(frame(text("hello")))
		seal(b)
		return b
	}
	huge := frame()
	binary.LittleEndian.PutUint32(huge[1:], 1<<32-1)
	over := frame()
	binary.LittleEndian.PutUint32(over[1:], maxFrame+1)
	cases := map[string][]byte{
		"length 4 GiB":         huge,
		"length over the cap":  over,
		"message beyond frame": reseal(func(b []byte) []byte { b[frameHeader+1]++; return b }),
		"message short":        reseal(func(b []byte) []byte { b[frameHeader+1]--; return b }),
		"header cut":           reseal(func(b []byte) []byte { return append(b, 0x77, 0, 0) }),
		"unknown kind":         reseal(func(b []byte) []byte { b[frameHeader] = 0x01; return b }),
		"other version":        func() []byte { b := frame(text("x")); b[0]++; seal(b); return b }(),
	}
	for name, b := range cases {
		before := p.Stats().BadFrames
		c := w.greeted(1, 7)
		c.Write(b)
		gone(t, c)
		if after := p.Stats().BadFrames; after != before+1 {
			t.Errorf("%s: counted %d times", name, after-before)
		}
	}
	check()
}

// heap is the memory in use after collection.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

func TestLyingLengthsTakeNoMemory(t *testing.T) {
	w, p, check := bystander(t, nil)
	before := heap()
	const n = 100
	b := frame()
	binary.LittleEndian.PutUint32(b[1:], maxFrame)
	for i := range n {
		w.greeted(1, byte(i)).Write(append(b, "a few bytes of many"...))
	}
	p.until(t, "bytes", func() bool { return p.Stats().Clients == n+1 })
	check()
	if used := heap() - before; used > n*32<<10 {
		t.Errorf("%d connections that each announce %d bytes take %d", n, maxFrame, used)
	}
}

func TestLargeFramesShareABudget(t *testing.T) {
	w, p, check := bystander(t, func(c *Config) { c.Tuning.InboundBytes = 4 << 20 })
	b := frame(&note{kindNote, make([]byte, 1<<20)})
	var open []net.Conn
	for i := range 10 {
		c := w.greeted(1, byte(i))
		c.Write(b[:len(b)-1])
		open = append(open, c)
	}
	p.until(t, "refusals", func() bool { return p.Stats().BadFrames > 5 })
	if left := p.inbound[1].Load(); left < 0 {
		t.Errorf("budget overdrawn: %d", left)
	}
	check()
	for _, c := range open {
		c.Close()
	}
	p.until(t, "the budget back", func() bool { return p.inbound[1].Load() == 4<<20 })
	w.greeted(1, 99).Write(b)
	p.until(t, "a large frame", func() bool { return len(p.got[len(p.got)-1].body) == 1<<20 })
}

func TestTrickledHandshakeEnds(t *testing.T) {
	w, p, check := bystander(t, func(c *Config) { c.Tuning.Handshake = 100 * time.Millisecond })
	c := w.raw(1)
	h := hello{from: ids.ToClient(ids.Client{5}), to: 1, service: 7, layout: 8, cluster: "test"}
	for _, x := range packet(Version, h.append(nil)) {
		if _, err := c.Write([]byte{x}); err != nil {
			break
		}
		time.Sleep(5 * time.Millisecond) // the trickle itself
	}
	gone(t, c)
	p.until(t, "count", func() bool { return p.Stats().BadHandshakes == 1 })
	check()
}

func TestTrickledFrameArrives(t *testing.T) {
	w, p, check := bystander(t, nil)
	c := w.greeted(1, 5)
	for _, x := range frame(text("slowly"), text("but surely")) {
		c.Write([]byte{x})
		runtime.Gosched()
	}
	p.until(t, "messages", p.heard("but surely"))
	check()
}

// Connections that hold a place without a word cannot keep others out: one
// more costs the oldest.
func TestSilentHandshakesDoNotKeepOthersOut(t *testing.T) {
	w, p, check := bystander(t, func(c *Config) {
		c.Tuning.MaxHandshakes = 8
		c.Tuning.Handshake = time.Minute
	})
	for range 50 {
		w.raw(1)
	}
	p.until(t, "overflow", func() bool { return p.Stats().Overflowed >= 42 })
	for i := range 5 {
		w.greeted(1, byte(i))
	}
	check()
}

// Whoever has been welcomed holds no place that a silent connection could take.
func TestWelcomedConnectionsKeepTheirPlace(t *testing.T) {
	w, p, check := bystander(t, func(c *Config) {
		c.Tuning.MaxHandshakes = 1
		c.Tuning.Handshake = time.Minute
	})
	for i := range 200 {
		c := w.greeted(1, byte(i))
		w.raw(1).Close()
		c.Write(frame(number(i + 1000)))
		p.until(t, "its message", p.heard(string(number(i+1000).body)))
		c.Close()
	}
	check()
}

func TestResetInsideAFrame(t *testing.T) {
	w, p, check := bystander(t, nil)
	for i := range 50 {
		c := w.greeted(1, byte(i))
		b := frame(text(strings.Repeat("x", 5000)))
		c.Write(b[:1+i*100])
		c.SetLinger(0)
		c.Close()
	}
	p.until(t, "one client left", func() bool { return p.Stats().Clients == 1 })
	check()
}

func TestIdleConnectionsAreCheap(t *testing.T) {
	if testing.Short() {
		t.Skip("opens a thousand connections")
	}
	w, p, check := bystander(t, nil)
	before := heap()
	const n = 1000
	for i := range n {
		c := w.raw(1)
		h := hello{from: ids.ToClient(ids.Client{1, byte(i), byte(i >> 8)}), to: 1, service: 7, layout: 8, cluster: "test"}
		c.Write(packet(Version, h.append(nil)))
		if i%50 == 49 {
			p.until(t, "clients", func() bool { return p.Stats().Clients == i+2 })
		}
	}
	per := (heap() - before) / n
	t.Logf("%d bytes per idle connection, the test's own end included", per)
	if per > 24<<10 {
		t.Errorf("%d bytes per idle connection", per)
	}
	check()
}

func TestTooManyClientsAreRefused(t *testing.T) {
	w, p, check := bystander(t, func(c *Config) { c.Tuning.MaxClients = 3 })
	w.greeted(1, 1)
	w.greeted(1, 2)
	c := w.client(3)
	c.until(t, "refusal", func() bool { return len(c.linked) > 0 })
	if err := c.linked[0]; !errors.Is(err, ErrBusy) || !errors.Is(err, ErrRefused) {
		t.Errorf("refused with %v", err)
	}
	p.until(t, "the count", func() bool { return p.Stats().RefusedOthers > 0 })
	check()
}
