package partition

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// E1: D promises {b} and reads a, which an unfinished C writes. It fails with
// ErrAccess at every replica alike, whether it overtakes C or not, also where
// execution is sequential.
func TestE1LeavingAnExactAccess(t *testing.T) {
	for _, tweak := range []func(*Config){func(*Config) {}, sequential} {
		l := newLab(t, 2, 2, tweak)
		a, b, far := l.key(colHash, 0, 0), l.key(colHash, 0, 1), l.key(colHash, 1, 0)
		c := l.op(1000, exactly(put(a), put(far)), 0, 1)
		d := l.op(1001, &program{exact: true, items: []Item{{Key: b}}, code: []instr{get(b), get(a)}}, 0)
		l.deliver(c, 1, 2, 3, 4)
		l.deliver(d, 1) // before C's end
		l.pass(nil)
		l.deliver(d, 2) // after it
		for _, id := range []ids.Process{1, 2} {
			ev := l.finished[id][len(l.finished[id])-2:]
			if ev[0].Command.Sequence != 1001 {
				ev[0] = ev[1]
			}
			if ev[0].Outcome != OutcomeFailed {
				t.Fatalf("process %d: %+v", id, ev[0])
			}
		}
		if !strings.Contains(l.answers(), "1001:failed (eyrie.access)") {
			t.Fatal(l.answers())
		}
	}
}

// E1: a range promises what it covers, no more; a command that leaves it by
// range fails too.
func TestE1Ranges(t *testing.T) {
	l := newLab(t, 1, 1)
	lo, at := Range{Collection: colGroup, Lo: "b", Hi: "d"}, "b"
	for i, c := range []struct {
		code instr
		want string
	}{
		{get(Key{colGroup, "b1"}), "ok"},
		{get(Key{colGroup, "d"}), "failed"},
		{get(Key{colHash, "b1"}), "failed"},
		{put(Key{colGroup, "b1"}), "failed"}, // only read
		{instr{op: opRange, rng: lo, n: 9}, "ok"},
		{instr{op: opRange, rng: Range{Collection: colGroup, Lo: "b", Hi: "c", At: &at}, n: 9}, "ok"},
		{instr{op: opRange, rng: Range{Collection: colGroup, Lo: "a", Hi: "c"}, n: 9}, "failed"},
		{instr{op: opRange, rng: Range{Collection: colGroup, Lo: "b"}, n: 9}, "failed"},
		{instr{op: opSwallow, key: Key{colHash, "x"}}, "failed"}, // recovering it does not help
	} {
		d := l.op(1000+hlcOf(i), &program{exact: true, items: []Item{{Range: &lo}}, code: []instr{c.code}}, 0)
		l.deliver(d, 1)
		if got := l.replies[len(l.replies)-1].Outcome.String(); got != c.want {
			t.Errorf("case %d: %s, want %s", i, got, c.want)
		}
	}
}

// E1: a command without exact access conflicts with everything.
func TestE1AtLeastConflictsWithEverything(t *testing.T) {
	l := newLab(t, 2, 1)
	l.deliver(l.op(1000, exactly(put(l.key(colHash, 0, 0)), put(l.key(colHash, 1, 0))), 0, 1), 1)
	l.deliver(l.op(1001, all(exactly(get(l.key(colHash, 0, 1)))), 0), 1)
	l.deliver(l.op(1002, exactly(get(l.key(colHash, 0, 2))), 0), 1)
	l.expect("")
	if n := l.node(1).Status().Unfinished; n != 3 {
		t.Fatalf("%d unfinished", n)
	}
}

// E2: what Get returns shares no memory with the state.
func TestE2GetGivesCopies(t *testing.T) {
	l := newLab(t, 2, 1)
	k, far := l.key(colHash, 0, 0), l.key(colHash, 1, 0)
	l.deliver(l.op(1000, exactly(put(k)), 0), 1)
	before := l.value(1, k)
	l.deliver(l.op(1001, exactly(get(k), fail()), 0), 1) // the program scribbles on it
	l.deliver(l.op(1002, exactly(get(k), get(far)), 0, 1), 1, 2)
	l.pass(nil)
	if v := l.value(1, k); v != before {
		t.Fatalf("%s, was %s", v, before)
	}
}

// E2: immutable collections hand out the state's bytes; with checks on, a
// command that changes them is found.
func TestE2ChangedImmutableIsFound(t *testing.T) {
	for _, on := range []bool{false, true} {
		s := testService(&programs{})
		k := Key{colFrozen, "k"}
		s.Commands = []CommandSpec{
			{Name: "put", Access: func([]byte) (Access, error) { return Access{Exact: true, Items: []Item{{Key: k, Write: true}}}, nil },
				Run: func(tx Tx, arg []byte) ([]byte, error) { tx.Put(k, arg); return nil, nil }},
			{Name: "spoil", Access: func([]byte) (Access, error) { return Access{Exact: true, Items: []Item{{Key: k}}}, nil },
				Run: func(tx Tx, _ []byte) ([]byte, error) { v, _ := tx.Get(k); v[0]++; return nil, nil }},
		}
		l := newLab(t, 1, 1, func(c *Config) { c.Service, c.Checks = s, on })
		l.mayStop = true
		for i, q := range []Request{{MapVersion: 3, Arg: []byte("v")}, {MapVersion: 3, Command: 1}} {
			d := l.op(1000+hlcOf(i), exactly(), 0)
			d.Body = q.Append(nil)
			l.deliver(d, 1)
		}
		if err := l.node(1).Err(); (err != nil) != on || on && !strings.Contains(err.Error(), "spoil") {
			t.Fatalf("checks %v: %v", on, err)
		}
	}
}

// E5: a read needs one partition of part(v), a write all of them.
func TestE5ReplicatedVariables(t *testing.T) {
	l := newLab(t, 3, 1)
	k := l.key(colEverywhere, 0, 0)
	l.deliver(l.op(1000, exactly(put(k)), 0, 1), 1, 2)
	l.expect("1000:retry")
	if need := l.replies[0].Needed; !need.Equal(ids.Range(3)) {
		t.Fatalf("needed: %v", need)
	}
	l.deliver(l.op(1001, exactly(put(k)), 0, 1, 2), 1, 2, 3)
	l.pass(nil)
	for id := 1; id <= 3; id++ {
		if l.value(id, k) == "none" || l.value(id, k) != l.value(1, k) {
			t.Fatalf("partition %d holds %s", id-1, l.value(id, k))
		}
	}
	l.deliver(l.op(1002, exactly(get(k)), 2), 3)
	l.expect("1000:retry 1001:ok 1002:ok")
}

// E5: a variable that the code reaches beyond the destinations ends in retry
// at all of them at the same point; writes are dropped, and the caller learns
// what is needed. Values that the others need to get there are still served.
func TestE5RetryFoundByTheCode(t *testing.T) {
	l := newLab(t, 3, 1)
	a, b, c := l.key(colHash, 0, 0), l.key(colHash, 1, 0), l.key(colHash, 2, 0)
	d := l.op(1000, &program{code: []instr{put(b), get(a), get(c)}}, 0, 1)
	l.deliver(d, 1)
	if ev := l.finished[1]; len(ev) != 1 || ev[0].Outcome != OutcomeRetry {
		t.Fatalf("partition 0 needs no signal to end in retry: %+v", ev)
	}
	l.mail = nil // what it sent is lost
	l.deliver(d, 2)
	for range 3 {
		l.tick(testTuning().PullMax)
		l.pass(nil)
	}
	if ev := l.finished[2]; len(ev) != 1 || ev[0].Outcome != OutcomeRetry || l.value(2, b) != "none" {
		t.Fatalf("partition 1: %+v, b = %s", ev, l.value(2, b))
	}
	if need := l.replies[0].Needed; !need.Equal(ids.Range(3)) {
		t.Fatalf("needed: %v", need)
	}
}

// E6: an error, a panic and an exceeded budget drop the writes; their replies
// wait for the signals like any other.
func TestE6ErrorsAreGated(t *testing.T) {
	for what, last := range map[string]instr{
		"failed (eyrie.panicked)": {op: opPanicIf, n: 1},
		"failed (eyrie.budget)":   {op: opBurn},
		"failed":                  {op: opFailIf},
		"failed (eyrie.argument)": {op: opNoOperation},
	} {
		l := newLab(t, 2, 1)
		a, b := l.key(colHash, 0, 0), l.key(colHash, 1, 0)
		last.key = b
		d := l.op(1000, exactly(put(a), put(b), last), 0, 1)
		l.deliver(d, 1)
		if len(l.replies)+len(l.finished[1]) != 0 {
			t.Fatalf("%s: replied before the signal", what)
		}
		l.deliver(d, 2)
		l.pass(nil)
		if got := l.answers(); !strings.HasPrefix(got, "1000:"+what) {
			t.Errorf("%s, want %s", got, what)
		}
		if l.value(1, a)+l.value(2, b) != "nonenone" {
			t.Errorf("%s kept its writes", what)
		}
	}
}

// N1: an operation that panics or overruns leaves its variable unchanged and
// does not change the outcome, at any destination.
func TestN1OperationsAreTotal(t *testing.T) {
	l := newLab(t, 2, 1)
	a, b := l.key(colHash, 0, 0), l.key(colHash, 1, 0)
	d := l.op(1000, exactly(put(a), update(b, doAppend)), 0, 1)
	l.deliver(d, 1, 2)
	l.pass(nil)
	was := l.value(2, b)
	d = l.op(1001, exactly(update(a, doAppend), update(b, doPanic), update(b, doBig)), 0, 1)
	l.deliver(d, 1, 2)
	l.pass(nil)
	l.expect("1000:ok 1001:ok")
	if l.value(2, b) != was {
		t.Fatalf("b = %s, was %s", l.value(2, b), was)
	}
	if n := l.node(2).Status().Counters.OpPanics; n != 2 {
		t.Fatalf("%d counted", n)
	}
}

// N1: Update ships nothing.
func TestN1UpdateShipsNothing(t *testing.T) {
	l := newLab(t, 2, 1)
	d := l.op(1000, exactly(update(l.key(colHash, 0, 0), doAdd), update(l.key(colHash, 1, 0), doAdd)), 0, 1)
	l.deliver(d, 1, 2)
	if n := l.sent(isValue); n != 0 {
		t.Fatalf("%d messages with values", n)
	}
	l.pass(nil)
	l.expect("1000:ok")
}

// N1: a Get after an Update ships the value before the command, and every
// destination applies the pending operations to it.
func TestN1GetAfterUpdate(t *testing.T) {
	l := newLab(t, 2, 1)
	a, b := l.key(colHash, 0, 0), l.key(colHash, 1, 0)
	l.deliver(l.op(1000, exactly(put(b)), 1), 2)
	before := l.value(2, b)
	d := l.op(1001, exactly(update(b, doAppend), get(b), update(b, doAppend), get(b), put(a)), 0, 1)
	l.deliver(d, 2)
	for _, x := range l.mail {
		if m := x.m.(*Exchange); len(m.Vars) != 1 || before != hex(m.Vars[0].Value) {
			t.Fatalf("ships %+v, want %s once", m.Vars, before)
		}
	}
	l.deliver(d, 1)
	l.pass(nil)
	l.expect("1000:ok 1001:ok")
	if e1, e2 := l.finished[1][0], l.finished[2][1]; e1.Reply != e2.Reply {
		t.Fatal("destinations reply differently")
	}
	if v := l.value(2, b); len(v) != len(before)+8 {
		t.Fatalf("b = %s, was %s", v, before)
	}
}

// N1: with checks on, operations run at all destinations, and one that gives
// another result elsewhere is found.
func TestN1ChecksCompareOperations(t *testing.T) {
	for _, on := range []bool{false, true} {
		calls := byte(0)
		l := newLab(t, 2, 1, func(c *Config) {
			c.Checks = on
			c.Service.Operations[doAdd].Apply = func([]byte, bool, []byte) []byte { calls++; return []byte{calls} }
		})
		l.mayStop = true
		d := l.op(1000, exactly(update(l.key(colHash, 0, 0), doAdd), put(l.key(colHash, 1, 0))), 0, 1)
		l.deliver(d, 1, 2)
		l.pass(nil)
		stopped := errors.Is(l.node(1).Err(), ErrStopped) || errors.Is(l.node(2).Err(), ErrStopped)
		if stopped != on {
			t.Fatalf("checks %v: %v, %v", on, l.node(1).Err(), l.node(2).Err())
		}
	}
}

// Range merges the parts of all partitions in key order, cut parts included,
// and shows the command's own writes.
func TestRangeOverPartitions(t *testing.T) {
	l := newLab(t, 3, 1)
	var names []string
	for i := range 40 {
		names = append(names, string(rune('a'+i%26))+string(rune('a'+i/26)))
	}
	at := hlcOf(1000)
	for _, n := range names {
		k := Key{colHash, n}
		p := l.node(1).config.Placement.Owners(k)[0]
		l.deliver(l.op(at, exactly(put(k)), p), 1+int(p))
		at++
	}
	p := &program{exact: true, items: []Item{{Range: &Range{Collection: colHash}, Write: true}},
		code: []instr{{op: opDelete, key: Key{colHash, names[3]}}, put(Key{colHash, "aaa"}), scan(colHash, 1000)}}
	d := l.op(at, p, 0, 1, 2)
	l.replies = nil
	l.deliver(d, 1, 2, 3)
	l.pass(nil)
	if e := l.finished[1][len(l.finished[1])-1]; e.Outcome != OutcomeOK || e.Reply != l.finished[3][len(l.finished[3])-1].Reply {
		t.Fatalf("%+v", e)
	}
	if l.node(1).Status().Counters.Waits < 3 {
		t.Fatal("parts were not cut")
	}
}

// One partition pays nothing for partitioning: no exchange, no outbox, no
// coroutine, even for commands without exact access.
func TestOnePartition(t *testing.T) {
	l := newLab(t, 1, 3)
	for i := range 50 {
		d := l.op(1000+hlcOf(i), all(exactly(put(Key{colHash, "k"}), get(Key{colEverywhere, "e"}), scan(colHash, 5))), 0)
		l.deliver(d, 1, 2, 3)
	}
	if len(l.mail) != 0 || len(l.replies) != 50 {
		t.Fatalf("%d messages, %d replies", len(l.mail), len(l.replies))
	}
	n := l.node(1)
	n.config.Placement = nil // none is needed
	l.deliver(l.op(2000, exactly(get(Key{colHash, "k"})), 0), 1)
	if len(n.workers) != 0 || n.Wake() != Never || n.outbox.line.live != 0 {
		t.Fatal("something was paid")
	}
}

func TestValueSharing(t *testing.T) {
	l := newLab(t, 1, 1)
	for col, shared := range map[uint16]bool{colHash: false, colFrozen: true} {
		k := Key{col, "k"}
		n := l.node(1)
		n.state.set(k, []byte("value"))
		tx := transaction{r: n, c: &command{}}
		v, _ := n.state.get(k)
		got := tx.give(k, v)
		if !bytes.Equal(got, v) || (&got[0] == &v[0]) != shared {
			t.Errorf("collection %d: shared is not %v", col, shared)
		}
	}
}
