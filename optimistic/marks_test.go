package optimistic

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
)

// One test for each mark of optimistic execution: the schedule that is wrong
// without the rule. Keys of collection 0: b and d lie at partition 0, a and c at
// partition 1.
const (
	keyA = 0
	keyB = 8
	keyC = 16
	keyD = 24
)

// script is a world whose steps a test does by hand.
type script struct {
	*world
	at  hlc.Timestamp
	seq ids.Sequence
}

func newScript(t *testing.T, place testMap, mode Mode) *script {
	s := &script{newWorld(t, 1, place, 1, nil, mode, Tuning{}), 1e9, 0}
	s.spoil = 0
	return s
}

// command makes a delivery of the next command.
func (s *script) command(dests ids.Set, arg ...byte) partition.Delivery {
	s.at += 10
	s.seq++
	return partition.Delivery{
		Position: ids.Position{T: s.at, E: ids.All}, Command: ids.Command{Client: ids.Client{9}, Sequence: s.seq}, Attempt: 1,
		T0: s.at, Mark: 1, Dests: dests, Nearest: dests0Process,
		Body: partition.Request{MapVersion: 1, Optimistic: true, Arg: append([]byte{0}, arg...)}.Append(nil),
	}
}

const dests0Process = 1

func (s *script) soon(p int, d partition.Delivery) {
	s.nodes[p].m.DeliverOptimistic(s.clock(), optOf(d), false)
	s.nodes[p].drain()
}

func optOf(d partition.Delivery) partition.OptDelivery {
	return partition.OptDelivery{
		Command: d.Command, Attempt: d.Attempt, T0: d.T0, Mark: d.Mark, Dests: d.Dests, Body: d.Body, Leads: true,
	}
}

func (s *script) deliver(p int, d partition.Delivery) {
	s.nodes[p].m.Deliver(s.clock(), d)
	s.nodes[p].drain()
}

// pass hands over the mail of one process; keep says what is not lost.
func (s *script) pass(p int, keep func(m any) bool) {
	n := s.nodes[p]
	for len(n.mail) > 0 {
		l := n.mail[0]
		n.mail = n.mail[1:]
		if keep == nil || keep(l.m) {
			n.m.Step(s.clock(), l.from, l.m)
			n.drain()
		}
	}
}

func (s *script) settle() {
	for i := range 12 {
		s.pass(i%len(s.nodes), nil)
	}
}

// plain is what conservative execution alone makes of an order.
func (s *script) plain(order ...partition.Delivery) *world {
	w := newWorld(s.t, 1, s.place, 1, order, Conservative, Tuning{})
	w.run()
	return w
}

func (s *script) check(order ...partition.Delivery) {
	s.t.Helper()
	s.same(s.plain(order...))
}

func (s *script) expect(p int, confirmed, wrong uint64) {
	s.t.Helper()
	if c := s.nodes[p].m.counters; c.Confirmed != confirmed || c.Wrong != wrong {
		s.t.Fatalf("process %d has confirmed %d runs and found %d wrong, want %d and %d", p+1, c.Confirmed, c.Wrong, confirmed, wrong)
	}
}

var (
	here = ids.Set{0}
	both = ids.Set{0, 1}
)

// F1: the final timestamp is an input, if the code asks for it.
func TestF1TimestampRaised(t *testing.T) {
	s := newScript(t, 1, Baseline)
	asks := s.command(here, opClock, 0, 0, opPut, keyA, 0)
	not := s.command(here, opGet, keyA, 0, opPut, keyB, 0)
	s.soon(0, asks)
	s.soon(0, not)
	asks.Position.T, not.Position.T = s.at+51, s.at+52
	s.deliver(0, asks)
	s.deliver(0, not) // built on what asks wrote: done again, and right by then
	s.check(asks, not)
	s.expect(0, 1, 1)
}

func TestF1TimestampNotAskedFor(t *testing.T) {
	s := newScript(t, 1, Baseline)
	d := s.command(here, opPut, keyA, 0)
	s.soon(0, d)
	d.Position.T += 50
	s.deliver(0, d)
	s.check(d)
	s.expect(0, 1, 0)
}

// Commands with equal timestamps are given others, one after the other: that is
// foreseen.
func TestF1TimestampForeseen(t *testing.T) {
	s := newScript(t, 2, Baseline)
	var order []partition.Delivery
	for i := range 6 {
		d := s.command(here, opClock, 0, 0, opUpdate, keyB, 0)
		if i%3 == 2 {
			d = s.command(both, opClock, 0, 0, opUpdate, keyB, 0)
		}
		d.T0 = 1e9 + 10
		d.Position = ids.Position{T: d.T0 + hlc.Timestamp(i), E: 1}
		if d.Position.T -= hlc.Timestamp((i + 1) / 3); len(d.Dests) > 1 {
			d.Position = ids.Position{T: d.T0 + hlc.Timestamp(i/3), E: ids.All}
		}
		order = append(order, d)
		s.soon(0, d)
		s.soon(1, d)
	}
	slices.SortFunc(order, func(a, b partition.Delivery) int {
		if a.Position.Less(b.Position) {
			return -1
		}
		return 1
	})
	asked := 0
	for _, d := range order {
		for p, n := range s.nodes {
			if !d.Dests.Has(n.p) {
				continue
			}
			if e := n.m.table.find(d.Command, 1); e == nil || e.run.Now() != d.Position.T {
				t.Errorf("process %d: %v is ordered at %v: %+v", n.id, d.Command, d.Position, e)
			}
			asked++
			s.deliver(p, d)
		}
	}
	s.settle()
	s.check(order...)
	if asked != 8 {
		t.Errorf("%d asked", asked)
	}
}

// F2: a run that waits has read what a command changes of which nobody had heard.
func TestF2RunUnderWay(t *testing.T) {
	s := newScript(t, 2, Baseline)
	m := s.command(both, opGet, keyB, 0, opGet, keyA, 0, opPut, keyD, 0)
	s.soon(0, m)
	x := s.command(here, opPut, keyB, 0)
	x.Position.T = m.Position.T - 1
	s.deliver(0, x)
	s.deliver(0, m)
	s.deliver(1, m)
	s.settle()
	s.check(x, m)
}

// The same without a look at all runs after x: the comparison alone finds it.
func TestF2ComparisonAlone(t *testing.T) {
	s := newScript(t, 2, Baseline)
	m := s.command(both, opGet, keyB, 0, opGet, keyA, 0, opPut, keyD, 0)
	s.soon(0, m)
	x := s.command(here, opPut, keyB, 0)
	x.Position.T = m.Position.T - 1
	n := s.nodes[0]
	n.m.Deliver(s.clock(), x)
	n.m.stale = false
	n.m.Deliver(s.clock(), m)
	n.drain()
	s.deliver(1, m)
	s.settle()
	s.check(x, m)
	s.expect(0, 0, 1)
}

// F3: the verdict comes before the comparison.
func TestF3VerdictFirst(t *testing.T) {
	s := newScript(t, 1, Baseline)
	late := s.command(here, opPut, keyA, 0)
	s.soon(0, late)
	late.Position.T = late.T0.Add(6 * time.Millisecond) // H is 5
	first := s.command(here, opPut, keyB, 0)
	first.Position.T = late.Position.T + 1
	first.T0 = first.Position.T
	again := first
	again.Position.T++
	s.deliver(0, late)
	s.soon(0, first)
	s.deliver(0, first)
	s.soon(0, again) // has had its turn
	s.deliver(0, again)
	s.check(late, first, again)
	s.expect(0, 1, 0)
	if m := s.nodes[0].m; m.table.count != 0 || m.counters.GivenUp != 1 {
		t.Errorf("runs stay: %+v", m.Status())
	}
}

// F4: the run read a variable of the other partition that the right execution
// does not read, and that nobody will send.
func TestF4NothingIsWaitedForInVain(t *testing.T) {
	for x := range 8 {
		s := newScript(t, 2, Full)
		// What b has says which of a, b and c is read.
		m := s.command(both, opChase, keyB, keyB, opPut, keyD, 0)
		m.Body[3] |= noHint // so that values are sent as the code reads them
		var code []byte
		for range x {
			code = append(code, opClock, 0, 0) // makes another value
		}
		before := s.command(here, append(code, opPut, keyB, 0)...)
		before.Position.T = m.Position.T - 1
		s.soon(0, m)
		s.soon(1, m)
		s.settle()                             // optimistic values of all that is declared
		for _, x := range []byte{keyA, keyC} { // whatever it is, b names another
			e := &Exchange{}
			e.Command, e.Attempt, e.Vars = m.Command, m.Attempt, []partition.Var{{Key: keyOf(x)}}
			s.nodes[0].m.Step(s.clock(), 2, e)
		}
		s.nodes[0].m.Deliver(s.clock(), before)
		s.nodes[0].m.stale = false // not done again before its turn
		s.deliver(0, m)
		s.deliver(1, m)
		s.settle()
		s.check(before, m)
		s.settled()
	}
}

// F4: each partition's run waits for the other's value, and none is sent
// optimistically: at their turns both go on.
func TestF4RunsWaitForEachOther(t *testing.T) {
	s := newScript(t, 2, Baseline)
	m := s.command(both, opCopy, keyA, keyB, opCopy, keyB, keyA)
	s.soon(0, m)
	s.soon(1, m)
	s.settle()
	s.deliver(0, m)
	s.deliver(1, m)
	s.settle()
	s.check(m)
	s.settled()
	s.expect(0, 1, 0)
	s.expect(1, 1, 0)
}

// Runs that wait for another count with what they keep, too.
func TestQueuedRunsWeigh(t *testing.T) {
	s := newScript(t, 2, Baseline)
	m := s.nodes[0].m
	m.cfg.Tuning.MaxRunBytes = 64 << 10
	s.soon(0, s.command(both, opCopy, keyA, keyB))
	arg := bytes.Repeat([]byte{opClock, 0, 0}, 5000)
	for range 20 {
		s.soon(0, s.command(here, append(arg, opGet, keyB, 0)...))
	}
	if m.counters.Pauses == 0 || m.bytes > m.cfg.Tuning.MaxRunBytes {
		t.Fatalf("%d bytes are counted of %d runs, %+v", m.bytes, m.table.count, m.counters)
	}
}

// A run that waits within a range when its turn comes, and is right so far, goes
// on as conservative execution: with the variables that there are, whatever runs
// before it made of them.
func TestTakenWithinRange(t *testing.T) {
	const everyA, everyB, everyC, everyH = 2, 10, 18, 58
	for _, spoiled := range []bool{false, true} {
		s := newScript(t, 2, Baseline)
		first := s.command(both, opPut, everyA, 0, opPut, everyB, 0, opPut, keyA, 0, opPut, keyB, 0)
		never := s.command(both, opPut, everyC, 0)
		m := s.command(both, opJoin, everyA, everyH, opPut, keyD, 0)
		for p := range s.nodes {
			s.deliver(p, first)
		}
		s.settle()
		if spoiled { // only after what m waits for
			s.soon(0, never)
			s.soon(1, never)
		}
		s.soon(0, m)
		s.soon(1, m)
		s.deliver(0, m)
		s.deliver(1, m)
		s.settle()
		s.check(first, m)
	}
}

func (s *script) settled() {
	s.t.Helper()
	for _, n := range s.nodes {
		if st := n.r.Status(); st.Unfinished > 0 {
			s.t.Fatalf("process %d has %d unfinished", n.id, st.Unfinished)
		}
	}
}

// F5: a command that waits for the comparison when others are found wrong goes
// on at its place: executed once, its signal sent once.
func TestF5MistakeBesideAWaitingCommand(t *testing.T) {
	s := newScript(t, 2, Full)
	c1 := s.command(both, opGet, keyA, 0, opPut, keyD, 0)
	c2 := s.command(here, opClock, 0, 0, opPut, keyB, 0)
	c3 := s.command(here, opGet, keyB, 0, opGet, keyD, 0)
	for _, d := range []partition.Delivery{c1, c2, c3} {
		s.soon(0, d)
	}
	c2.Position.T += 3 // wrong
	c3.Position.T += 3
	s.deliver(0, c1)
	s.deliver(0, c2)
	s.deliver(0, c3)
	signals := 0
	s.pass(1, func(m any) bool {
		if x, ok := m.(*partition.Exchange); ok && x.Signal && x.Command == c1.Command {
			signals++
		}
		return true
	})
	s.deliver(1, c1)
	s.settle()
	s.check(c1, c2, c3)
	s.settled()
	if signals != 1 {
		t.Errorf("%d signals of c1", signals)
	}
}

// F6: what the conservative machine has executed is not run when its optimistic
// delivery comes, or its effect would be there twice.
func TestF6ExecutedBefore(t *testing.T) {
	s := newScript(t, 1, Baseline)
	x := s.command(here, opUpdate, keyA, 0)
	s.deliver(0, x)
	s.soon(0, x)
	reads := s.command(here, opGet, keyA, 0)
	s.soon(0, reads)
	s.deliver(0, reads)
	s.check(x, reads)
	s.expect(0, 1, 0)
	for _, r := range s.sent[reads.Command] {
		if !r.Agrees(s.ends[reads.Command]) {
			t.Errorf("optimistic reply %+v, then %+v", r, s.ends[reads.Command])
		}
	}
}

// F6: runs that are done again keep their order, and send no second reply. One
// that only updates need not be: what it wrote is made anew.
func TestF6DoneAgainInOrder(t *testing.T) {
	s := newScript(t, 1, Baseline)
	x := s.command(here, opPut, keyA, 0)
	c1 := s.command(here, opUpdate, keyA, 0)
	c2 := s.command(here, opCopy, keyA, keyB)
	c3 := s.command(here, opGet, keyB, 0)
	for _, d := range []partition.Delivery{c1, c2, c3} {
		s.soon(0, d)
	}
	for _, d := range []partition.Delivery{x, c1, c2, c3} {
		s.deliver(0, d)
	}
	s.check(x, c1, c2, c3)
	s.expect(0, 3, 0)
	m := s.nodes[0].m
	if m.counters.Repairs != 1 || m.counters.Repeated != 2 || m.counters.OptReplies != 3 || m.counters.ReplyMistakes != 2 {
		t.Errorf("%+v", m.counters)
	}
	for c, rs := range s.sent {
		if len(rs) != 1 {
			t.Errorf("%d optimistic replies to %v", len(rs), c)
		}
	}
}

// F7: a confirmed run's reply waits for the conservative signals, and nothing
// conservative takes an optimistic one for it.
func TestF7ReplyWaitsForSignals(t *testing.T) {
	s := newScript(t, 2, Full)
	m := s.command(both, opPut, keyB, 0, opPut, keyA, 0)
	s.soon(0, m)
	s.soon(1, m)
	s.settle()
	if len(s.sent[m.Command]) != 1 {
		t.Fatalf("%d optimistic replies", len(s.sent[m.Command]))
	}
	s.deliver(0, m)
	s.settle()
	if s.ends[m.Command] != nil || s.nodes[0].r.Status().Unfinished != 1 {
		t.Fatal("the command ended before the other partition started it")
	}
	s.deliver(1, m)
	s.settle()
	s.check(m)
	s.expect(0, 1, 0)
}

// N4: a run whose command is dropped, or never ordered, leaves, with what it
// wrote.
func TestN4RunsLeave(t *testing.T) {
	s := newScript(t, 2, Full)
	never := s.command(here, opPut, keyB, 0)
	waits := s.command(both, opGet, keyA, 0, opPut, keyD, 0)
	s.soon(0, never)
	s.soon(0, waits)
	s.at = s.at.Add(5*time.Millisecond) + 10
	reads := s.command(here, opGet, keyB, 0, opGet, keyD, 0)
	after := s.command(here, opGet, keyB, 0, opGet, keyD, 0)
	s.deliver(0, reads)
	s.soon(0, after)
	s.deliver(0, after)
	s.check(reads, after)
	s.expect(0, 1, 0)
	if m := s.nodes[0].m; m.table.count != 0 || m.open.all.head != nil {
		t.Errorf("runs stay: %+v", m.Status())
	}
}

// A service that is not deterministic is found when commands are executed twice.
func TestExecutedTwice(t *testing.T) {
	for _, twice := range []bool{false, true} {
		service := testService()
		calls := byte(0)
		service.Commands[0].Run = func(tx partition.Tx, arg []byte) ([]byte, error) {
			calls++
			tx.Put(keyOf(keyA), []byte{calls})
			return nil, nil
		}
		tuning := partition.DefaultTuning()
		tuning.ExecuteTwice = twice
		r := partition.New(partition.Config{
			Self: 1, Replicas: [][]ids.Process{{1}}, Service: service, Placement: testMap(1), Tuning: tuning,
		})
		m := New(r, Config{Mode: Baseline})
		s := newScript(t, 1, Baseline)
		d := s.command(here, opPut, keyA, 0)
		m.DeliverOptimistic(s.clock(), partition.OptDelivery{Command: d.Command, Attempt: 1, T0: d.T0, Mark: 1, Dests: d.Dests, Body: d.Body, Leads: true}, false)
		m.Deliver(s.clock(), d)
		if stopped := m.Err() != nil; stopped != twice {
			t.Errorf("executed twice: %v; stopped: %v", twice, m.Err())
		}
		m.Close()
	}
}

// F6: of updates that commute the later one ends first. What it has left is not
// hidden by the layer of the earlier one: a run that reads then is right.
func TestUpdatesOutOfOrder(t *testing.T) {
	for _, made := range []bool{false, true} { // by somebody who reads
		s := newScript(t, 2, Full)
		c1 := s.command(both, opBlind, keyB, 0, opPut, keyA, 0)
		c2 := s.command(here, opBlind, keyB, 0)
		c3 := s.command(here, opGet, keyB, 0)
		c4 := s.command(here, opGet, keyB, 0)
		s.soon(0, c1)
		s.soon(0, c2)
		if made {
			s.soon(0, c3)
		}
		s.deliver(0, c1)
		s.deliver(0, c2)
		if !made {
			s.soon(0, c3)
		}
		s.soon(0, c4)
		s.deliver(0, c3)
		s.deliver(0, c4)
		s.soon(1, c1)
		s.deliver(1, c1)
		s.settle()
		s.check(c1, c2, c3, c4)
		s.settled()
		s.expect(0, 4, 0)
	}
}
