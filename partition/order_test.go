package partition

import (
	"strings"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// Figure 4.1: C_x must not be answered while C_xy, which precedes it at P_x,
// has not started at P_y, where C_y still precedes C_xy.
func TestFigure41(t *testing.T) {
	l := newLab(t, 2, 1)
	x, y := l.key(colHash, 0, 0), l.key(colHash, 1, 0)
	cxy := l.op(1000, exactly(put(x), put(y)), 0, 1)
	l.deliver(cxy, 1)
	l.deliver(l.op(1001, exactly(get(x)), 0), 1)
	l.pass(nil)
	l.expect("")
	l.deliver(l.op(999, exactly(get(y)), 1), 2)
	l.deliver(cxy, 2)
	l.pass(nil)
	if !strings.HasPrefix(l.answers(), "999:ok") || len(l.replies) != 3 {
		t.Fatal(l.answers())
	}
}

// The chain of page 3: z2 to P1 and P2 precedes z1 to P0 and P1, blind
// writes. If P1 confirmed z1 on mere delivery, P0 would answer z1, and x after
// it, before z2 has started at P2; there w, issued after x's reply, could then
// come before z2: w, z2, z1, x, against real time.
func TestChainOfBlindWrites(t *testing.T) {
	l := newLab(t, 3, 1)
	a, b, c := l.key(colHash, 0, 0), l.key(colHash, 1, 0), l.key(colHash, 2, 0)
	z2 := l.op(1000, exactly(put(b), put(c)), 1, 2)
	z1 := l.op(1001, exactly(put(a), put(b)), 0, 1)
	x := l.op(1002, exactly(get(a)), 0)
	l.deliver(z1, 1)
	l.deliver(x, 1)
	l.deliver(z2, 2)
	l.deliver(z1, 2)
	l.pass(nil)
	l.expect("")
	l.deliver(l.op(999, exactly(get(c)), 2), 3)
	l.deliver(z2, 3)
	l.pass(nil)
	if !strings.HasPrefix(l.answers(), "999:ok") || len(l.replies) != 4 {
		t.Fatal(l.answers())
	}
}

// Strengthening Atomic Multicast for Partitioned SMR (LADC 2022), their
// counterexample: three partitions; m goes to P0 and P1; m' is multicast to P1
// and P2 after m was delivered at P0, and is ordered before m at P1. Delivery
// at P0 must show the client nothing until P1 has come to m, hence past m'.
func TestLADC2022(t *testing.T) {
	l := newLab(t, 3, 1)
	a, b, c := l.key(colHash, 0, 0), l.key(colHash, 1, 0), l.key(colHash, 2, 0)
	m := l.op(1001, exactly(put(a), update(b, doAdd)), 0, 1)
	read := l.op(1002, exactly(get(a)), 0)
	l.deliver(m, 1) // m is delivered somewhere
	l.deliver(read, 1)
	late := l.op(1000, exactly(update(b, doAdd), put(c)), 1, 2) // m', only now
	l.pass(nil)
	l.expect("")
	l.deliver(late, 2)
	l.deliver(m, 2)
	l.pass(nil)
	l.expect("") // m' has not started at P2, so m has not started at P1
	l.deliver(late, 3)
	l.pass(nil)
	if len(l.replies) != 3 {
		t.Fatal(l.answers())
	}
}

// A signal leaves at start(C), never earlier; declared reads do leave earlier,
// as soon as nothing unfinished may write them.
func TestSignalAtStartValuesBefore(t *testing.T) {
	l := newLab(t, 3, 1)
	a, free, far := l.key(colHash, 0, 0), l.key(colHash, 0, 1), l.key(colHash, 1, 0)
	l.deliver(l.op(1000, exactly(put(a), put(l.key(colHash, 2, 0))), 0, 2), 1) // waits
	l.mail = nil
	l.deliver(l.op(1001, exactly(get(a), get(free), put(far)), 0, 1), 1)
	if l.sent(isSignal) != 0 || l.sent(isValue) != 1 {
		t.Fatalf("%d signals, %d values", l.sent(isSignal), l.sent(isValue))
	}
	if m := l.mail[0].m.(*Exchange); len(m.Vars) != 1 || m.Vars[0].Key != free {
		t.Fatalf("%+v", m)
	}
	l.mail = nil
	l.deliver(l.op(1002, all(exactly(put(free), put(far))), 0, 1), 1) // may write anything
	l.deliver(l.op(1003, exactly(get(free), put(far)), 0, 1), 1)
	if len(l.mail) != 0 {
		t.Fatalf("%+v", l.mail[0].m)
	}
	l.deliver(l.op(1000, exactly(put(a), put(l.key(colHash, 2, 0))), 0, 2), 3)
	l.pass(func(x letter) bool { return x.to == 1 })
	if l.node(1).Status().Unfinished != 3 {
		t.Fatal(l.node(1).Status())
	}
}

// No convoy: a command that waits for a dead partition stops those that
// conflict with it, and no others.
func TestNoConvoy(t *testing.T) {
	for _, seq := range []bool{false, true} {
		l := newLab(t, 3, 1, func(c *Config) { c.Tuning.Sequential = seq })
		a, b, far := l.key(colHash, 0, 0), l.key(colHash, 0, 1), l.key(colHash, 1, 0)
		dead := l.key(colHash, 2, 0)
		both := func(d Delivery) { l.deliver(d, 1, 2) }
		both(l.op(1000, exactly(put(a), put(far), put(dead)), 0, 1, 2))
		l.deliver(l.op(1001, exactly(get(a)), 0), 1)                    // conflicts
		l.deliver(l.op(1002, exactly(put(b)), 0), 1)                    // does not
		l.deliver(l.op(1003, exactly(scan(colHash, 1)), 0, 1, 2), 1, 2) // a range over it conflicts
		l.deliver(l.op(1004, exactly(put(b)), 0), 1)                    // conflicts with the range
		both(l.op(1005, exactly(get(l.key(colHash, 0, 2)), update(l.key(colHash, 1, 1), doAdd)), 0, 1))
		both(l.op(1006, exactly(get(l.key(colGroup, 0, 2)), update(l.key(colGroup, 1, 1), doAdd)), 0, 1))
		l.pass(nil)
		want := "1002:ok 1006:ok"
		if seq {
			want = ""
		}
		l.expect(want)
		if u := l.node(1).Status(); !u.Waiting.Has(2) {
			t.Fatalf("%+v", u)
		}
	}
}

// Commands in a circle, reading from one another's partitions, with every
// order of arrival: all finish.
func TestCircles(t *testing.T) {
	for perm := range 6 {
		l := newLab(t, 3, 1)
		k := []Key{l.key(colHash, 0, 0), l.key(colHash, 1, 0), l.key(colHash, 2, 0)}
		var ds []Delivery
		for i := range 9 {
			p, q := ids.Partition(i%3), ids.Partition((i+1)%3)
			ds = append(ds, l.op(1000+hlc.Timestamp(i), exactly(get(k[p]), put(k[q]), get(k[q]), put(k[p])), p, q))
		}
		nodes := [][]int{{1, 2, 3}, {1, 3, 2}, {2, 1, 3}, {2, 3, 1}, {3, 1, 2}, {3, 2, 1}}[perm]
		for _, id := range nodes {
			for _, d := range ds {
				if d.Dests.Has(ids.Partition(id - 1)) {
					l.deliver(d, id)
				}
			}
			if perm%2 == 0 {
				l.pass(nil)
			}
		}
		l.pass(nil)
		if len(l.replies) != 9 {
			t.Fatalf("order %v: %s", nodes, l.answers())
		}
	}
}
