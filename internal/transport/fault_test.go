package transport

import (
	"flag"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/transport/faultproxy"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// TestMain fails when a test has left goroutines behind.
func TestMain(m *testing.M) {
	before := runtime.NumGoroutine()
	code := m.Run()
	if f := flag.Lookup("test.fuzz"); f != nil && f.Value.String() != "" {
		os.Exit(code) // the fuzzer leaves its own
	}
	for range 200 {
		if runtime.NumGoroutine() <= before {
			os.Exit(code)
		}
		time.Sleep(10 * time.Millisecond)
	}
	pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
	os.Stderr.WriteString("goroutines were left behind\n")
	os.Exit(1)
}

// proxied is two processes, of which the first reaches the second through a
// proxy.
func proxied(t *testing.T) (a, b *station, p *faultproxy.Proxy) {
	w := newNetwork(t, 2)
	p, err := faultproxy.New(w.addrs[2])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	fast := func(c *Config) { c.Tuning = quick() }
	b = w.start(ids.To(2), fast)
	w.addrs = map[ids.Process]string{1: w.addrs[1], 2: p.Addr()}
	a = w.start(ids.To(1), fast)
	a.up(t, 1)
	return a, b, p
}

// reaches sends until a message arrives.
func reaches(t *testing.T, a, b *station, to ids.Process, what string) {
	t.Helper()
	b.until(t, what, func() bool {
		a.Send(ids.To(to), text(what))
		a.Flush()
		return b.heard(what)()
	})
}

func TestLinkComesBackAfterBreak(t *testing.T) {
	a, b, p := proxied(t)
	reaches(t, a, b, 2, "before")
	p.Refuse(true)
	p.Break()
	a.until(t, "the loss", func() bool { return len(a.Connected()) == 0 })
	before := a.Stats().DroppedDown
	big := &note{kindNote, make([]byte, 50<<10)}
	for range 10 {
		a.Send(ids.To(2), big)
		a.Flush()
	}
	if a.Stats().DroppedDown == before {
		t.Error("a link that is down takes everything")
	}
	p.Refuse(false)
	a.up(t, 1)
	reaches(t, a, b, 2, "after")
}

// One way is cut: the side that hears nothing closes, although the other one
// still hears, and the network acknowledges.
func TestCutOneWayIsNoticed(t *testing.T) {
	for _, d := range []faultproxy.Direction{faultproxy.Forth, faultproxy.Back} {
		a, b, p := proxied(t)
		reaches(t, a, b, 2, "before")
		p.Cut(d, true)
		silent := b
		if d == faultproxy.Back {
			silent = a
		}
		silent.until(t, "silence", func() bool { return silent.Stats().Silent > 0 })
		p.Cut(d, false)
		reaches(t, a, b, 2, "after")
	}
}

func TestDelayDelays(t *testing.T) {
	a, b, p := proxied(t)
	reaches(t, a, b, 2, "before")
	const by = 50 * time.Millisecond
	p.Delay(faultproxy.Forth, by)
	began := time.Now()
	a.Send(ids.To(2), text("late"))
	a.Flush()
	b.until(t, "a message", b.heard("late"))
	if d := time.Since(began); d < by {
		t.Errorf("came after %v", d)
	}
}

// A process that starts late gets what waited, if it is not long ago.
func TestWhatWaitsForTheFirstConnection(t *testing.T) {
	w := newNetwork(t, 2)
	a := w.process(1)
	a.Send(ids.To(2), text("early"))
	a.Flush()
	b := w.process(2) // its listener has queued the connection meanwhile
	b.until(t, "a message", b.heard("early"))
}

func TestSendToNobody(t *testing.T) {
	w := newNetwork(t, 1)
	p := w.process(1)
	p.Send(ids.To(5), text("x"))
	p.Send(ids.ToClient(ids.Client{1}), text("x"))
	p.Send(ids.To(1), text("to itself"))
	p.Flush()
	if s := p.Stats(); s.DroppedNobody != 3 {
		t.Errorf("%+v", s)
	}
}

// Idle connections live: beats keep them, in both directions.
func TestBeatsKeepIdleConnections(t *testing.T) {
	w := newNetwork(t, 2)
	// A machine that is busy with other tests may stand still for longer than
	// the silence that those use which want to see it.
	const silence = 600 * time.Millisecond
	fast := func(c *Config) {
		c.Tuning = quick()
		c.Tuning.Silence, c.Tuning.ClientSilence = silence, silence
	}
	a, b := w.start(ids.To(1), fast), w.start(ids.To(2), fast)
	c := w.start(ids.ToClient(ids.Client{1}), fast)
	a.up(t, 1)
	b.up(t, 1)
	c.up(t, 2)
	began := time.Now()
	a.until(t, "three silences", func() bool { return time.Since(began) > 3*silence })
	for _, s := range []*station{a, b, c} {
		if st := s.Stats(); st.Silent+st.BadFrames > 0 || st.Handshook > 2 {
			t.Errorf("%+v", st)
		}
	}
}

// A beat that is due leaves with the next message that comes, not later in a
// wake-up of its own.
func TestBeatsLeaveWithReads(t *testing.T) {
	w := newNetwork(t, 2)
	rarely := func(c *Config) { // the test is the watch
		c.Tuning.Beat, c.Tuning.ClientBeat = time.Hour, time.Hour
		c.Tuning.Silence, c.Tuning.ClientSilence = 4*time.Hour, 4*time.Hour
	}
	a, b := w.start(ids.To(1), rarely), w.start(ids.To(2), rarely)
	a.up(t, 1)
	b.up(t, 1)
	reaches(t, a, b, 2, "before")
	b.TCP.mu.Lock()
	back := b.processes[1]
	b.TCP.mu.Unlock()
	before := a.Stats().FramesIn
	b.check(back, back.mutedSince.Add(b.tuning.Beat/2))
	if !back.due.Load() || a.Stats().FramesIn != before {
		t.Fatal("the watch does not wait for a read")
	}
	reaches(t, a, b, 2, "now")
	a.until(t, "the beat", func() bool { return a.Stats().FramesIn == before+1 })
	if back.due.Load() {
		t.Error("another is due")
	}
}

// A link whose other side takes nothing drops what does not fit, and Send
// does not wait.
func TestFullLinkDrops(t *testing.T) {
	w := newNetwork(t, 2)
	block := make(chan struct{})
	b := w.start(ids.To(2), func(c *Config) {
		c.Handler = func(ids.Addr, ids.Incarnation, []wire.Message, int) { <-block }
	})
	defer func() { close(block); b.Close() }()
	a := w.start(ids.To(1), func(c *Config) { c.Tuning.LinkBytes = 1 << 20 })
	a.up(t, 1)
	m := &note{kindNote, make([]byte, 100<<10)}
	before := heap()
	for range 1000 {
		a.Send(ids.To(2), m)
		a.Flush()
	}
	if a.Stats().DroppedFull == 0 {
		t.Error("nothing was dropped")
	}
	if used := heap() - before; used > 8<<20 {
		t.Errorf("%d bytes wait", used)
	}
}

func TestCloseIsIdempotentAndEndsDialing(t *testing.T) {
	ln := listen(t) // accepts nothing
	defer ln.Close()
	w := &network{t: t, addrs: map[ids.Process]string{1: ln.Addr().String(), 2: "127.0.0.1:1", 3: "192.0.2.1:1"}}
	c := w.client(1)
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestMemory(t *testing.T) {
	cut := false
	n := &Network{Cut: func(from, to ids.Addr) bool { return cut }}
	s, c := newStation(), newStation()
	p := n.Join(ids.To(1), 5, decodeNote, s.handle)
	q := n.Join(ids.ToClient(ids.Client{1}), 0, decodeNote, c.handle)
	q.Send(ids.To(1), text("one"))
	q.Send(ids.To(1), text("two"))
	if len(s.got) != 0 {
		t.Error("came before Flush")
	}
	q.Flush()
	if len(s.got) != 2 || !s.heard("two")() {
		t.Fatal(s.got)
	}
	p.Send(s.got[0].from, text("three"))
	p.Flush()
	if len(c.got) != 1 || c.got[0].inc != 5 {
		t.Fatal(c.got)
	}
	cut = true
	p.Send(s.got[0].from, text("lost"))
	p.Flush()
	cut = false
	q.Close()
	p.Send(s.got[0].from, text("closed"))
	p.Flush()
	if len(c.got) != 1 || p.Stats().DroppedNobody != 1 {
		t.Error(c.got, p.Stats())
	}
}

// A throttled reader slows the sender, and lets go when the throttle is lifted.
func TestThrottle(t *testing.T) {
	a, b, p := proxied(t)
	reaches(t, a, b, 2, "before")
	p.Throttle(faultproxy.Forth, 1)
	long := strings.Repeat("long ", 40_000) // longer than what is read at once, before its time is due
	a.Send(ids.To(2), text(long))
	a.Flush()
	time.Sleep(50 * time.Millisecond)
	b.mu.Lock()
	early := b.heard(long)()
	b.mu.Unlock()
	if early {
		t.Error("read although throttled")
	}
	p.Throttle(faultproxy.Forth, 0)
	b.until(t, "a message", b.heard(long))
}
