package partition

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// A command that reads or updates runs when what it reads has come, without a
// coroutine; whether values or signals come first.
func TestReadsAreGathered(t *testing.T) {
	for _, late := range []bool{false, true} {
		l := newLab(t, 3, 1)
		x, y, z := l.key(colHash, 0, 0), l.key(colHash, 1, 0), l.key(colHash, 2, 0)
		l.deliver(l.op(1000, exactly(put(y)), 1), 2)
		p := blindly(get(y), update(x, doTally), update(z, doTally))
		d := l.op(1001, p, 0, 1, 2)
		if !late {
			l.deliver(d, 1, 3)
			l.pass(nil)
			if w := l.node(1).Status().Counters.Waits; w != 1 {
				t.Fatalf("%d wait", w)
			}
		}
		l.deliver(d, 2)
		if late {
			l.pass(nil)
			l.deliver(d, 3)
			l.deliver(d, 1)
		}
		l.pass(nil)
		for id := ids.Process(1); id <= 3; id++ {
			n := l.node(int(id))
			if len(l.finished[id]) == 0 || len(n.workers) > 0 || n.Status().Unfinished > 0 {
				t.Fatalf("process %d: %d finished, %d coroutines, %d unfinished", id, len(l.finished[id]), len(n.workers), n.Status().Unfinished)
			}
			if ev := l.finished[id][len(l.finished[id])-1]; ev.Reply != l.finished[1][0].Reply {
				t.Fatalf("process %d replies otherwise", id)
			}
		}
		if l.value(1, x) == "none" || l.value(3, z) == "none" {
			t.Fatal("an update is lost")
		}
	}
}

// A value that has been lost is asked for by who gathers, and runs with it.
func TestGathererAsks(t *testing.T) {
	l := newLab(t, 2, 1)
	x, y := l.key(colHash, 0, 0), l.key(colHash, 1, 0)
	d := l.op(1000, blindly(get(y), update(x, doTally)), 0, 1)
	l.deliver(d, 1)
	l.node(1).Step(l.now, 2, &Exchange{Tag: Tag{d.Position, d.Command, d.Attempt}, Signal: true})
	l.collect(1)
	if n := l.node(1); n.Status().Unfinished != 1 || len(n.workers) != 1 {
		t.Fatalf("%d unfinished, %d coroutines", n.Status().Unfinished, len(n.workers))
	}
	l.deliver(d, 2)
	l.pass(func(x letter) bool { return x.from != 2 }) // lost
	l.tick(testTuning().PullAfter)
	l.pass(nil)
	l.expect("1000:ok")
}

// What a message had no room for comes when the code gets there: who gathers does
// not wait for it for ever, nor for what is read under a condition only.
func TestGatheringEndsWithSignals(t *testing.T) {
	l := newLab(t, 2, 1, func(c *Config) { c.Tuning.MaxBytes = 100 })
	var items []Item
	for p := range ids.Partition(2) {
		for i := range 3 {
			k := l.key(colHash, p, i)
			items = append(items, Item{Key: k})
			n := l.node(int(p) + 1)
			n.state.set(k, make([]byte, 60)) // two of them are more than there is room for
		}
	}
	x := l.key(colHash, 0, 9)
	p := &program{exact: true, items: append(items, Item{Key: x, Write: true, Blind: true, Op: doTally})}
	l.node(1).service.Commands[0].Run = func(tx Tx, _ []byte) ([]byte, error) {
		tx.Get(items[2].Key)
		tx.Update(x, doTally, nil)
		return nil, nil
	}
	l.node(2).service.Commands[0].Run = l.node(1).service.Commands[0].Run
	l.deliver(l.op(1000, p, 0, 1), 1, 2)
	l.pass(nil)
	l.expect("1000:ok")
	if n := l.node(2); n.Status().Unfinished > 0 || len(n.workers) != 1 || n.Status().Counters.Pulls > 0 {
		t.Fatalf("%d unfinished, %d coroutines, %d pulls", n.Status().Unfinished, len(n.workers), n.Status().Counters.Pulls)
	}
}

// A replica excepts few commands from what it has finished, and more only when the
// order has left them behind: a partition that is away holds nothing back for long.
func TestProgressExceptsFew(t *testing.T) {
	l := newLab(t, 2, 1)
	const n = 3 * fewExcept
	var ds []Delivery
	for i := range n {
		d := l.op(1000+hlc.Timestamp(i), exactly(put(l.key(colHash, 0, i)), put(l.key(colHash, 1, 0))), 0, 1)
		ds = append(ds, d)
		l.deliver(d, 1)
	}
	m := l.node(1).progress(1, false)
	if len(m.Except) != fewExcept || m.Below != ds[fewExcept].Position {
		t.Fatalf("%d exceptions, below %v", len(m.Except), m.Below)
	}
	late := 1030 + hlc.Timestamp(stuckAfter/time.Microsecond)
	l.deliver(l.op(late, exactly(put(l.key(colHash, 0, n+1))), 0), 1)
	more := l.node(1).progress(1, false)
	if len(more.Except) <= fewExcept || more.Below.Less(m.Below) || len(more.Except) == n {
		t.Fatalf("%d exceptions, below %v", len(more.Except), more.Below)
	}
	l.deliver(l.op(late+n, exactly(put(l.key(colHash, 0, n+1))), 0), 1)
	if m = l.node(1).progress(1, false); len(m.Except) != n || m.Below != after(l.node(1).last) {
		t.Fatalf("%d exceptions, below %v", len(m.Except), m.Below)
	}
}
