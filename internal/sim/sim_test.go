package sim

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// num is the tests' message.
type num struct {
	N    uint64
	Data []byte
}

func (*num) Kind() wire.Kind { return 1 }
func (m *num) Append(b []byte) []byte {
	return wire.AppendBytes(wire.AppendUint64(b, m.N), m.Data)
}

func decodeNum(_ wire.Kind, body []byte) (wire.Message, error) {
	r := wire.NewReader(body)
	m := &num{N: r.Uint64(), Data: r.Bytes()}
	return m, r.Done()
}

// talker is an endpoint for tests: it remembers what it heard, and sends a
// numbered message to each of its peers at every tick.
type talker struct {
	peers  []ids.Addr
	period time.Duration
	next   time.Duration
	n      uint64
	out    []*num
	heard  []uint64
	at     []hlc.Now
	step   func(m *num)
}

func (p *talker) Step(now hlc.Now, _ ids.Addr, _ ids.Incarnation, m wire.Message) {
	p.heard = append(p.heard, m.(*num).N)
	p.at = append(p.at, now)
	if p.step != nil {
		p.step(m.(*num))
	}
}

func (p *talker) Tick(now hlc.Now) {
	if p.period == 0 || now.Mono < p.next {
		return
	}
	p.next = now.Mono + p.period
	p.n++
	p.out = append(p.out, &num{N: p.n, Data: []byte("some bytes")})
}

func (p *talker) Wake() time.Duration {
	if p.period == 0 {
		return Never
	}
	return p.next
}

func (p *talker) Drain(send func(ids.Addr, wire.Message)) {
	for _, m := range p.out {
		for _, a := range p.peers {
			send(a, m)
		}
	}
	p.out = p.out[:0]
}

func world(seed uint64, n int, cfg Config) (*World, []*talker) {
	cfg.Endpoints = n
	if cfg.Network.Base == 0 {
		cfg.Network.Base = time.Millisecond
	}
	w := New(seed, cfg)
	ps := make([]*talker, n)
	for i := range ps {
		ps[i] = &talker{}
		w.Add(ids.To(ids.Process(i+1)), ids.Incarnation(i+1), ps[i], Clock{})
	}
	return w, ps
}

func chatter(ps []*talker, period time.Duration) {
	for i, p := range ps {
		p.period = period
		for j := range ps {
			if j != i {
				p.peers = append(p.peers, ids.To(ids.Process(j+1)))
			}
		}
	}
}

func never() bool { return false }

func TestSameSeedSameTrace(t *testing.T) {
	run := func(seed uint64) uint64 {
		r := rand.New(rand.NewPCG(seed, 1))
		w, ps := world(seed, 6, Config{Decode: decodeNum, Network: Network{
			Base: time.Millisecond, Spread: 3, Tail: 5, Loss: 50_000, Dup: 50_000, DupDelay: time.Second}})
		chatter(ps, 3*time.Millisecond)
		var weights [Faults]int
		for f := range weights {
			weights[f] = 1
		}
		all := []ID{0, 1, 2, 3, 4, 5}
		Unleash(w, r, Plan{Weights: weights, Every: 5 * time.Millisecond, Lasts: 20 * time.Millisecond,
			Servers: all, Clients: func() []ID { return all[5:] }, Groups: [][]ID{all[:2], all[2:4]},
			MayCrash: func(id ID) bool { return id == 1 }, MayErr: func(ID) bool { return true },
			CrashServer: w.Crash, CrashClient: func(ID) {}, ClockError: time.Minute})
		w.RunUntil(2*time.Second, never)
		if w.Err() != nil {
			t.Fatal(w.Err())
		}
		c := w.Counts
		for i, n := range []uint64{c.Lost, c.Duplicated, c.Cut, c.ToDead, c.Crashes, c.Pauses, c.Jumps, c.Drifts,
			c.CutOneWay, c.CutBoth, c.Isolated, c.Split, c.Flaps, c.Slow, c.Stalls, c.Resets, c.Bursts} {
			if n == 0 {
				t.Errorf("fault %d never happened: %+v", i, c)
			}
		}
		return w.Hash()
	}
	seen := map[uint64]bool{}
	for seed := range uint64(5) {
		h := run(seed)
		if h != run(seed) {
			t.Errorf("seed %d gave two traces", seed)
		}
		if seen[h] {
			t.Errorf("seed %d gave the trace of another", seed)
		}
		seen[h] = true
	}
}

func TestFIFO(t *testing.T) {
	for _, fifo := range []bool{true, false} {
		w, ps := world(1, 2, Config{Decode: decodeNum, Network: Network{Base: 10 * time.Millisecond, Tail: 6, FIFO: fifo}})
		ps[0].period, ps[0].peers = time.Millisecond, []ids.Addr{ids.To(2)}
		w.RunUntil(3*time.Second, never)
		if got := slices.IsSorted(ps[1].heard); got != fifo || len(ps[1].heard) < 2000 {
			t.Errorf("FIFO %v: in order %v, %d heard", fifo, got, len(ps[1].heard))
		}
	}
}

func TestCutAndHeal(t *testing.T) {
	w, ps := world(1, 3, Config{})
	chatter(ps, time.Millisecond)
	w.Isolate(0, In, time.Second)
	w.Isolate(0, Both, 3*time.Second) // overlaps: cut until both have ended
	w.RunUntil(2*time.Second, never)
	if len(ps[0].heard) > 0 || slices.Contains(w.links, link{}) {
		t.Errorf("an isolated endpoint heard %d messages", len(ps[0].heard))
	}
	w.Heal()
	w.RunUntil(2500*time.Millisecond, never)
	before := len(ps[0].heard)
	w.RunUntil(4*time.Second, never) // the ends of the healed faults are void
	if before < 900 || w.link(0, 1).cuts != 0 || len(ps[0].heard) <= before {
		t.Errorf("after Heal: %d, then %d heard", before, len(ps[0].heard))
	}
}

// A paused process hears nothing, and afterwards everything, in order; its
// clocks have gone on.
func TestPause(t *testing.T) {
	w, ps := world(1, 2, Config{Network: Network{Base: time.Millisecond, FIFO: true}})
	ps[0].period, ps[0].peers = time.Millisecond, []ids.Addr{ids.To(2)}
	w.RunUntil(100*time.Millisecond, never)
	w.Pause(1, time.Second)
	n := len(ps[1].heard)
	w.RunUntil(1050*time.Millisecond, never)
	if len(ps[1].heard) != n {
		t.Fatal("a paused process heard something")
	}
	w.RunUntil(1500*time.Millisecond, never)
	if len(ps[1].heard) < 1300 || !slices.IsSorted(ps[1].heard) {
		t.Fatalf("after the pause: %d heard, in order %v", len(ps[1].heard), slices.IsSorted(ps[1].heard))
	}
	if got := ps[1].at[n].Mono; got != 1100*time.Millisecond {
		t.Errorf("first message after the pause at %v", got)
	}
}

func TestSlowProcessTakesItsTime(t *testing.T) {
	w, ps := world(1, 2, Config{Network: Network{Base: time.Millisecond, FIFO: true}, InboxLimit: 10})
	ps[0].period, ps[0].peers = time.Millisecond, []ids.Addr{ids.To(2)}
	w.Slow(1, 10*time.Millisecond, time.Second)
	w.RunUntil(time.Second, never)
	if n := len(ps[1].heard); n < 90 || n > 101 {
		t.Errorf("heard %d in a second at 10 ms each", n)
	}
	if w.Counts.InboxFull == 0 {
		t.Error("the inbox had no bound")
	}
}

func TestClocks(t *testing.T) {
	c := Clock{Base: 1_000_000, MonoOffset: time.Hour, MonoPPM: 100, Skew: -time.Second}
	if got := c.read(10 * time.Second); got.Mono != time.Hour+10*time.Second+time.Millisecond || got.Wall != 10_000_000 {
		t.Errorf("%+v", got)
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 10_000 {
		c.MonoPPM = r.Int64N(400_001) - 200_000
		want := time.Hour + time.Duration(r.Int64N(int64(time.Hour)))
		at := c.when(want)
		if c.read(at).Mono < want || at > 5*time.Microsecond && c.read(at-5*time.Microsecond).Mono >= want {
			t.Fatalf("ppm %d: when(%v) = %v, shows %v", c.MonoPPM, want, at, c.read(at).Mono)
		}
	}
	w, ps := world(1, 2, Config{})
	ps[0].period, ps[0].peers = time.Millisecond, []ids.Addr{ids.To(2)}
	w.RunUntil(time.Second, never)
	w.Jump(1, -time.Hour)
	w.Drift(1, 100_000)
	w.RunUntil(2*time.Second, never)
	if off := w.Off(1); off != -time.Hour+100*time.Millisecond {
		t.Errorf("off by %v", off)
	}
	w.Synchronize(1, 0)
	if off := w.Off(1); off != 0 {
		t.Errorf("off by %v once synchronized", off)
	}
	last := hlc.Now{}
	for _, now := range ps[1].at {
		if now.Mono < last.Mono {
			t.Fatal("the monotonic clock went back")
		}
		last = now
	}
}

func TestBrokenMessagesShow(t *testing.T) {
	t.Run("changed after sending", func(t *testing.T) {
		w, ps := world(1, 3, Config{Pointers: true})
		ps[0].period, ps[0].peers = time.Millisecond, []ids.Addr{ids.To(2), ids.To(3)}
		ps[1].step = func(m *num) { m.Data[0] = 'X' }
		w.RunUntil(time.Second, never)
		if err := w.Err(); err == nil || !strings.Contains(err.Error(), "changed after it was sent") {
			t.Error(err)
		}
	})
	t.Run("does not decode", func(t *testing.T) {
		bad := errors.New("bad")
		w, ps := world(1, 2, Config{Decode: func(wire.Kind, []byte) (wire.Message, error) { return nil, bad }})
		ps[0].period, ps[0].peers = time.Millisecond, []ids.Addr{ids.To(2)}
		w.RunUntil(time.Second, never)
		if !errors.Is(w.Err(), bad) {
			t.Error(w.Err())
		}
	})
	t.Run("decodes to another", func(t *testing.T) {
		w, ps := world(1, 2, Config{Decode: func(_ wire.Kind, b []byte) (wire.Message, error) { return &num{}, nil }})
		ps[0].period, ps[0].peers = time.Millisecond, []ids.Addr{ids.To(2)}
		w.RunUntil(time.Second, never)
		if w.Err() == nil {
			t.Error("not noticed")
		}
	})
	t.Run("ticks without end", func(t *testing.T) {
		w, ps := world(1, 1, Config{})
		ps[0].period = 1 // a nanosecond
		w.RunUntil(time.Second, never)
		if w.Err() == nil {
			t.Error("not noticed")
		}
	})
}

func TestHeap(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	var h heap
	var last event
	for range 10_000 {
		if r.IntN(5) < 3 || len(h.a) == 0 {
			h.push(event{at: last.at + time.Duration(r.IntN(50))})
			continue
		}
		e := h.pop()
		if e.less(&last) {
			t.Fatal("out of order")
		}
		last = e
	}
}

func TestRestart(t *testing.T) {
	w, ps := world(1, 2, Config{})
	chatter(ps, time.Millisecond)
	w.RunUntil(time.Second, never)
	w.Crash(1)
	n := len(ps[1].heard)
	w.RunUntil(2*time.Second, never)
	if len(ps[1].heard) != n || w.Counts.ToDead < 900 || w.Alive(1) {
		t.Error("a crashed process went on")
	}
	again := &talker{}
	w.Restart(1, 99, again)
	w.RunUntil(3*time.Second, never)
	if len(again.heard) < 900 {
		t.Errorf("restarted, it heard %d", len(again.heard))
	}
}

// An endpoint's own work waits for a pause to end, and ends with its life.
func TestDo(t *testing.T) {
	w, ps := world(1, 2, Config{})
	var at []time.Duration
	note := func(hlc.Now) {
		at = append(at, w.Now())
		ps[0].out = append(ps[0].out, &num{N: 7})
	}
	ps[0].peers = []ids.Addr{ids.To(2)}
	w.Do(0, time.Second, note)
	w.Do(0, 3*time.Second, note)
	w.Do(0, 6*time.Second, note)
	w.At(2*time.Second, func() { w.Pause(0, 2*time.Second) })
	w.At(5*time.Second, func() { w.Crash(0); w.Restart(0, 3, ps[0]) })
	w.RunUntil(10*time.Second, never)
	if !slices.Equal(at, []time.Duration{time.Second, 4 * time.Second}) || len(ps[1].heard) != 2 {
		t.Errorf("done at %v, %d heard of it", at, len(ps[1].heard))
	}
}

func BenchmarkEvents(b *testing.B) {
	w, ps := world(1, 6, Config{Decode: decodeNum, Network: Network{Base: time.Millisecond, Tail: 4, FIFO: true}})
	chatter(ps, time.Millisecond)
	b.ReportAllocs()
	for w.Counts.Events < uint64(b.N) {
		w.Next()
		for _, p := range ps {
			p.heard, p.at = p.heard[:0], p.at[:0]
		}
	}
}
