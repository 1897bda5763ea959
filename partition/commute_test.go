package partition

import (
	"fmt"
	"strings"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// blindly is exactly, but updates are all that is done to their variables.
func blindly(code ...instr) *program {
	p := exactly(code...)
	for i := range p.items {
		if in := code[i]; in.op == opUpdate {
			p.items[i].Blind, p.items[i].Op = true, uint16(in.n)
		}
	}
	return p
}

func (l *lab) finishedAt(id ids.Process) string {
	var b strings.Builder
	for _, ev := range l.finished[id] {
		fmt.Fprintf(&b, "%d ", ev.Command.Sequence)
	}
	return strings.TrimSpace(b.String())
}

// Updates by one operation that commutes do not wait for each other; whoever
// reads or writes waits for all of them, and they for it.
func TestUpdatesOvertake(t *testing.T) {
	l := newLab(t, 2, 1)
	x, y, far := l.key(colHash, 0, 0), l.key(colHash, 0, 1), l.key(colHash, 1, 0)
	slow := func(at int) { // waits for the other partition's signal
		l.deliver(l.op(hlcOf(at), blindly(update(x, doTally), put(far)), 0, 1), 1)
	}
	slow(1000)
	slow(1001)
	l.deliver(l.op(1002, blindly(update(x, doTally)), 0), 1) // at once
	l.expect("1002:ok")
	l.deliver(l.op(1003, exactly(get(x)), 0), 1)
	l.deliver(l.op(1004, blindly(update(x, doTally)), 0), 1) // behind the reader
	l.deliver(l.op(1005, exactly(put(x)), 0), 1)
	l.deliver(l.op(1006, blindly(update(x, doTally)), 0), 1)
	l.deliver(l.op(1007, blindly(update(y, doTally)), 0), 1)
	l.expect("1002:ok 1007:ok")
	if s := l.node(1).Status(); s.Unfinished != 6 {
		t.Fatalf("%d unfinished", s.Unfinished)
	}
	for _, at := range []int{1001, 1000} { // they end in this order
		if got := l.finishedAt(1); strings.Contains(got, "1003") {
			t.Fatalf("a reader did not wait: %s", got)
		}
		p := blindly(update(x, doTally), put(far))
		d := l.op(hlcOf(at), p, 0, 1)
		l.node(1).Step(l.now, 2, &Exchange{Tag: Tag{d.Position, d.Command, d.Attempt}, Signal: true})
		l.collect(1)
	}
	if got := l.finishedAt(1); got != "1002 1007 1001 1000 1003 1004 1005 1006" {
		t.Fatal(got)
	}
}

// The order in which updates end changes nothing: neither the digest nor a reply.
func TestUpdatesInAnyOrder(t *testing.T) {
	for _, op := range []int{doTally, doGather} {
		digests := map[uint64]bool{}
		for _, last := range []int{0, 1, 2} {
			l := newLab(t, 2, 1)
			x, far := l.key(colFrozen, 0, 0), l.key(colHash, 1, 0)
			l.deliver(l.op(999, exactly(put(x)), 0), 1)
			var all []Delivery
			for i := range 3 {
				all = append(all, l.op(1000+hlcOf(i), blindly(update(x, op), update(far, op)), 0, 1))
			}
			for _, d := range all {
				l.deliver(d, 1, 2)
			}
			held := all[last].Position
			var late []letter
			l.pass(func(m letter) bool {
				if e, ok := m.m.(*Exchange); ok && e.Position == held && m.to == 1 {
					late = append(late, m)
					return false
				}
				return true
			})
			l.mail = late
			l.pass(nil)
			if got := l.finishedAt(1); !strings.HasSuffix(got, fmt.Sprint(1000+last)) {
				t.Fatal(got)
			}
			_, digest, ok := l.node(1).Digest()
			if !ok {
				t.Fatal("unfinished")
			}
			digests[digest] = true
		}
		if len(digests) != 1 {
			t.Errorf("operation %d: %d different states", op, len(digests))
		}
	}
}

// What commutes with itself need not with another operation; and what does not
// say that it commutes is a write.
func TestUpdatesByOthersConflict(t *testing.T) {
	for _, c := range []struct {
		first, second int
		waits         bool
	}{{doTally, doTally, false}, {doTally, doGather, true}, {doGather, doTally, true}, {doAppend, doAppend, true}} {
		l := newLab(t, 2, 1)
		x, far := l.key(colHash, 0, 0), l.key(colHash, 1, 0)
		l.deliver(l.op(1000, blindly(update(x, c.first), put(far)), 0, 1), 1)
		l.deliver(l.op(1001, blindly(update(x, c.second)), 0), 1)
		if waits := l.answers() == ""; waits != c.waits {
			t.Errorf("operation %d after %d: waits %t", c.second, c.first, waits)
		}
	}
}

// A command that touches one variable in several ways is a writer of it.
func TestUpdatesAndMore(t *testing.T) {
	for _, second := range []Item{{}, {Write: true}, {Write: true, Blind: true, Op: doGather}} {
		for _, swap := range []bool{false, true} {
			l := newLab(t, 2, 1)
			x, far := l.key(colHash, 0, 0), l.key(colHash, 1, 0)
			l.deliver(l.op(1000, blindly(update(x, doTally), put(far)), 0, 1), 1)
			both := blindly(update(x, doTally))
			second.Key = x
			both.items = append(both.items, second)
			if swap {
				both.items[0], both.items[1] = both.items[1], both.items[0]
			}
			l.deliver(l.op(1001, both, 0), 1)
			for i, p := range []*program{blindly(update(x, doTally)), blindly(update(x, doGather)), exactly(get(x)), exactly(put(x))} {
				l.deliver(l.op(1002+hlcOf(i), p, 0), 1)
			}
			l.expect("")
			l.deliver(l.op(1000, blindly(update(x, doTally), put(far)), 0, 1), 2)
			l.pass(nil)
			if got := l.finishedAt(1); got != "1000 1001 1002 1003 1004 1005" {
				t.Error(got)
			}
			slow := blindly(put(far), update(x, doTally))
			slow.items = append(slow.items, second)
			if swap {
				slow.items[1], slow.items[2] = slow.items[2], slow.items[1]
			}
			l.deliver(l.op(1010, slow, 0, 1), 1)
			l.deliver(l.op(1011, blindly(update(x, doTally)), 0), 1)
			l.deliver(l.op(1012, exactly(get(x)), 0), 1)
			if n := l.node(1).Status().Unfinished; n != 3 {
				t.Errorf("%d unfinished", n)
			}
		}
	}
}

// E1: who promises to update does nothing else.
func TestE1UpdatesOnly(t *testing.T) {
	x := Key{colHash, "x"}
	wide := Range{Collection: colHash}
	for i, c := range []struct {
		code  instr
		extra []Item
		want  string
	}{
		{update(x, doTally), nil, "ok"},
		{update(x, doGather), nil, "failed"},
		{get(x), nil, "failed"},
		{put(x), nil, "failed"},
		{instr{op: opDelete, key: x}, nil, "failed"},
		{instr{op: opRange, rng: wide, n: 1}, nil, "failed"},
		{get(x), []Item{{Key: x}}, "ok"},
		{put(x), []Item{{Key: x}}, "failed"},
		{put(x), []Item{{Key: x, Write: true}}, "ok"},
		{get(x), []Item{{Range: &wide}}, "ok"},
		{put(x), []Item{{Range: &wide, Write: true}}, "ok"},
	} {
		for _, many := range []int{0, 2 * smallAccess} {
			l := newLab(t, 1, 1)
			p := &program{exact: true, items: append([]Item{{Key: x, Write: true, Blind: true, Op: doTally}}, c.extra...), code: []instr{c.code}}
			for j := range many {
				p.items = append(p.items, Item{Key: Key{colHash, fmt.Sprint("other", j)}})
			}
			l.deliver(l.op(1000, p, 0), 1)
			if got := l.replies[0].Outcome.String(); got != c.want {
				t.Errorf("case %d, %d more: %s, want %s", i, many, got, c.want)
			}
		}
	}
	for _, it := range []Item{{Key: x, Write: true, Blind: true, Op: operations}, {Key: x, Blind: true}, {Range: &wide, Write: true, Blind: true}} {
		l := newLab(t, 1, 1)
		l.deliver(l.op(1000, &program{exact: true, items: []Item{it}}, 0), 1)
		l.expect("1000:failed (eyrie.argument)")
	}
}

// An early read is shipped when all updates before it have ended, and is the
// value that every replica of its partition would ship.
func TestE8EarlyReadsWaitForUpdates(t *testing.T) {
	l := newLab(t, 3, 1)
	x, far, further := l.key(colHash, 0, 0), l.key(colHash, 1, 0), l.key(colHash, 2, 0)
	first := l.op(1000, blindly(update(x, doTally), put(far)), 0, 1)
	second := l.op(1001, blindly(update(x, doTally), put(further)), 0, 2)
	reads := l.op(1002, exactly(get(x), put(further)), 0, 2)
	l.deliver(first, 1)
	l.deliver(second, 1, 3)
	l.deliver(reads, 1, 3)
	l.pass(nil)
	if l.finishedAt(1) != "1001" || l.finishedAt(3) != "1001" {
		t.Fatalf("%s, %s", l.finishedAt(1), l.finishedAt(3))
	}
	if v := l.node(3).queue.find(reads.Position).in.peer(0).vars; len(v) != 0 {
		t.Fatalf("a value between two updates: %v", v)
	}
	l.deliver(first, 2)
	l.pass(nil)
	if l.finishedAt(1) != "1001 1000 1002" || l.finishedAt(3) != "1001 1002" {
		t.Fatalf("%s, %s", l.finishedAt(1), l.finishedAt(3))
	}
}

// E4: a read without an instance has itself ordered while an update is unfinished.
func TestE4ReadsAndUpdates(t *testing.T) {
	l := newLab(t, 2, 1)
	x, far := l.key(colHash, 0, 0), l.key(colHash, 1, 0)
	l.deliver(l.op(1000, blindly(update(x, doTally), put(far)), 0, 1), 1)
	if !l.node(1).blocked([]Item{{Key: x}}) || l.node(1).blocked([]Item{{Key: x, Write: true, Blind: true, Op: doTally}}) ||
		!l.node(1).blocked([]Item{{Key: x, Write: true, Blind: true, Op: doGather}}) || !l.node(1).blocked([]Item{{Range: &Range{Collection: colHash}}}) {
		t.Fatal("who is blocked by an update, and who is not")
	}
}

// An operation that says that it commutes, and does not, is found where checks
// are on.
func TestFalseCommutativityIsFound(t *testing.T) {
	l := newLab(t, 2, 1, func(c *Config) {
		s := *testService(&programs{})
		c.Checks = true
		s.Operations[doAppend].Commutes = true
		s.Commands = c.Service.Commands
		c.Service = &s
	})
	l.mayStop = true
	x, far := l.key(colHash, 0, 0), l.key(colHash, 1, 0)
	l.deliver(l.op(999, exactly(put(l.key(colHash, 0, 3))), 0), 1)
	for i := range 2 {
		l.deliver(l.op(1000+hlcOf(i), blindly(get(l.key(colHash, 0, 2+i)), update(x, doAppend), put(far)), 0, 1), 1, 2)
	}
	l.pass(nil)
	if err := l.node(1).Err(); err == nil || !strings.Contains(err.Error(), "does not commute") {
		t.Fatal(err)
	}
}

// Commands whose memory is used again leave nothing behind in the index.
func TestUpdatesLeaveNothing(t *testing.T) {
	l := newLab(t, 2, 1)
	x, far := l.key(colHash, 0, 0), l.key(colHash, 1, 0)
	for i := range 200 {
		p := blindly(update(x, doTally), put(far))
		if i%3 == 0 {
			p = exactly(get(x), put(far))
		}
		l.deliver(l.op(1000+hlcOf(i), p, 0, 1), 1, 2)
		if i%7 == 6 {
			l.pass(nil)
			if n := l.node(1); n.index.live() != 0 || n.Status().Unfinished != 0 {
				t.Fatalf("%d keys, %d unfinished", n.index.live(), n.Status().Unfinished)
			}
			for _, u := range l.node(1).index.lists {
				for _, c := range append(u.now[:cap(u.now)], u.before[:cap(u.before)]...) {
					if c != nil {
						t.Fatal("a list holds a command that is no more")
					}
				}
			}
		}
	}
}

// Who waits at a variable waits there also after it has gone, or has come.
func TestWaitersOfWhatComesAndGoes(t *testing.T) {
	l := newLab(t, 2, 1)
	x, far := l.key(colHash, 0, 0), l.key(colHash, 1, 0)
	n := l.node(1)
	l.deliver(l.op(999, exactly(put(x)), 0), 1)
	for i, first := range []instr{drop(x), put(x), drop(x), put(x)} {
		now := 1000 + 10*hlcOf(i)
		l.deliver(l.op(now, exactly(first, put(far)), 0, 1), 1, 2)
		second := l.op(now+1, exactly(put(x), put(far)), 0, 1)
		if i == 2 { // and so there is none in the next
			second = l.op(now+1, exactly(drop(x), put(far)), 0, 1)
		}
		l.deliver(second, 1) // and not yet elsewhere
		l.pass(nil)
		if !n.blocked([]Item{{Key: x}}) || n.index.live() == 0 {
			t.Fatalf("round %d: nobody waits for what is unfinished", i)
		}
		l.deliver(second, 2)
		l.pass(nil)
		if n.blocked([]Item{{Key: x}}) || n.index.live() != 0 || len(n.index.absent) != 0 || n.Status().Unfinished != 0 {
			t.Fatalf("round %d: somebody waits for what is finished", i)
		}
	}
}
