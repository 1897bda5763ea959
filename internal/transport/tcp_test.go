package transport

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// note is the tests' message.
type note struct {
	kind wire.Kind
	body []byte
}

func (n *note) Kind() wire.Kind        { return n.kind }
func (n *note) Append(b []byte) []byte { return append(b, n.body...) }

const kindNote wire.Kind = 0x77

func text(s string) *note { return &note{kindNote, []byte(s)} }

func number(i int) *note {
	return &note{kindNote, binary.LittleEndian.AppendUint64(nil, uint64(i))}
}

func (n *note) number() int { return int(binary.LittleEndian.Uint64(n.body)) }

func decodeNote(kind wire.Kind, body []byte) (wire.Message, error) {
	if kind != kindNote && kind != wire.KindClient {
		return nil, fmt.Errorf("%w: kind %#x", wire.ErrMalformed, kind)
	}
	return &note{kind, body}, nil
}

// station is a transport and what has come to it.
type station struct {
	*TCP
	mu     sync.Mutex
	got    []arrival
	linked []error
	change chan struct{} // closed at a change
}

type arrival struct {
	from ids.Addr
	inc  ids.Incarnation
	body []byte
}

func newStation() *station { return &station{change: make(chan struct{})} }

func (s *station) changed() {
	close(s.change)
	s.change = make(chan struct{})
}

func (s *station) handle(from ids.Addr, inc ids.Incarnation, ms []wire.Message, _ int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range ms {
		s.got = append(s.got, arrival{from, inc, m.(*note).body})
	}
	s.changed()
}

func (s *station) hear(_ ids.Process, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.linked = append(s.linked, err)
	s.changed()
}

// until waits for a condition, looked at under the lock at every change and
// now and then besides.
func (s *station) until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		s.mu.Lock()
		ok, change := cond(), s.change
		s.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-change:
		case <-time.After(5 * time.Millisecond):
		case <-deadline:
			t.Fatalf("waited in vain: %s; stats %+v", what, s.Stats())
		}
	}
}

func (s *station) heard(body string) func() bool {
	return func() bool {
		for _, a := range s.got {
			if string(a.body) == body {
				return true
			}
		}
		return false
	}
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// net3 is a set of processes with their listeners' addresses.
type network struct {
	t         testing.TB
	addrs     map[ids.Process]string
	listeners map[ids.Process]net.Listener
}

func newNetwork(t testing.TB, n int) *network {
	w := &network{t, map[ids.Process]string{}, map[ids.Process]net.Listener{}}
	for i := 1; i <= n; i++ {
		p := ids.Process(i)
		w.listeners[p] = listen(t)
		w.addrs[p] = w.listeners[p].Addr().String()
	}
	return w
}

// quick are times for tests that wait for them.
func quick() Tuning {
	return Tuning{
		BackoffMin: time.Millisecond, BackoffMax: 20 * time.Millisecond,
		Beat: 20 * time.Millisecond, Silence: 200 * time.Millisecond,
		ClientBeat: 20 * time.Millisecond, ClientSilence: 200 * time.Millisecond,
		Stall: 200 * time.Millisecond, Handshake: time.Second, DialTimeout: time.Second,
	}
}

func (w *network) start(self ids.Addr, change func(*Config)) *station {
	w.t.Helper()
	s := newStation()
	cfg := Config{
		Self: self, Cluster: "test", Service: 7, Layout: 8, Settings: 9, Peers: w.addrs,
		Decode: decodeNote, Handler: s.handle, Linked: s.hear,
	}
	if self.Process != 0 {
		cfg.Listener = w.listeners[self.Process]
		cfg.Incarnation = ids.Incarnation(100 + self.Process)
	}
	if change != nil {
		change(&cfg)
	}
	t, err := New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	s.TCP = t
	w.t.Cleanup(func() { t.Close() })
	return s
}

func (w *network) process(p ids.Process) *station { return w.start(ids.To(p), nil) }

func (w *network) client(name byte) *station {
	return w.start(ids.ToClient(ids.Client{name}), nil)
}

// up waits until s is connected to n processes.
func (s *station) up(t testing.TB, n int) {
	t.Helper()
	s.until(t, "connections", func() bool { return len(s.Connected()) == n })
}

func TestProcessesExchange(t *testing.T) {
	w := newNetwork(t, 3)
	var s [4]*station
	for p := 1; p <= 3; p++ {
		s[p] = w.process(ids.Process(p))
	}
	for p := 1; p <= 3; p++ {
		s[p].up(t, 2)
		for q := 1; q <= 3; q++ {
			if p != q {
				s[p].Send(ids.To(ids.Process(q)), text(fmt.Sprintf("%d to %d", p, q)))
			}
		}
		s[p].Flush()
	}
	for q := 1; q <= 3; q++ {
		for p := 1; p <= 3; p++ {
			if p != q {
				s[q].until(t, "a message", s[q].heard(fmt.Sprintf("%d to %d", p, q)))
			}
		}
		for _, a := range s[q].got {
			if want := ids.Incarnation(100 + a.from.Process); a.inc != want {
				t.Errorf("incarnation %d of %v, want %d", a.inc, a.from, want)
			}
		}
	}
}

// asked is a process that a client has asked something.
func asked(t *testing.T) (p, c *station) {
	w := newNetwork(t, 1)
	p, c = w.process(1), w.client(9)
	c.up(t, 1)
	c.Send(ids.To(1), text("question"))
	c.Flush()
	p.until(t, "question", p.heard("question"))
	return p, c
}

func TestClientGetsRepliesOnItsConnection(t *testing.T) {
	p, c := asked(t)
	p.Send(p.got[0].from, text("answer"))
	p.Flush()
	c.until(t, "answer", c.heard("answer"))
	if a := c.got[0]; a.from != ids.To(1) || a.inc != 101 {
		t.Errorf("answer came from %v, incarnation %d", a.from, a.inc)
	}
}

// What one step has for a client, a thousand timelines, say, is not dropped for
// want of a flush in between.
func TestManyRepliesOfOneStep(t *testing.T) {
	p, c := asked(t)
	m := &note{kindNote, make([]byte, 8000)}
	for range 1024 {
		p.Send(p.got[0].from, m)
	}
	p.Send(p.got[0].from, text("last"))
	p.Flush()
	c.until(t, "the last", c.heard("last"))
	if n := p.Stats().DroppedFull; n > 0 {
		t.Errorf("%d replies dropped", n)
	}
}

func TestMessagesArriveInOrderAndWhole(t *testing.T) {
	w := newNetwork(t, 2)
	a, b := w.process(1), w.process(2)
	a.up(t, 1)
	sizes := []int{0, 1, 127, 128, 4000, frameTarget, slabMax - 9, slabMax, slabMax + 1, 1 << 20, MaxMessage}
	for i, n := range sizes {
		a.Send(ids.To(2), &note{kindNote, bytes.Repeat([]byte{byte(i)}, n)})
		a.Flush()
		b.until(t, "a message", func() bool { return len(b.got) == i+1 })
		if got := b.got[i].body; len(got) != n || n > 0 && (got[0] != byte(i) || got[n-1] != byte(i)) {
			t.Fatalf("message %d of %d bytes came as %d bytes", i, n, len(got))
		}
	}
	b.got = nil
	const many = 20000
	for i := range many {
		a.Send(ids.To(2), number(i))
		if i%1000 == 999 {
			a.Flush()
		}
	}
	b.until(t, "all messages", func() bool { return len(b.got) == many })
	for i, g := range b.got {
		if n := (&note{body: g.body}).number(); n != i {
			t.Fatalf("message %d came as number %d", n, i)
		}
	}
	a.Send(ids.To(2), &note{kindNote, make([]byte, MaxMessage+1)})
	if s := a.Stats(); s.DroppedTooLarge != 1 {
		t.Errorf("too large a message: %+v", s)
	}
}
