package ridge

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// alone is a core that coordinates a group of one.
func alone(t *testing.T) (*Core, hlc.Now) {
	now := hlc.Now{Mono: time.Second, Wall: epoch}
	c := New(Config{Self: 1, Life: 1, Topology: NewTopology([][]ids.Process{{1}}), Tuning: DefaultTuning(), Random: func() uint64 { return 1 }})
	for range 100 {
		c.Tick(now)
		c.Sends()
		if c.home.lead.phase == leading {
			return c, now
		}
		now.Mono, now.Wall = now.Mono+10*time.Millisecond, now.Wall+10_000
	}
	t.Fatal("a group of one has no coordinator")
	return nil, now
}

func named(seq int) Message {
	return Message{Command: ids.Command{Client: ids.Client{3}, Sequence: ids.Sequence(seq)}, Attempt: 1, Mark: 1, Dests: ids.Set{0}}
}

// What is multicast between two calls of Sends is ordered together, stamped if
// it was not, and delivered as many at a time as there is room for.
func TestMulticastTogether(t *testing.T) {
	c, now := alone(t)
	before := c.counters.Proposed
	c.Multicast(now, []Message{named(1), named(2)})
	c.Multicast(now, []Message{named(3)})
	c.Step(now, ids.ToClient(ids.Client{4}), &Propose{Message: msg(4, now.Wall)})
	c.Sends()
	if n := c.counters.Proposed - before; n != 1 {
		t.Errorf("%d values for what came together", n)
	}
	var room [3]Delivery
	if n := c.Next(room[:]); n != 3 {
		t.Fatalf("%d deliveries at first", n)
	}
	for i, d := range room {
		if d.Message.Command.Sequence != ids.Sequence(i+1) || d.Message.T0 != now.Wall || i > 0 && !room[i-1].Position.Less(d.Position) {
			t.Errorf("delivery %d is %+v", i, d)
		}
	}
	if n := c.Next(room[:]); n != 1 || room[0].Message.Command.Sequence != 4 {
		t.Errorf("then %d deliveries", n)
	}
}

// Messages of this process that cannot be ordered are answered with the reason.
func TestMulticastRefusals(t *testing.T) {
	c, now := alone(t)
	early, late, large, stray := named(1), named(2), named(3), named(4)
	early.T0 = now.Wall.Add(2 * c.cfg.Tuning.Window)
	late.T0 = now.Wall.Add(-2 * c.cfg.Tuning.Horizon)
	large.Body = make([]byte, c.cfg.Tuning.MaxMessage+1)
	stray.Dests = ids.Set{7}
	c.Multicast(now, []Message{early, late, large, stray, named(5)})
	want := []Reason{Early, Late, TooLarge, Misrouted}
	for _, s := range c.Sends() {
		if a, ok := s.Msg.(*Advice); ok {
			if len(want) == 0 || a.Reason != want[0] {
				t.Fatalf("%v, want one of %v", a.Reason, want)
			}
			want = want[1:]
		}
	}
	var room [8]Delivery
	if n := c.Next(room[:]); len(want) > 0 || n != 1 || room[0].Message.Command.Sequence != 5 {
		t.Errorf("%d deliveries, without advice %v", n, want)
	}
}

// A copy from the network is dropped while the message waits or is open, and
// ordered again afterwards: the layer above has a table.
func TestCopiesWhileOpen(t *testing.T) {
	c, now := alone(t)
	p := &Propose{Message: msg(1, now.Wall)}
	c.Step(now, ids.ToClient(ids.Client{9}), p)
	c.Step(now, ids.ToClient(ids.Client{9}), p)
	c.Sends()
	if c.counters.Duplicates != 1 || len(c.home.lead.queue.present) != 0 {
		t.Errorf("%d copies dropped, %d remembered", c.counters.Duplicates, len(c.home.lead.queue.present))
	}
	c.Step(now, ids.ToClient(ids.Client{9}), p)
	c.Sends()
	var room [8]Delivery
	if n := c.Next(room[:]); n != 2 {
		t.Errorf("%d deliveries of two copies", n)
	}
}

// What nobody could decode is not proposed.
func TestNamelessIsDropped(t *testing.T) {
	for _, tune := range []func(*Tuning){nil, optimistic} {
		w := newWorld(t, 60, 2, 3, tune)
		w.bytes = true
		w.run(500 * time.Millisecond)
		for p := ids.Process(1); p <= 4; p++ {
			n, bad := w.node(p), msg(1, 0, ids.Partition(p)%2)
			bad.Command.Client = ids.Client{}
			good := msg(int(p), epoch.Add(w.now), ids.Partition(p)%2)
			w.byName[idOf(good)] = &proposal{m: good}
			w.proposals = append(w.proposals, &proposal{m: good, e: ids.Ensemble(p % 2), client: w.clients[0]})
			n.core.Multicast(n.clock(), []Message{*good, *bad, *bad})
			n.flush()
		}
		w.finish(time.Second)
	}
}

// What a process stamps for itself is not refused for its timestamp, however late
// heartbeats were, and so however slow or fast others' clocks look.
func TestOwnMessagesAreInTime(t *testing.T) {
	for _, off := range []hlc.Timestamp{0, -300_000, 300_000, -120_000_000} {
		w := newLoopback(1, 3, false)
		for _, q := range w.cores[0].order {
			q.clock.lately, q.clock.before = q.clock.lately+off, q.clock.before+off
		}
		b, before := numbered(t, 1, 3), w.count[0]
		var late, long Message
		late, long = *msg(100, 0, 0), *msg(101, 0, 0)
		long.Body = make([]byte, LongBody)
		w.cores[0].MulticastBatch(w.now, b)
		w.cores[0].Multicast(w.now, []Message{late, long})
		w.flush(0)
		for range 10 {
			w.tick()
			w.drain()
		}
		if n := w.count[0] - before; n != 5 || w.cores[0].counters.Refused > 0 {
			t.Errorf("others' clocks off by %v us: %d of 5 delivered, %d refused", off, n, w.cores[0].counters.Refused)
		}
	}
}
