package partition

import (
	"testing"
	"time"
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
