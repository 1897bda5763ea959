package partition

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
)

// A replica that replays asks for what it will need of every command when that
// is delivered, not one after another when each has started and waited.
func TestReplayAsksAtOnce(t *testing.T) {
	l := newLab(t, 2, 1)
	x, y := l.key(colHash, 0, 0), l.key(colHash, 1, 0)
	first := l.op(1000, exactly(put(x), put(y)), 0, 1)
	second := l.op(1001, exactly(put(x), put(y)), 0, 1) // waits for the first
	now := l.now
	now.Wall = second.Position.T.Add(testTuning().PullMax + time.Millisecond)
	asked := 0
	for _, d := range []Delivery{first, second} {
		l.node(1).Deliver(now, d)
	}
	for _, s := range l.node(1).Sends() {
		if _, ok := s.Msg.(*Pull); ok {
			asked++
		}
	}
	if asked != 2 {
		t.Fatalf("asked about %d of 2 commands", asked)
	}
}

// What a replica asks when it replays may be lost, since nobody is connected yet. It asks
// about many again, not about one after another.
func TestReplayAsksAgainAtOnce(t *testing.T) {
	l := newLab(t, 2, 3)
	x, y := l.key(colHash, 0, 0), l.key(colHash, 1, 0)
	const n = 100
	var ds []Delivery
	for i := range n {
		d := l.op(hlc.Timestamp(1000+i), exactly(put(x), put(y)), 0, 1)
		l.deliver(d, 1, 2, 3, 4, 5)
		away := func(x letter) bool { return x.to != 6 }
		for l.pass(away); l.node(3).queue.live > 0; l.pass(away) {
			l.tick(testTuning().PullMax) // process 6 would have told it
		}
		ds = append(ds, d)
	}
	l.now.Wall = ds[n-1].Position.T.Add(testTuning().PullMax + time.Millisecond)
	for _, d := range ds {
		l.deliver(d, 6)
	}
	l.pass(func(x letter) bool { return false })
	rounds := 0
	for ; l.node(6).queue.live > 0 && rounds < n; rounds++ {
		l.tick(l.node(6).pullAfter())
		l.pass(nil)
	}
	if rounds > 3 {
		t.Errorf("%d commands that conflict took %d times the wait before a question", n, rounds)
	}
}

// Who speaks in place of a suspected replica is the one that is asked, too: its
// answer is no sign that the question came too early. If it were, a replica that
// goes through what it has missed would wait the longer the more it has to ask.
func TestAnswersOfSubstitutesAreNoHaste(t *testing.T) {
	l := newLab(t, 2, 3)
	x, y := l.key(colHash, 0, 0), l.key(colHash, 1, 0)
	l.suspects[3] = true // of process 6's number, so that process 1 speaks and is asked
	for i := range 30 {
		d := l.op(hlc.Timestamp(1000+i), exactly(put(x), put(y)), 0, 1)
		l.deliver(d, 1, 2, 4, 5)
		l.pass(func(x letter) bool { return x.to != 6 }) // process 6 was away
		l.deliver(d, 6)
		for n := 0; len(l.node(6).queue.all()) > 0 && !l.node(6).queue.all()[0].finished && n < 100; n++ {
			l.tick(l.node(6).pullAfter())
			l.pass(func(x letter) bool {
				_, isPull := x.m.(*Pull)
				return isPull || x.to == 6
			})
		}
	}
	if usual := l.node(6).pulls.usual; usual > testTuning().PullAfter {
		t.Fatalf("after 30 commands that it had to ask about, a replica waits for four times %v before it asks", usual)
	}
	if l.node(6).counters.Pulls < 30 {
		t.Fatalf("asked %d times", l.node(6).counters.Pulls)
	}
}

// Patience that overload has left goes when commands that are asked about are no
// longer told unasked.
func TestPatienceGoes(t *testing.T) {
	l := newLab(t, 2, 1)
	x, y := l.key(colHash, 0, 0), l.key(colHash, 1, 0)
	n := l.node(2)
	n.pulls.usual = testTuning().PullMax / pullPatience
	before := n.pulls.usual
	for i := range 40 {
		d := l.op(hlc.Timestamp(1000+i), exactly(put(x), put(y)), 0, 1)
		l.deliver(d, 1)
		l.pass(func(x letter) bool { return x.to != 2 })
		l.deliver(d, 2)
		l.tick(testTuning().PullMax)
		l.pass(nil)
	}
	if n.pulls.usual > before/2 {
		t.Fatalf("%v after 40 commands that had to be asked about, %v before", n.pulls.usual, before)
	}
}
