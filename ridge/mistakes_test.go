package ridge

import (
	"slices"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// A storm of mistakes, most of the order different, harms nothing else: nobody
// waits for anything, and delays are large against what lies between messages. Those
// who coordinate have both orders alike all the same, since they make one of them.
func TestMistakeStorm(t *testing.T) {
	w := newWorld(t, 30, 2, 3, func(t *Tuning) { t.Optimistic, t.OptimisticWait, t.ProposeWait = true, -1, -1 })
	w.minDelay, w.maxDelay = 50*time.Microsecond, 8*time.Millisecond
	w.run(500 * time.Millisecond)
	for i := range 1500 {
		w.multicast(w.clients[i%4], []byte{1}, ids.Partition(i%2))
		w.run(100 * time.Microsecond)
	}
	w.finish(2 * time.Second)
	for _, n := range w.nodes {
		c, leads := n.core.counters, n.core.home.lead.phase == leading
		if leads != (c.Mistakes == 0) || !leads && c.Mistakes*2 < c.Compared || c.Compared != 750 || n.core.opt.count > 0 {
			t.Errorf("process %d, leads %v: %d mistakes of %d, %d held", n.id, leads, c.Mistakes, c.Compared, n.core.opt.count)
		}
	}
}

// A coordinator proposes what has waited, and not with it what has not: an
// earlier timestamp may still come.
func TestProposesWhatIsRipe(t *testing.T) {
	const wait = 10 * time.Millisecond
	w := newWorld(t, 31, 1, 3, func(t *Tuning) { t.Optimistic, t.ProposeWait, t.OptimisticWait = true, wait, wait })
	w.minDelay, w.maxDelay = 100*time.Microsecond, 100*time.Microsecond
	w.run(500 * time.Millisecond)
	n := w.node(1)
	if n.core.home.lead.phase != leading {
		t.Fatal("process 1 does not lead")
	}
	n.put(3, 0, Propose{Cast: true})
	n.put(1, wait, Propose{Cast: true})
	if c := n.core.home.lead.queue.count(); c != 1 {
		t.Fatalf("%d messages wait, want 1", c)
	}
	n.put(2, wait/2, Propose{Cast: true})
	w.run(wait * 3 / 4)
	if c := n.core.home.lead.queue.count(); c != 1 {
		t.Fatalf("then %d messages wait, want 1", c)
	}
	w.run(wait)
	var got []int
	for _, d := range n.delivered {
		got = append(got, int(d.Message.Command.Sequence))
	}
	if !slices.Equal(got, []int{1, 2, 3}) {
		t.Errorf("delivered %v", got)
	}
}

// Deliveries come several at a time, but none before its optimistic one.
func TestNextEndsBeforeForced(t *testing.T) {
	r := optRig(t, 2, 1)
	v := castVal(1, msg(1, epoch), msg(2, epoch+1), msg(3, epoch+2), msg(4, epoch+3))
	for _, i := range []int{0, 1, 3} {
		r.cast(v.Entries[i].Message)
	}
	for want := range 3 {
		if d, ok := r.core.NextOptimistic(); !ok || d.Forced {
			t.Fatalf("optimistic delivery %d: %v %+v", want, ok, d)
		}
	}
	r.step(1, lastAccept(Round{Counter: 1, Coordinator: 1, Life: 1}, 1, v))
	var ds [8]Delivery
	for i, want := range []int{2, 2} {
		if i > 0 {
			if d, ok := r.core.NextOptimistic(); !ok || !d.Forced || d.Message.Command.Sequence != 3 {
				t.Fatalf("no forced delivery: %v %+v", ok, d)
			}
		} else if _, ok := r.core.NextOptimistic(); ok {
			t.Fatal("an optimistic delivery more")
		}
		if n := r.core.Next(ds[:]); n != want {
			t.Fatalf("%d deliveries at once, want %d", n, want)
		}
	}
}

// put hands n the proposal of a message whose timestamp is as old as ago.
func (n *node) put(name int, ago time.Duration, p Propose) {
	p.Message = msg(name, epoch.Add(n.w.now-ago))
	n.w.byName[idOf(p.Message)] = &proposal{m: p.Message}
	n.step(ids.ToClient(p.Message.Command.Client), &p)
}

// agrees fails unless n has delivered these, in the same order both ways.
func (n *node) agrees(t *testing.T, want ...int) {
	t.Helper()
	var got []int
	for _, d := range n.delivered {
		got = append(got, int(d.Message.Command.Sequence))
	}
	c := &n.core.counters
	if !slices.Equal(got, want) || c.Mistakes+c.Forced > 0 || int(c.Compared) != len(want) {
		t.Errorf("delivered %v; %d mistakes of %d, %d forced", got, c.Mistakes, c.Compared, c.Forced)
	}
}

// A coordinator that waits longer with delivering than with proposing has what
// comes after a proposal, though its timestamp is earlier, behind that in both
// orders.
func TestPlacedBehindProposed(t *testing.T) {
	w := newWorld(t, 32, 1, 3, func(t *Tuning) {
		t.Optimistic, t.ProposeWait, t.OptimisticWait = true, -1, 20*time.Millisecond
	})
	w.minDelay, w.maxDelay = 15*time.Millisecond, 15*time.Millisecond
	w.run(500 * time.Millisecond)
	for i, ago := range []time.Duration{0, 5 * time.Millisecond, 0} {
		w.node(1).put([]int{2, 1, 3}[i], ago, Propose{Cast: true})
		w.run(time.Millisecond)
	}
	w.run(time.Second)
	w.node(1).agrees(t, 2, 1, 3)
}

// What is proposed later than it is opt-delivered keeps its place before what comes
// between, though with an earlier timestamp.
func TestPlacedBehindDelivered(t *testing.T) {
	w := newWorld(t, 33, 1, 3, func(t *Tuning) {
		t.Optimistic, t.ProposeWait, t.OptimisticWait = true, 20*time.Millisecond, -1
	})
	w.run(500 * time.Millisecond)
	for i, ago := range []time.Duration{0, 5 * time.Millisecond, 4 * time.Millisecond} {
		w.node(1).put([]int{3, 1, 2}[i], ago, Propose{Herald: true})
		w.run(time.Millisecond)
	}
	w.run(time.Second)
	w.node(1).agrees(t, 3, 1, 2)
}
