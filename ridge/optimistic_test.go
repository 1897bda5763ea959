package ridge

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

func optimistic(t *Tuning) { t.Optimistic = true }

// optRig is newRig with optimistic delivery that waits for nothing.
func optRig(t *testing.T, self ids.Process, partitions int) *rig {
	w := newWorld(t, 1, partitions, 3, func(t *Tuning) { t.Optimistic, t.OptimisticWait = true, -1 })
	r := &rig{t: t, core: w.node(self).core, now: hlc.Now{Mono: time.Second, Wall: epoch}}
	r.e = r.core.home
	r.core.Tick(r.now)
	r.drain()
	return r
}

// cast is the direct copy of a message.
func (r *rig) cast(m *Message) { r.step(0, &Cast{Message: m}) }

// pull takes what is delivered both ways: names in the order of delivery, the
// optimistic ones negative.
func (r *rig) pull() (out []int) {
	for {
		if o, ok := r.core.NextOptimistic(); ok {
			out = append(out, -int(o.Message.Command.Sequence))
		} else if d, ok := next(r.core); ok {
			out = append(out, int(d.Message.Command.Sequence))
		} else {
			return out
		}
	}
}

func (r *rig) wants(what string, want ...int) {
	r.t.Helper()
	got := r.pull()
	if len(got) != len(want) {
		r.t.Fatalf("%s: delivered %v, want %v", what, got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			r.t.Fatalf("%s: delivered %v, want %v", what, got, want)
		}
	}
}

// castVal is val, of messages that were cast.
func castVal(counter uint64, ms ...*Message) *Value {
	b := newBuilder(len(ms), 0)
	for _, m := range ms {
		b.add(m.T0, &sealed{message: m, cast: true})
	}
	return b.done(1, counter, epoch, 0)
}

func nothing(v *Value) *Value { return v.without(func(int) bool { return true }) }

// lastAccept is PHASE 2 to the last acceptor of a chain of two.
func lastAccept(r Round, k ids.Instance, v *Value) *accept {
	return &accept{Round: r, Instance: k, Chain: []ids.Process{1, 2}, Voters: []ids.Process{1}, Value: v}
}

// R6: an acceptor votes for what it holds only. What it lacks it asks for once,
// and what it was told meanwhile counts: the copy that comes, and what is
// supplied; a vote that it has not cast is in no answer to Phase 1.
func TestR6VoteNeedsPayloads(t *testing.T) {
	r := optRig(t, 2, 1)
	a, b, c := msg(1, epoch+1), msg(2, epoch+2), msg(3, epoch+3)
	v := castVal(1, a, b, c)
	r.cast(a)
	r.step(1, lastAccept(round(5, 1), 1, nothing(v)))
	asks := only[*lack](r)
	if len(only[*decision](r)) > 0 || len(asks) != 1 || len(asks[0].Entries) != 2 || asks[0].Entries[0] != 1 {
		t.Fatalf("asked %+v, decided %v", asks, len(only[*decision](r)) > 0)
	}
	if vs, _ := r.e.votes(1, 9, pageBytes, true); len(vs) > 0 {
		t.Fatalf("a vote without payload: %+v", vs)
	}
	r.cast(b)
	if len(only[*decision](r)) > 0 || len(only[*lack](r)) > 0 {
		t.Fatal("voted, or asked again, while a payload was missing")
	}
	r.step(1, &supply{Instance: 1, Value: v.without(func(i int) bool { return i != 2 })})
	if len(only[*decision](r)) == 0 || len(r.e.parked) > 0 {
		t.Fatal("no vote although all payloads have come")
	}
	r.wants("supplied", -1, -2, 1, 2, -3, 3)
	// A repetition of what it holds needs no payload.
	r.step(1, lastAccept(round(5, 1), 1, nothing(v)))
	if len(only[*lack](r)) > 0 || len(only[*decision](r)) == 0 {
		t.Fatal("asked for the payloads of its own vote")
	}
}

// What waits for payloads is judged anew when they come: a vote of a round that
// has been overtaken meanwhile is never cast, and a later round's takes the
// place of an earlier one's.
func TestR6ParkedIsJudgedAnew(t *testing.T) {
	r := optRig(t, 2, 1)
	a := msg(1, epoch+1)
	r.step(1, lastAccept(round(5, 1), 1, nothing(castVal(1, a))))
	r.step(3, &prepare{Round: round(6, 3), Chain: []ids.Process{3, 2}, From: 1})
	if ps := only[*promise](r); len(ps) != 1 || len(ps[0].Votes) > 0 {
		t.Fatalf("promise: %+v", ps)
	}
	r.cast(a)
	if len(only[*decision](r)) > 0 {
		t.Fatal("voted in an overtaken round")
	}
	b := msg(2, epoch+2)
	r.step(1, lastAccept(round(8, 1), 2, nothing(castVal(3, b))))
	r.step(1, lastAccept(round(7, 1), 2, nothing(castVal(2, b))))
	if len(r.e.parked) != 1 || r.e.parked[0].accept.Round != round(8, 1) {
		t.Fatalf("parked: %+v", r.e.parked)
	}
	for k := range ids.Instance(2 * maxParked) {
		r.step(1, lastAccept(round(8, 1), 3+k, nothing(castVal(9+uint64(k), msg(100+int(k), epoch)))))
	}
	if len(r.e.parked) > maxParked {
		t.Fatalf("%d values parked", len(r.e.parked))
	}
}

// R7: timestamp and destinations are those decided, only the payload comes from
// the direct copy; a copy that is not the very message named is not joined.
func TestR7PayloadOnly(t *testing.T) {
	r := optRig(t, 2, 2)
	a, b, c := msg(1, epoch+1), msg(2, epoch+2), msg(3, epoch+3)
	builder := newBuilder(3, 0)
	for i, m := range []*Message{a, b, c} {
		builder.add(epoch+70_000+hlc.Timestamp(i), &sealed{message: m, cast: true})
	}
	v := nothing(builder.done(1, 1, epoch, 0))
	v.names[2].dests = ids.NewSet(0, 1) // a list that lies
	other := *b
	other.Body = []byte("another payload under the same name")
	r.cast(a)
	r.cast(&other)
	r.cast(c)
	r.step(1, lastAccept(round(5, 1), 1, v))
	asks := only[*lack](r)
	if len(asks) != 1 || len(asks[0].Entries) != 2 || asks[0].Entries[0] != 1 || asks[0].Entries[1] != 2 {
		t.Fatalf("asked: %+v", asks)
	}
	r = optRig(t, 2, 1)
	r.cast(a)
	builder = newBuilder(1, 0)
	builder.add(epoch+70_000, &sealed{message: a, cast: true})
	r.step(1, lastAccept(round(5, 1), 1, nothing(builder.done(1, 1, epoch, 0))))
	r.core.NextOptimistic()
	if d, ok := next(r.core); !ok || d.Position.T != epoch+70_000 || d.Message.T0 != epoch+1 {
		t.Fatalf("delivered %+v", d)
	}
}

// Only complete values that this process holds are supplied, a page at most; a
// vote without payloads does not decode.
func TestSupply(t *testing.T) {
	r := optRig(t, 2, 1)
	big := msg(1, epoch+1)
	big.Body = make([]byte, pageBytes)
	v := castVal(1, big, msg(2, epoch+2), msg(3, epoch+3))
	r.step(1, lastAccept(round(5, 1), 1, v))
	all := []uint32{0, 1, 2, 9999}
	for what, m := range map[string]*lack{
		"an instance without a value": {Instance: 7, ID: v.ID, Entries: all},
		"another value":               {Instance: 1, ID: ValueID{Digest: 1}, Entries: all},
		"what is trimmed":             {Instance: 0, ID: v.ID, Entries: all},
	} {
		r.step(3, m)
		if ms := only[*supply](r); len(ms) > 0 {
			t.Errorf("%s is supplied: %+v", what, ms[0])
		}
	}
	r.step(3, &lack{Instance: 1, ID: v.ID, Entries: all})
	ms := only[*supply](r)
	if len(ms) != 1 || ms[0].Value.absent != 2 || ms[0].Value.Entries[0].Message.Digest() != big.Digest() {
		t.Fatalf("supplied: %+v", ms)
	}
	body := (&learn{Votes: []vote{{Instance: 1, Round: round(5, 1), Value: ms[0].Value}}}).Append(nil)
	if _, err := Decode(kindLearn, body); err == nil {
		t.Error("a vote without payloads decodes")
	}
}

// A copy that comes twice, after its conservative delivery, past T0 + H or for
// others is not opt-delivered.
func TestOptimisticOnce(t *testing.T) {
	r := optRig(t, 2, 2)
	h := r.core.cfg.Tuning.Horizon
	a, b := msg(1, epoch+1), msg(2, epoch+2)
	r.cast(a)
	r.cast(a)
	r.wants("cast twice", -1)
	r.cast(a)
	r.wants("cast after its optimistic delivery")
	r.step(1, lastAccept(round(5, 1), 1, castVal(1, a, b)))
	r.step(5, &decision{Ensemble: ids.All}) // nothing
	r.e = r.core.home
	// e_all holds the merge back until it has reached more.
	null := newValue(1, 9, epoch, nil, epoch+50_000)
	r.step(1, &accept{Ensemble: ids.All, Round: round(5, 1), Instance: 1, Chain: []ids.Process{1, 2}, Voters: []ids.Process{1}, Value: null})
	r.wants("decided", 1, -2, 2)
	r.cast(b)
	r.wants("cast after its conservative delivery")
	r.cast(msg(3, epoch.Add(-h-time.Second)))
	r.cast(msg(4, epoch.Add(time.Hour)))
	r.cast(msg(5, epoch, 1))
	r.wants("late, far ahead, and for others")
	if c := r.core.counters; c.Mistakes != 0 || c.Compared != 2 || c.Forced != 1 || c.Optimistic != 2 {
		t.Errorf("counted: %+v", c)
	}
}

// The record follows the exactly-once table: a mark moves with the position of
// what carries it, past its guard only [X1], and a client is forgotten by
// merged time, not by any clock [X2].
func TestRecordFollowsMergedTime(t *testing.T) {
	r := optRig(t, 2, 1)
	h := r.core.cfg.Tuning.Horizon
	k := ids.Instance(0)
	decide := func(ts hlc.Timestamp, m *Message) {
		k++
		b := newBuilder(1, 0)
		b.add(ts, &sealed{message: m, cast: true})
		r.step(1, lastAccept(round(5, 1), k, b.done(1, uint64(k), epoch, 0)))
	}
	m := msg(5, epoch+5)
	m.Mark, m.Guard = 5, epoch+100
	decide(epoch+5, m)
	r.wants("with a guard ahead of it", -5, 5)
	r.cast(msg(4, epoch+4))
	r.wants("given up, perhaps not yet late", -4)
	m = msg(6, epoch+6)
	m.Mark, m.Guard = 6, epoch+100
	decide(epoch+200, m)
	r.wants("past its guard", -6, 6)
	r.cast(msg(3, epoch+4))
	r.wants("below the mark")
	o := r.core.opt.lookup(ids.Client{9})
	for range 100 {
		r.pass(h / 50) // far beyond T0 + H by the clock
		if r.core.opt.sweep(epoch + 200); r.core.opt.lookup(ids.Client{9}) != o {
			t.Fatal("forgotten by the clock")
		}
	}
	r.core.opt.sweep(epoch.Add(h) + 1000)
	if o.held > 0 || r.core.opt.lookup(ids.Client{9}) != nil {
		t.Error("not forgotten by merged time")
	}
}

// Memory is bounded: by count and bytes, and for each client.
func TestHeldIsBounded(t *testing.T) {
	w := newWorld(t, 1, 1, 3, func(t *Tuning) {
		t.Optimistic, t.OptimisticWait, t.MaxHeld, t.MaxHeldSize = true, time.Millisecond, 100, 40<<10
	})
	n := w.node(2)
	n.core.Tick(n.clock())
	o := &n.core.opt
	for c := range byte(40) {
		for i := range 60 {
			m := msg(i+1, epoch)
			m.Command.Client, m.Body = ids.Client{c + 1}, make([]byte, int(c)*20)
			n.core.Step(n.clock(), ids.ToClient(m.Command.Client), &Cast{Message: m})
		}
		if from := o.lookup(ids.Client{c + 1}); from != nil && (from.held > 25 || from.bytes > 10<<10) {
			t.Fatalf("client %d has %d copies of %d bytes held", c, from.held, from.bytes)
		}
		n.checkHeld()
	}
	if o.count < 90 || n.core.counters.CopiesRefused == 0 {
		t.Errorf("%d held, %d refused", o.count, n.core.counters.CopiesRefused)
	}
	// Sequences far apart do not make a client's record grow for ever.
	w = newWorld(t, 1, 1, 3, optimistic)
	n = w.node(2)
	n.core.Tick(n.clock())
	o = &n.core.opt
	for i := range 20_000 {
		m := msg(1+i*maxSpan, epoch)
		n.core.Step(n.clock(), ids.ToClient(m.Command.Client), &Cast{Message: m})
		if i%1000 == 0 {
			n.checkHeld()
		}
	}
	if o.records > maxRecords || len(o.lookup(ids.Client{9}).ring) > maxSpan {
		t.Errorf("%d records", o.records)
	}
}

// In the common case a payload reaches each process once: straight from the
// proposer. Acceptors send lists.
func TestPayloadOnce(t *testing.T) {
	w := newWorld(t, 5, 2, 3, optimistic)
	w.size, w.bytes = 200, true
	w.filter = func(from, to ids.Process, m wire.Message) bool {
		var v *Value
		switch m := m.(type) {
		case *accept:
			v = m.Value
		case *valueMessage:
			v = m.Value
		default:
			return true
		}
		for i := range v.Entries {
			// e_all's acceptors need what is not addressed to them.
			if v.Entries[i].Message != nil && v.dests(i).Has(w.node(to).part) {
				t.Errorf("%T brings a payload from %d to %d", m, from, to)
			}
		}
		return true
	}
	w.minDelay, w.maxDelay = 200*time.Microsecond, 200*time.Microsecond
	w.run(500 * time.Millisecond)
	w.load(time.Second, 2*time.Millisecond)
	w.finish(time.Second)
	for _, n := range w.nodes {
		c := n.core.counters
		if c.Asks+c.PayloadsTwice+c.CopiesRefused+c.Again+c.GivenUp > 0 || n.core.opt.count > 0 {
			t.Errorf("process %d: %d held, %+v", n.id, n.core.opt.count, c)
		}
	}
	if st := w.node(1).core.Status(); st.Counters.PayloadBytesSpared+w.node(2).core.Status().Counters.PayloadBytesSpared == 0 || !st.Optimism.On || st.Optimism.Late == 0 {
		t.Errorf("%+v", st)
	}
}

// A process that the proposer's copies do not reach asks; when it asks often it
// gets payloads in full for a while, without asking.
func TestAskerGetsPayloads(t *testing.T) {
	w := newWorld(t, 6, 1, 3, optimistic)
	w.offers = func(s Send) bool { return s.To.Process == 1 }
	w.run(500 * time.Millisecond)
	w.load(4*time.Second, 2*time.Millisecond)
	w.finish(time.Second)
	for p := ids.Process(2); p <= 3; p++ {
		if c := w.node(p).core.counters; c.Asks == 0 || c.PayloadsAsked > 400 {
			t.Errorf("process %d asked for %d payloads of %d", p, c.PayloadsAsked, c.Delivered)
		}
	}
}

// Fail-over while acceptors have lists without payloads: nothing decided is
// lost, and what is not decided is proposed again.
func TestFailoverDuringIdsOnly(t *testing.T) {
	for seed := range uint64(20) {
		w := newWorld(t, 7+seed, 2, 3, optimistic)
		w.run(500 * time.Millisecond)
		w.offers = func(s Send) bool { return s.To.Process == 1 || s.To.Process == 5 }
		w.filter = func(_, _ ids.Process, m wire.Message) bool {
			_, supplies := m.(*supply)
			return !supplies
		}
		w.load(100*time.Millisecond, time.Millisecond)
		w.node(1).dead, w.node(1).faulty = true, true
		w.load(100*time.Millisecond, 5*time.Millisecond)
		w.heal()
		w.offers = nil
		w.finish(10 * time.Second)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// Equivalence: what is opt-delivered is ordered although its proposer is gone
// and no coordinator has heard of it, by one replica's doing.
func TestOptDeliveredIsOrdered(t *testing.T) {
	w := newWorld(t, 8, 2, 3, optimistic)
	w.run(500 * time.Millisecond)
	for _, p := range []ids.Process{3, 5} {
		dests := ids.NewSet(0, 1)
		m := msg(int(p), epoch.Add(w.now))
		m.Dests = dests
		w.byName[idOf(m)] = &proposal{m: m}
		w.proposals = append(w.proposals, &proposal{m: m, e: ids.All, client: w.clients[0]})
		w.node(p).step(ids.ToClient(m.Command.Client), &Cast{Message: m})
	}
	w.finish(10 * time.Second)
	again := uint64(0)
	for _, n := range w.nodes {
		again += n.core.counters.Again
		if len(n.delivered) != 2 || len(n.opt) != 2 {
			t.Errorf("process %d delivered %d, optimistically %d", n.id, len(n.delivered), len(n.opt))
		}
	}
	if again < 2 || again > 4 {
		t.Errorf("multicast again %d times", again)
	}
}

// Distinct timestamps that are never raised, no reordering, skew or loss: no
// order mistakes, in any number of groups.
func TestNoMistakes(t *testing.T) {
	for _, partitions := range []int{1, 2, 3} {
		for seed := range uint64(5) {
			w := newWorld(t, 20+seed, partitions, 3, optimistic)
			w.minDelay, w.maxDelay = 300*time.Microsecond, 300*time.Microsecond
			w.run(time.Second)
			gap := time.Duration(100+w.rng.IntN(400)) * time.Microsecond
			for i := range 600 {
				w.multicast(w.clients[i%4], []byte{1}, ids.Partition(i%partitions))
				w.run(gap)
				if i%5 == 0 {
					w.multicast(w.clients[i%4], []byte{1}, ids.Partition(i%partitions), ids.Partition((i+1)%partitions))
					w.run(gap)
				}
			}
			w.finish(2 * time.Second)
			for _, n := range w.nodes {
				raised := 0
				for _, d := range n.delivered {
					if d.Position.T > d.Message.T0 {
						raised++
					}
				}
				c := n.core.counters
				if raised == 0 && c.Mistakes > 0 || c.Compared == 0 || int(c.Mistakes) > 2*raised {
					t.Errorf("%d partitions, process %d: %d mistakes, %d of %d timestamps raised", partitions, n.id, c.Mistakes, raised, c.Compared)
				}
				if partitions == 1 && raised > 0 {
					t.Errorf("one group: %d timestamps raised", raised)
				}
			}
		}
	}
}
