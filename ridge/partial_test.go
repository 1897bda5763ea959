package ridge

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// reaches says whether p is delivered by all of ps within d.
func (w *world) reaches(p *proposal, d time.Duration, ps ...ids.Process) bool {
	return w.runUntil(d, func() bool {
		for _, q := range ps {
			if !w.node(q).has(p) {
				return false
			}
		}
		return true
	})
}

// A coordinator that hears too few acceptors steps down although an acceptor
// still hears it: the others, who do not, are one complaint short.
func TestCoordinatorWithoutQuorumStepsDown(t *testing.T) {
	w := newWorld(t, 172, 1, 5, nil)
	w.load(300*time.Millisecond, 5*time.Millisecond)
	for _, l := range [][2]ids.Process{{1, 3}, {1, 4}, {1, 5}, {3, 2}, {3, 4}, {3, 5}} {
		w.sever(l[0], l[1], true)
	}
	w.run(2 * time.Second)
	p := w.multicast(w.clients[0], []byte{1}, 0)
	if !w.reaches(p, 5*time.Second, 2, 4, 5) {
		t.Errorf("2, 4 and 5 hear one another and stand still\n%s", w.describe())
	}
	w.heal()
	w.finish(5 * time.Second)
}

// A coordinator whose chains all break behind its back leaves it to another:
// it hears everybody, but no two acceptors that it puts side by side hear each
// other, though 1, 2 and 4 make a chain, and 1, 3 and 5.
func TestNoChainFromHere(t *testing.T) {
	w := newWorld(t, 173, 1, 5, nil)
	w.load(300*time.Millisecond, 5*time.Millisecond)
	for _, l := range [][2]ids.Process{{2, 3}, {3, 4}, {4, 5}, {5, 2}} {
		w.sever(l[0], l[1], true)
	}
	w.run(2 * time.Second)
	p := w.multicast(w.clients[0], []byte{1}, 0)
	if !w.reaches(p, 25*time.Second, 1, 2, 3, 4, 5) {
		t.Errorf("a majority hear one another and stand still\n%s", w.describe())
	}
	w.heal()
	w.finish(5 * time.Second)
}

// N7: an acceptor that does not hear another partition's replicas, which the
// other acceptors hear, trims with those: it neither grows beyond its bound
// nor, as coordinator, refuses for ever.
func TestN7TrimsByOthersMarks(t *testing.T) {
	for x := ids.Process(1); x <= 3; x++ {
		w := newWorld(t, 171, 2, 3, func(t *Tuning) {
			t.MaxMessage, t.MaxBatchBytes, t.MaxLogBytes = 1<<10, 4<<10, 64<<10
		})
		w.load(300*time.Millisecond, 5*time.Millisecond)
		for p := ids.Process(4); p <= 6; p++ {
			w.sever(x, p, true)
		}
		for range 1000 {
			w.multicast(w.clients[0], make([]byte, 500), 0, 1)
			w.run(10 * time.Millisecond)
		}
		if n := w.advice[Overloaded]; n > 0 {
			t.Errorf("process %d: %d refused", x, n)
		}
		if n := w.node(x).core.ensembles[1].log.bytes; n > 2*w.tuning.MaxLogBytes {
			t.Errorf("process %d: a log of %d bytes", x, n)
		}
		w.heal()
		w.finish(5 * time.Second)
	}
}

// N7: a replica that is heard but cannot deliver is waited for once. When it
// has been given up it holds nobody up again, be it another's (5, which hears
// e_all but not its own ensemble) or the coordinator itself (4, which does not
// hear e_all).
func TestN7GivenUpOnce(t *testing.T) {
	for _, x := range []ids.Process{5, 4} {
		w := newWorld(t, 174, 2, 3, func(t *Tuning) {
			t.MaxMessage, t.MaxBatchBytes, t.MaxLogBytes = 1<<10, 4<<10, 64<<10
		})
		w.mayLose = true
		w.load(300*time.Millisecond, 5*time.Millisecond)
		away, dests := []ids.Process{4, 6}, []ids.Partition{0, 1}
		if x == 4 {
			away, dests = []ids.Process{1, 2, 3}, []ids.Partition{1}
		}
		for _, p := range away {
			w.sever(x, p, true)
		}
		most, before := 0, 0
		for i := range 3000 {
			w.multicast(w.clients[0], make([]byte, 500), dests...).done = true
			w.run(20 * time.Millisecond)
			if i%100 == 0 {
				if w.advice[Overloaded] > before && i > 1000 {
					most++
				}
				before = w.advice[Overloaded]
			}
		}
		if most > 0 {
			t.Errorf("process %d: proposals are refused again and again (%d times 2 s)", x, most)
		}
		w.heal()
		w.finish(20 * time.Second)
	}
}

// A would-be coordinator whose log has no room for what others voted for does
// not lead: once there is room it would propose something else there.
func TestPhaseOneBeyondTheLog(t *testing.T) {
	r := newRig(t, 1, 1, 3)
	far := ids.Instance(r.e.log.limit) + 1
	v := val(2, 1, msg(1, epoch))
	r.step(2, &promise{Round: r.e.lead.round, Wall: epoch, From: 1, Votes: []vote{{Instance: far, Round: round(0, 2), Value: v}}})
	if r.e.lead.phase != idle {
		t.Errorf("leads, with %d as the next instance, where instance %d may be decided", r.e.lead.next, far)
	}
}

// A round that wrapped around would be below what is promised.
func TestRoundsLeaveRoom(t *testing.T) {
	m := &prepare{Round: round(1<<64-1, 2), Chain: []ids.Process{1, 2}}
	if _, err := Decode(m.Kind(), m.Append(nil)); err == nil {
		t.Error("a round was taken that none can exceed")
	}
}

// R11: a value stays in memory for the one message in it that waits here; the
// bound on what waits counts it.
func TestR11WaitingCountsValues(t *testing.T) {
	r := newRig(t, 4, 2, 3)
	all := r.core.ensembles[1]
	most := r.core.cfg.Tuning.MaxLogBytes
	big := make([]byte, 4<<20)
	held := 0
	for k := ids.Instance(1); k <= 40; k++ {
		other, own := msg(int(2*k), epoch, 0), msg(int(2*k+1), epoch, 0, 1)
		other.Body = big
		v := val(1, uint64(k), other, own)
		all.learn(k, v.ID, v, 0)
	}
	for i := range all.stream.items {
		held += all.stream.items[i].value.size()
	}
	if held > most+5<<20 {
		t.Errorf("%d bytes wait for the merge, with a bound of %d", held, most)
	}
	home := r.e
	null := newValue(4, 1, epoch, nil, epoch.Add(time.Hour))
	home.learn(1, null.ID, null, 0)
	if n := len(r.deliveries()); n == 0 || all.stream.bytes < 0 || all.stream.count == 0 && all.stream.bytes != 0 {
		t.Errorf("%d delivered, %d bytes wait", n, all.stream.bytes)
	}
}
