package ridge

import (
	"bytes"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// numbered makes a batch of messages numbered from..to.
func numbered(t *testing.T, from, to int) *Batch {
	b := &Batch{}
	for seq := from; seq <= to; seq++ {
		m := named(seq)
		m.Body = bytes.Repeat([]byte{byte(seq)}, seq%200)
		if !b.Add(&m) {
			t.Fatalf("message %d does not fit", seq)
		}
	}
	return b
}

// deliveries pulls everything, and checks bodies and the order.
func deliveries(t *testing.T, c *Core) (seqs []int) {
	var room [64]Delivery
	var last ids.Position
	for {
		n := c.Next(room[:])
		if n == 0 {
			return seqs
		}
		for _, d := range room[:n] {
			seq := int(d.Message.Command.Sequence)
			if !bytes.Equal(d.Message.Body, bytes.Repeat([]byte{byte(seq)}, seq%200)) || d.Message.T0 != c.now.Wall || d.Origin != c.cfg.Self || !last.Less(d.Position) {
				t.Fatalf("delivery of %d: %+v after %v", seq, d, last)
			}
			last = d.Position
			seqs = append(seqs, seq)
		}
	}
}

func upTo(n int) (seqs []int) {
	for i := range n {
		seqs = append(seqs, i+1)
	}
	return seqs
}

func same(a, b []int) bool {
	for i := range a {
		if len(a) != len(b) || a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}

// Whatever their number, batches become one value as far as that has room, stamped
// and in order, and what others decode and verify is the same value.
func TestBatches(t *testing.T) {
	for _, sizes := range [][]int{{1}, {127}, {128}, {256}, {3, 1, 120}, {1, 127, 100}, {200, 100}} {
		c, now := alone(t)
		var made []*Value
		from := 1
		for _, n := range sizes {
			c.MulticastBatch(now, numbered(t, from, from+n-1))
			from += n
		}
		before := c.counters.Proposed
		c.Sends()
		if n, want := c.counters.Proposed-before, uint64(1+(from-2)/256); n != want {
			t.Errorf("%v: %d values, want %d", sizes, n, want)
		}
		for k := c.home.log.base + 1; k <= c.home.log.end(); k++ {
			if v := c.home.log.at(k).value; v.count > 0 {
				made = append(made, v)
			}
		}
		for _, v := range made {
			r := wire.NewReader(appendValue(nil, v))
			got := readValue(&r)
			if err := r.Done(); err != nil || !got.stripped {
				t.Fatalf("%v: what others decode: %v, %v", sizes, got, err)
			}
			own := *v
			own.own = false
			if got.ID != own.ID || got.top != own.top || got.reach != own.reach || got.count != own.count ||
				got.weight != own.weight || !got.common.Equal(own.common) || got.Proposed != own.Proposed || got.Null != own.Null {
				t.Errorf("%v: others have %+v, not %+v", sizes, got, own)
			}
		}
		if got := deliveries(t, c); !same(got, upTo(from-1)) {
			t.Errorf("%v: delivered %v", sizes, got)
		}
	}
}

// Batches, other messages of this process and those from the network take turns,
// and timestamps are clamped as those of single messages are.
func TestBatchesBesideMessages(t *testing.T) {
	c, now := alone(t)
	c.cfg.Tuning.Pipeline = 1
	c.home.lead.last = c.home.time(now).Add(c.cfg.Tuning.Window) - 3 // the limit is near
	c.MulticastBatch(now, numbered(t, 1, 5))
	c.Multicast(now, []Message{named(200), named(400)})
	c.MulticastBatch(now, numbered(t, 6, 10))
	c.Sends()
	if got, want := deliveries(t, c), append(upTo(10), 200, 400); !same(got, want) {
		t.Errorf("delivered %v, want %v", got, want)
	}
	for k := c.home.log.base + 1; k <= c.home.log.end(); k++ {
		if v := c.home.log.at(k).value; v != nil && v.top > c.home.time(now).Add(c.cfg.Tuning.Window) {
			t.Errorf("instance %d reaches %v", k, v.top)
		}
	}
	if q := &c.home.lead.queue; q.count() != 0 || q.bytes != 0 {
		t.Errorf("%d messages of %d bytes are left", q.count(), q.bytes)
	}
}

// A batch that cannot be ordered as it is becomes single messages, with an answer
// to each: of a full queue, of a coordinator that steps down.
func TestBatchesOneByOne(t *testing.T) {
	c, now := alone(t)
	c.cfg.Tuning.MaxWaiting = 100
	c.MulticastBatch(now, numbered(t, 1, 100))
	c.MulticastBatch(now, numbered(t, 101, 103))
	refused := 0
	for _, s := range c.Sends() {
		if a, ok := s.Msg.(*Advice); ok && a.Reason == Overloaded {
			refused++
		}
	}
	if got := deliveries(t, c); refused != 3 || !same(got, upTo(100)) {
		t.Errorf("%d refused, %d delivered", refused, len(got))
	}
	w := newWorld(t, 61, 1, 3, nil)
	w.run(500 * time.Millisecond)
	for _, p := range []ids.Process{1, 2, 3} {
		if e := w.node(p).core.home; e.lead.phase == leading {
			e.c.MulticastBatch(w.node(p).clock(), numbered(t, 1, 3))
			e.note(e.c.now, Round{Counter: e.known.Counter + 1, Coordinator: p%3 + 1})
			if e.lead.phase != idle {
				e.stepDown()
			}
			n := 0
			for _, s := range e.c.out {
				if m, ok := s.Msg.(*Propose); ok && m.Message.T0 == e.c.now.Wall && m.Message.Body != nil {
					n++
				}
			}
			if n != 3 || e.lead.queue.count() != 0 {
				t.Errorf("process %d passed %d of 3 messages on", p, n)
			}
			return
		}
	}
	t.Fatal("nobody coordinates")
}

// What a batch does not take.
func TestBatchRefuses(t *testing.T) {
	b := numbered(t, 1, maxBatched)
	m := named(1)
	if b.Add(&m) {
		t.Error("one more than fits")
	}
	b = numbered(t, 1, 1)
	other, nobody, long := named(2), named(2), named(2)
	other.Dests, nobody.Command.Client, long.Body = ids.Set{1}, ids.Client{}, make([]byte, referred)
	for _, m := range []*Message{&other, &nobody, &long} {
		if b.Add(m) {
			t.Errorf("a batch with %+v", m.Command)
		}
	}
	if ms := b.messages(); b.Len() != 1 || len(ms) != 1 || ms[0].Command.Sequence != 1 {
		t.Errorf("%d messages: %v", b.Len(), ms)
	}
}

// A value has no more messages than a batch has room for the number of, however
// large the bounds are.
func TestBatchesJoined(t *testing.T) {
	var q queue
	for range maxJoined/maxBatched + 2 {
		q.putBatch(numbered(t, 1, maxBatched))
	}
	b := builder{first: 1, limit: 1 << 30}
	b.fill(q.popBatches(1<<20, 1<<30))
	b.stamp()
	r := wire.NewReader(b.v.raw[headSize:])
	if n := r.Uvarint(); int(n) != b.n || b.n != maxJoined/maxBatched*maxBatched || r.Uint64() != 1 {
		t.Errorf("%d messages, first of %d", b.n, n)
	}
}

// Batches of any process reach all, encoded on the way, with optimistic delivery
// and without.
func TestBatchesReachAll(t *testing.T) {
	for _, tune := range []func(*Tuning){nil, optimistic} {
		w := newWorld(t, 62, 2, 3, tune)
		w.bytes = true
		w.run(500 * time.Millisecond)
		for p := ids.Process(1); p <= 6; p++ {
			n, b := w.node(p), &Batch{}
			for i := range 5 {
				good := msg(int(p)*10+i, 0, ids.Partition(p)%2)
				if !b.Add(good) {
					t.Fatal("a batch of five is full")
				}
				good.T0 = n.clock().Wall
				w.byName[idOf(good)] = &proposal{m: good}
				w.proposals = append(w.proposals, &proposal{m: good, e: ids.Ensemble(p % 2), client: w.clients[0]})
			}
			n.core.MulticastBatch(n.clock(), b)
			n.flush()
		}
		w.finish(time.Second)
	}
}

// As many messages of a kilobyte as come together are one batch, which is not moved
// while it is filled. Full ones leave as they are, one value each, what is asked for in
// advance has its bound, and what they begin with is clear whatever lay there.
func TestBatchesOfBytes(t *testing.T) {
	m := named(1)
	m.Body = make([]byte, 1000)
	b := NewBatch(64, 64*len(m.Body))
	before := &b.raw[0]
	for i := range 64 {
		if !b.Add(&m) {
			t.Fatalf("a batch of %d is full", i)
		}
	}
	if &b.raw[0] != before {
		t.Error("the batch was moved")
	}
	m.Body = make([]byte, LongBody-1)
	var q queue
	for range 2 {
		for b = NewBatch(1<<10, 1<<10*len(m.Body)); b.Add(&m); {
		}
		if cap(b.raw) > 2*maxBatchedBytes || !bytes.Equal(b.raw[:entriesAt], make([]byte, entriesAt)) {
			t.Errorf("room for %d bytes, which begin with %x", cap(b.raw), b.raw[:entriesAt])
		}
		q.putBatch(b)
	}
	last, n := b.raw, b.count
	if bound := DefaultTuning().MaxBatchBytes; len(last) > bound {
		t.Errorf("%d bytes are more than an instance may have", len(last))
	} else if b = q.popBatches(maxBatched, bound); b.count != n || len(q.batches) != 1 {
		t.Errorf("%d messages in a value, want the %d of one batch", b.count, n)
	}
}
