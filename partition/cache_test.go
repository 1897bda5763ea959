package partition

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

func isWhole(x letter) bool { m, ok := x.m.(*Exchange); return ok && len(m.Vars) > 0 }
func isSame(x letter) bool  { m, ok := x.m.(*Exchange); return ok && len(m.Same) > 0 }
func isPull(x letter) bool  { _, ok := x.m.(*Pull); return ok }

// both delivers to partitions 0 and 1 of one replica each, and passes the mail.
func (l *lab) both(at hlc.Timestamp, p *program) {
	l.t.Helper()
	l.deliver(l.op(at, p, 0, 1), 1, 2)
	l.pass(nil)
	if l.node(1).Status().Unfinished+l.node(2).Status().Unfinished > 0 {
		l.t.Fatalf("%d is unfinished", at)
	}
}

// replyTo is the value of the reply to the command at a position.
func (l *lab) replyTo(at hlc.Timestamp) string {
	for _, m := range l.replies {
		if m.Command.Sequence == ids.Sequence(at) {
			return m.Outcome.String() + " " + hex(m.Value)
		}
	}
	return "none"
}

// A value that has not changed since all destinations saw it is not shipped
// again, whether they received it or a command of theirs wrote it.
func TestUnchangedIsNotShipped(t *testing.T) {
	l := newLab(t, 2, 1)
	x, y := l.key(colHash, 1, 0), l.key(colHash, 0, 0)
	l.deliver(l.op(5000, exactly(put(x)), 1), 2)
	told := func(at hlc.Timestamp, p *program) (how string) {
		t.Helper()
		l.deliver(l.op(at, p, 0, 1), 1, 2)
		l.pass(func(e letter) bool {
			if e.from == 2 && isWhole(e) {
				how += "whole "
			}
			if e.from == 2 && isSame(e) {
				how += "same "
			}
			if isPull(e) {
				how += "pull "
			}
			return true
		})
		if !strings.HasPrefix(l.replyTo(at), "ok") {
			t.Fatalf("%d: %s", at, l.replyTo(at))
		}
		return strings.TrimSpace(how)
	}
	read := exactly(get(x), put(y))
	for _, c := range []struct {
		p    *program
		want string
	}{
		{read, "whole"}, {read, "same"}, {read, "same"},
		{exactly(get(x), put(x), put(y)), "same"}, {read, "same"}, // written by both
		{exactly(put(x), put(y)), ""}, {read, "same"}, // unseen
		{exactly(update(x, doAdd), put(y)), ""}, {read, "whole"}, {read, "same"}, // at the owner alone
		{exactly(instr{op: opDelete, key: x}, put(y)), ""}, {read, "whole"}, {read, "whole"}, // of nothing there is no copy
		{exactly(put(x), put(y)), ""}, {read, "whole"}, {read, "same"}, // nor of what nobody has read
	} {
		l.now.Wall++
		if got := told(5000+l.now.Wall, c.p); got != c.want {
			t.Fatalf("%v: %q, want %q", c.p.code, got, c.want)
		}
	}
	l.deliver(l.op(20000, exactly(update(x, doAdd)), 1), 2) // by nobody else
	if got := told(20001, read); got != "whole" {
		t.Fatalf("%q after a write of one partition", got)
	}
}

// N2: C1 reads x and C2 writes it; where x is cached they do not conflict, and
// C2 may end there first. C1 must not see what C2 wrote.
func TestN2ExactVersions(t *testing.T) {
	l := newLab(t, 3, 1)
	x := l.key(colHash, 1, 0)
	a, b, w := l.key(colHash, 0, 0), l.key(colHash, 0, 1), l.key(colHash, 2, 0)
	l.deliver(l.op(5000, exactly(put(x)), 1), 2)
	l.deliver(l.op(5001, exactly(get(x), put(a), put(w)), 0, 1, 2), 1, 2, 3)
	l.pass(nil) // now it is cached
	before := l.value(2, x)
	// C1 goes to partition 2 as well, which is late: it waits for that at
	// partition 0, while C2 comes and goes.
	c1 := l.op(5002, exactly(get(x), put(a), put(w)), 0, 1, 2)
	c2 := l.op(5003, exactly(put(b), put(x)), 0, 1)
	l.deliver(c1, 1, 2)
	late := keepOnly(l.mail, func(e letter) bool { return e.from == 2 && e.to == 1 })
	if len(late) == 0 || l.sent(isSame) == 0 {
		t.Fatalf("x was not told by name: %v", l.mail)
	}
	held := late // what partition 1 says about C1 comes late at partition 0
	l.pass(func(e letter) bool { return !(e.from == 2 && e.to == 1) })
	l.deliver(c1, 3)
	l.pass(nil)
	l.deliver(c2, 1, 2)
	l.pass(nil)
	if len(l.finished[1]) != 2 { // 5001 and C2
		t.Fatalf("%d have finished at partition 0", len(l.finished[1]))
	}
	if after := l.value(2, x); after == before {
		t.Fatal("C2 has not written")
	}
	l.mail = append(l.mail, held...)
	l.pass(nil)
	l.same(c1)
	if l.node(1).counters.Forgotten == 0 {
		t.Fatal("vacuous: the version was still there")
	}
}

// same says that a command has ended alike at all destinations.
func (l *lab) same(d Delivery) {
	l.t.Helper()
	var digests []uint64
	for _, n := range l.nodes {
		if !d.Dests.Has(n.config.Partition) {
			continue
		}
		for _, ev := range l.finished[n.config.Self] {
			if ev.Position == d.Position {
				digests = append(digests, ev.Reply)
			}
		}
	}
	if len(digests) != len(d.Dests) {
		l.t.Fatalf("%v has finished at %d of %d", d.Position, len(digests), len(d.Dests))
	}
	for _, x := range digests {
		if x != digests[0] {
			l.t.Fatalf("%v ended differently: %x", d.Position, digests)
		}
	}
}

// E8: the outbox keeps the value where only its name was told: a receiver that
// comes back without its cache gets the value as of the command, however often
// the owner has written it since.
func TestE8OutboxKeepsValues(t *testing.T) {
	for _, ownerToo := range []bool{false, true} {
		l := newLab(t, 2, 1, durable)
		x, a := l.key(colHash, 1, 0), l.key(colHash, 0, 0)
		l.deliver(l.op(5000, exactly(put(x)), 1), 2)
		l.both(5001, exactly(get(x), put(a)))
		var d, owner disk
		l.save(1, &d)
		c := l.op(5002, exactly(get(x), put(a)), 0, 1)
		l.deliver(c, 1, 2)
		if l.sent(isSame) != 1 {
			t.Fatalf("x was not told by name: %v", l.mail)
		}
		l.pass(nil)
		for i := range 5 {
			l.deliver(l.op(5003+hlc.Timestamp(i), exactly(update(x, doAdd)), 1), 2)
		}
		l.save(2, &owner)
		l.reborn(1, &d)
		if ownerToo {
			l.reborn(2, &owner)
		}
		l.finished[1] = nil
		l.deliver(c, 1)
		for range 3 {
			l.tick(testTuning().PullMax)
			l.pass(nil)
		}
		l.same(c)
	}
}

// A command that ended in an error or in retry leaves nothing behind in any
// cache.
func TestDroppedWritesAreNotCached(t *testing.T) {
	for _, how := range []string{"failed", "retry"} {
		l := newLab(t, 3, 1)
		x, a, far := l.key(colHash, 1, 0), l.key(colHash, 0, 0), l.key(colHash, 2, 0)
		l.deliver(l.op(5000, exactly(put(x)), 1), 2)
		l.both(5001, exactly(get(x), put(a)))
		p := exactly(get(x), put(x), put(a), fail())
		if how == "retry" {
			p = all(exactly(get(x), put(x), put(a)))
			p.code = append(p.code, get(far))
		}
		l.both(5002, p)
		if got := l.replyTo(5002); !strings.HasPrefix(got, how) {
			t.Fatalf("%s, want %s", got, how)
		}
		again := l.op(5003, exactly(get(x), put(a)), 0, 1)
		l.deliver(again, 1, 2)
		if l.sent(isSame) != 1 {
			t.Fatal("the value has changed")
		}
		l.pass(nil)
		l.same(again)
		if c := l.node(1).counters; c.Forgotten > 0 || c.Recalled == 0 {
			t.Fatalf("%s: %+v", how, c)
		}
	}
}

// What is cached may be lost at any time: then the receiver pulls, at once.
func TestLostCacheIsPulled(t *testing.T) {
	l := newLab(t, 2, 1)
	x, a := l.key(colHash, 1, 0), l.key(colHash, 0, 0)
	l.deliver(l.op(5000, exactly(put(x)), 1), 2)
	l.both(5001, exactly(get(x), put(a)))
	n := l.node(1)
	n.cache = newCache(n.tuning, 2)
	c := l.op(5002, exactly(get(x), put(a)), 0, 1)
	l.deliver(c, 1, 2)
	l.pass(nil) // no time passes
	l.same(c)
	if n.counters.Forgotten != 1 || n.counters.Pulls != 1 {
		t.Fatalf("%+v", n.counters)
	}
	l.both(5003, exactly(get(x), put(a)))
	if n.counters.Pulls != 1 {
		t.Fatal("what was pulled is not kept")
	}
	l.node(2).audience = newAudience(n.tuning, 2)
	v := l.node(2).state.find(x)
	v.heard = 0
	l.both(5004, exactly(get(x), put(a))) // whole
	l.both(5005, exactly(get(x), put(a)))
	if l.node(2).counters.ToldSame != 3 || n.counters.Pulls != 1 {
		t.Fatalf("%+v", l.node(2).counters)
	}
}

// A copy of another version is no copy, even if the owner means one that comes
// later in the order; and the pull may be lost like any.
func TestAnotherVersionIsPulled(t *testing.T) {
	for _, wrong := range []Version{{ids.Position{T: 5001, E: ids.All}, false}, {ids.Position{T: 4000}, true}, {ids.Position{T: 9000}, false}} {
		l := newLab(t, 2, 1)
		x, a := l.key(colHash, 1, 0), l.key(colHash, 0, 0)
		l.deliver(l.op(5000, exactly(put(x)), 1), 2)
		l.both(5001, exactly(get(x), put(a)))
		e := l.node(1).cache.copies.at(l.node(1).cache.byKey[x])
		e.version, e.value = wrong, []byte("wrong")
		c := l.op(5002, exactly(get(x), put(a)), 0, 1)
		l.deliver(c, 1, 2)
		l.pass(func(e letter) bool { return !isPull(e) })
		if len(l.finished[1]) != 1 {
			t.Fatal("has finished without the value")
		}
		for range 3 {
			l.tick(testTuning().PullMax)
			l.pass(nil)
		}
		l.same(c)
	}
}

// A command that is told a version which an earlier, unfinished one brings
// along waits for that, and asks for nothing.
func TestVersionUnderWay(t *testing.T) {
	for _, written := range []bool{false, true} {
		l := newLab(t, 2, 1)
		x, a, b := l.key(colHash, 1, 0), l.key(colHash, 0, 0), l.key(colHash, 0, 1)
		l.deliver(l.op(5000, exactly(put(x)), 1), 2)
		first := exactly(get(x), put(a))
		if written {
			l.both(5001, exactly(get(x), put(a)))
			first = exactly(get(x), put(x), put(a))
		}
		c1, c2 := l.op(5002, first, 0, 1), l.op(5003, exactly(get(x), put(b)), 0, 1)
		l.deliver(c1, 1, 2)
		var held []letter
		l.pass(func(e letter) bool { // from the owner, late
			if e.from == 2 {
				held = append(held, e)
			}
			return e.from != 2
		})
		l.deliver(c2, 1, 2)
		l.pass(nil)
		if l.node(1).Status().Unfinished != 2 || l.node(1).counters.Pulls > 0 {
			t.Fatalf("%+v", l.node(1).Status())
		}
		l.mail = held
		l.pass(nil)
		l.same(c1)
		l.same(c2)
		if c := l.node(1).counters; c.Pulls > 0 || c.Recalled == 0 {
			t.Fatalf("written %v: %+v", written, c)
		}
	}
}

// Changes of changes that come before what they are of wait for that, one after
// the other.
func TestChangesUnderWay(t *testing.T) {
	l := newLab(t, 2, 1)
	x := l.key(colGroup, 1, 0)
	for i := range 4 { // long enough for changes to be worth it
		l.deliver(l.op(5000+hlc.Timestamp(i), exactly(update(x, doAppend)), 1), 2)
	}
	var ds []Delivery
	for i := range 4 {
		at := 5010 + 10*hlc.Timestamp(i)
		d := l.op(at, exactly(get(x), put(l.key(colHash, 0, i))), 0, 1)
		ds = append(ds, d)
		l.deliver(d, 1, 2)
		// The owner hears of the other's start, and goes on.
		for _, e := range keepOnly(l.mail, func(e letter) bool { return e.to == 2 }) {
			l.node(2).Step(l.now, 1, e.m)
			l.collect(2)
		}
		l.mail = keepOnly(l.mail, func(e letter) bool { return e.to == 1 })
		l.deliver(l.op(at+1, exactly(update(x, doAppend)), 1), 2)
	}
	if l.node(2).counters.ToldChange < 2 {
		t.Fatalf("vacuous: %+v", l.node(2).counters)
	}
	slices.Reverse(l.mail)
	l.pass(nil)
	for _, d := range ds {
		l.same(d)
	}
	if c := l.node(1).counters; c.Forgotten+c.Pulls > 0 {
		t.Fatalf("%+v", c)
	}
}

// Replicas of the owner that believe different things, and name differently,
// are both right.
func TestOwnersNeedNotAgree(t *testing.T) {
	l := newLab(t, 2, 3)
	x, a := l.key(colHash, 1, 0), l.key(colHash, 0, 0)
	l.deliver(l.op(5000, exactly(put(x)), 1), 4, 5, 6)
	for i := range 30 {
		c := l.op(5001+hlc.Timestamp(i), exactly(get(x), put(a)), 0, 1)
		if i%7 == 3 {
			c = l.op(5001+hlc.Timestamp(i), exactly(get(x), put(x), put(a)), 0, 1)
		}
		l.deliver(c, 1, 2, 3, 4, 5, 6)
		l.pass(nil)
		l.same3(c)
		if n := l.nodes[3+i%3]; i%2 == 0 {
			n.audience = newAudience(n.tuning, 2)
			n.state.find(x).heard = 0
		}
		if n := l.nodes[i%3]; i%5 == 0 {
			n.cache = newCache(n.tuning, 2)
		}
	}
	var sum Counters
	for _, n := range l.nodes {
		sum = addCounters(sum, n.counters)
	}
	if sum.Recalled == 0 || sum.Forgotten == 0 {
		t.Fatalf("vacuous: %+v", sum)
	}
}

// A replica of the owner that comes back names a value anew; the others go on as
// before, and the receivers, who know it by both names, ask for it once at most.
func TestOneValueOfManyNames(t *testing.T) {
	l := newLab(t, 2, 3)
	x, a := l.key(colHash, 1, 0), l.key(colHash, 0, 0)
	l.deliver(l.op(5000, exactly(put(x)), 1), 4, 5, 6)
	for i := range 60 {
		c := l.op(5001+hlc.Timestamp(i), exactly(get(x), put(a)), 0, 1)
		l.deliver(c, 1, 2, 3, 4, 5, 6)
		l.pass(nil)
		l.same3(c)
		if n := l.nodes[3+i/10%3]; i == 10 || i == 20 {
			n.audience.forget(n.state.find(x))
		}
	}
	for _, n := range l.nodes[:3] {
		if c := n.counters; c.Forgotten > 3 || c.Recalled < 50 {
			t.Fatalf("%d recalled, %d forgotten", c.Recalled, c.Forgotten)
		}
	}
}

func (l *lab) same3(d Delivery) {
	l.t.Helper()
	seen := make(map[uint64]int)
	for id := range l.finished {
		for _, ev := range l.finished[id] {
			if ev.Position == d.Position {
				seen[ev.Reply]++
			}
		}
	}
	if len(seen) != 1 {
		l.t.Fatalf("%v: %v", d.Position, seen)
	}
}

// Cache and audience stay within their bounds, whatever is read and written,
// and receivers forget hardly anything that owners count on.
func TestCacheIsBounded(t *testing.T) {
	for _, tight := range []struct{ count, bytes int }{{5, 1 << 20}, {1000, 3000}, {1, 1}, {0, 1}, {1, 0}} {
		l := newLab(t, 3, 1, func(c *Config) { c.Tuning.MaxCached, c.Tuning.MaxCachedBytes = tight.count, tight.bytes })
		at := hlc.Timestamp(5000)
		for i := range 300 {
			x, a := l.key(colHash, 1, i*i%17), l.key(colHash, 0, 0)
			p := exactly(get(x), put(a))
			if i%3 == 0 {
				p = exactly(get(x), put(x), put(a))
			}
			at++
			l.both(at, p)
			for _, n := range l.nodes {
				checkCaches(t, n)
			}
		}
		if c := l.node(1).counters; tight.count > 1 && (c.Recalled == 0 || c.Forgotten > c.Recalled/4) {
			t.Fatalf("%+v: %+v", tight, c)
		}
		if n := l.node(1); tight.count > 1 && len(n.cache.byKey) == 0 {
			t.Fatal("nothing is kept")
		}
	}
}

// checkCaches compares what a replica counts with what there is.
func checkCaches(t testing.TB, n *Replica) {
	t.Helper()
	if !n.cache.on {
		if len(n.cache.byKey) > 0 {
			t.Fatal("keeps copies")
		}
		return
	}
	count, bytes := n.tuning.share(len(n.config.Replicas))
	kept := 0
	for q := range n.cache.copies.lists {
		l, sum, i := &n.cache.copies.lists[q], 0, 0
		for at := l.oldest; at != 0; at = n.cache.copies.slots[at].newer {
			e := n.cache.copies.at(at)
			sum += copyBytes(e.key.Name, e.value)
			if n.cache.byKey[e.key] != at {
				t.Fatalf("%v is lost", e.key)
			}
			i++
		}
		if i != l.count || sum != l.bytes || i > count || sum > bytes {
			t.Fatalf("partition %d: %d copies, %d bytes, counted %d and %d, bounds %d and %d", q, i, sum, l.count, l.bytes, count, bytes)
		}
		kept += i
	}
	if kept != len(n.cache.byKey) {
		t.Fatalf("%d copies, %d found", kept, len(n.cache.byKey))
	}
	l, sum, i := &n.audience.entries.lists[0], 0, 0
	for at := l.oldest; at != 0; at = n.audience.entries.slots[at].newer {
		e := n.audience.entries.at(at)
		if e.v.heard != at || n.state.find(Key{e.v.collection, e.v.name}) != e.v {
			t.Fatalf("an entry of no variable: %+v", e)
		}
		sum += e.bytes
		i++
	}
	if i != l.count || sum != l.bytes || i > n.audience.maxCount || sum > n.audience.maxBytes {
		t.Fatalf("audience: %d entries, %d bytes, counted %d and %d", i, sum, l.count, l.bytes)
	}
}

// A changed value of a collection with a diff goes as a change to who holds the
// version that it applies to; a wrong diff costs a pull.
func TestChangesAreShipped(t *testing.T) {
	l := newLab(t, 2, 1)
	x, a := l.key(colGroup, 1, 0), l.key(colHash, 0, 0)
	l.deliver(l.op(5000, exactly(put(x)), 1), 2)
	at := hlc.Timestamp(5000)
	for i := range 60 {
		at++
		l.deliver(l.op(at, exactly(update(x, doAppend)), 1), 2)
		if i%4 > 0 {
			at++
			l.both(at, exactly(get(x), put(a)))
		}
		if i%9 == 8 {
			l.node(1).cache = newCache(l.node(1).tuning, 2)
		}
	}
	for _, ev := range l.finished[1] {
		for _, other := range l.finished[2] {
			if ev.Position == other.Position && ev.Reply != other.Reply {
				t.Fatalf("%v ended differently", ev.Position)
			}
		}
	}
	own, other := l.node(2).counters, l.node(1).counters
	if own.ToldChange < 20 || other.Recalled < 15 || other.Forgotten == 0 {
		t.Fatalf("%d changes, %d recalled, %d pulled", own.ToldChange, other.Recalled, other.Forgotten)
	}
}

// Small changes told to some leave the version that all hold as it is, so that
// a change serves all again.
func TestChangeForSome(t *testing.T) {
	l := newLab(t, 3, 1)
	// Long values with a small change: the lab's own are too short.
	for _, n := range l.nodes {
		c := &n.service.Collections[colGroup]
		c.Diff = func(old, new []byte) ([]byte, bool) { return new[len(new)-1:], len(old) == len(new) }
		c.Patch = func(old, diff []byte) ([]byte, error) { return append(slices.Clone(old[:len(old)-1]), diff...), nil }
		n.service.Operations[doAdd].Apply = func(old []byte, ok bool, arg []byte) []byte {
			return append(make([]byte, 99), arg[0])
		}
	}
	x, a, b := l.key(colGroup, 1, 0), l.key(colHash, 0, 0), l.key(colHash, 2, 0)
	wide, narrow := exactly(get(x), put(a), put(b)), exactly(get(x), put(a))
	step := func(at hlc.Timestamp, p *program, dests ...ids.Partition) {
		t.Helper()
		l.deliver(l.op(at, exactly(get(a), update(x, doAdd)), 0, 1), 1, 2)
		l.pass(nil)
		d := l.op(at+1, p, dests...)
		for _, q := range dests {
			l.deliver(d, int(q)+1)
		}
		l.pass(nil)
		l.same(d)
	}
	step(5000, wide, 0, 1, 2)
	for i := range hlc.Timestamp(5) {
		step(5010+10*i, narrow, 0, 1)
	}
	step(5100, wide, 0, 1, 2)
	step(5110, wide, 0, 1, 2)
	if c := l.node(2).counters; c.ToldChange != 7 || c.ToldSame != 7 {
		t.Fatalf("%+v", c)
	}
	if l.node(1).counters.Forgotten+l.node(3).counters.Forgotten > 0 {
		t.Fatal("pulled")
	}
}

// What comes by name is checked like everything: it may be anything.
func TestSameNonsense(t *testing.T) {
	l := newLab(t, 2, 1)
	x, a := l.key(colHash, 1, 0), l.key(colHash, 0, 0)
	l.deliver(l.op(5000, exactly(put(x)), 1), 2)
	l.both(5001, exactly(get(x), put(a)))
	c := l.op(5002, exactly(get(x), put(a)), 0, 1)
	l.deliver(c, 1)
	n, tag := l.node(1), Tag{c.Position, c.Command, 1}
	old := Version{ids.Position{T: 3000}, true}
	for i := range 3000 {
		s := Same{Key: Key{uint16(i % 9), fmt.Sprint(i)}, Version: Version{ids.Position{T: hlc.Timestamp(5000 + i%5), E: ids.All}, i%2 == 0}}
		if i%3 == 0 {
			s.Change = &Change{Base: old, Sum: uint64(i), Diff: make([]byte, i%50)}
		}
		if i%7 == 0 {
			s.Key = x
		}
		if i%11 == 0 {
			s.Key = a
		}
		n.Step(l.now, 2, &Exchange{Tag: tag, Same: []Same{s}})
		n.Step(l.now, 2, &Exchange{Tag: tag, Vars: []Var{{x, true, nil}}, Names: make([]Version, i%4)})
		l.mail = nil
		n.Sends()
		checkCaches(t, n)
	}
	if n.Err() != nil || n.counters.Invalid == 0 || n.heldBytes > 1<<20 {
		t.Fatalf("%v, %+v", n.Err(), n.counters)
	}
}

// loseCaches makes replicas forget what they have cached and told, at any time.
func (w *world) loseCaches(rng *rand.Rand) {
	for range rng.IntN(6) {
		w.at(time.Duration(rng.Int64N(int64(60*time.Millisecond))), func() {
			n := w.nodes[rng.IntN(len(w.nodes))].r
			if rng.IntN(2) == 0 {
				n.cache = newCache(n.tuning, len(n.config.Replicas))
				return
			}
			for n.audience.on && n.audience.entries.lists[0].count > 0 {
				n.audience.forget(n.audience.entries.at(n.audience.entries.lists[0].oldest).v)
			}
		})
	}
}

// TestRandomCaches has worlds end as they do without caches.
func TestRandomCaches(t *testing.T) {
	var sum Counters
	for seed, worlds := *first, 0; worlds < *seeds/5; seed++ {
		var digests [2][]uint64
		for i := range digests {
			w := randomWorld(t, seed, func(c *Config) {
				if i > 0 {
					c.Tuning.MaxCached = 0
				}
			})
			if !w.few || len(w.nodes[0].config.Replicas) == 1 {
				break
			}
			worlds += i
			w.run(10 * time.Minute)
			w.finish()
			for _, n := range w.nodes {
				if i == 0 {
					checkCaches(t, n.r)
				}
				sum = addCounters(sum, n.r.counters)
				_, digest, ok := n.r.Digest()
				if n.crashed || !ok {
					digest = 0
				}
				digests[i] = append(digests[i], digest)
				n.r.Close()
			}
		}
		for n, x := range digests[0] {
			if y := digests[1][n]; x != y && x != 0 && y != 0 {
				t.Fatalf("seed %d: process %d ends in %x with caches, in %x without", seed, n+1, x, y)
			}
		}
	}
	if *seeds >= 100 && (sum.Recalled == 0 || sum.Forgotten == 0 || sum.ToldChange == 0) {
		t.Errorf("vacuous: %+v", sum)
	}
}

// A variable that others write before every command that reads it gets no names
// in vain, and gets one again when it stays as it is.
func TestFutileNames(t *testing.T) {
	l := newLab(t, 2, 1)
	x, a := l.key(colHash, 1, 0), l.key(colHash, 0, 0)
	named := 0
	read := func(at hlc.Timestamp) {
		l.deliver(l.op(at, exactly(get(x), put(a)), 0, 1), 1, 2)
		l.pass(func(e letter) bool {
			if m, ok := e.m.(*Exchange); ok && e.from == 2 && len(m.Names) > 0 {
				named++
			}
			return true
		})
	}
	at := hlc.Timestamp(5000)
	for range 50 {
		l.deliver(l.op(at, exactly(update(x, doAdd)), 1), 2)
		read(at + 1)
		at += 2
	}
	if named != maxFutile || len(l.node(1).cache.byKey) != 1 {
		t.Fatalf("%d names, %d copies", named, len(l.node(1).cache.byKey))
	}
	for range 3 {
		read(at)
		at++
	}
	if named != maxFutile+1 || l.node(2).counters.ToldSame != 2 {
		t.Fatalf("%d names, told %d times", named, l.node(2).counters.ToldSame)
	}
}
