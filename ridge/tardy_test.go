package ridge

import (
	"slices"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// A distributor that has values late, though it is not behind with what it delivers by
// as much, is done without, for a while; then it has its share again, and no more. One
// learner that has values late from all, or from one, changes nothing.
func TestTardyDistributor(t *testing.T) {
	const late = 30 * time.Millisecond
	for _, c := range []struct {
		what  string
		slow  func(from, to ids.Process) bool
		tardy bool
	}{
		{"values to a distributor", func(from, to ids.Process) bool { return to == 3 }, true},
		{"values from a distributor", func(from, to ids.Process) bool { return from == 3 }, true},
		{"values to a learner of another partition", func(from, to ids.Process) bool { return to == 4 && from != 5 }, false},
		{"values from a distributor to one learner", func(from, to ids.Process) bool { return from == 3 && to == 5 }, false},
	} {
		w := newWorld(t, 176, 2, 3, nil)
		w.size = 2 * directBytes
		slow := false
		w.filter = func(from, to ids.Process, m wire.Message) bool {
			if _, is := m.(*valueMessage); !is || !slow || !c.slow(from, to) {
				return true
			}
			w.after(late, func() { w.node(to).stepFrom(ids.To(from), w.node(from).inc, m) })
			return false
		}
		share := func() (n int) { // of 16 values
			chain := []ids.Process{1, 2}
			for range 16 {
				d := w.node(2).core.ensembles[1].distributor(chain)
				if d.process == 3 {
					n++
				}
				d.distribution.bytes += 1 << 20
			}
			return n
		}
		w.load(300*time.Millisecond, time.Millisecond)
		slow = true
		w.load(time.Second, time.Millisecond)
		if n := share(); (n == 0) != c.tardy {
			t.Errorf("late %s: process 3 distributes %d values of 16", c.what, n)
		}
		for p := ids.Process(1); p <= 6; p++ {
			if w.node(2).core.Behind(p) || w.node(2).core.Suspected(p) {
				t.Errorf("late %s: process %d is behind or suspected: the test tests nothing", c.what, p)
			}
		}
		slow = false
		w.load((tardyFor+1)*w.tuning.FailureTimeout, 20*time.Millisecond)
		if n := share(); n < 3 || n > 5 {
			t.Errorf("late %s, then no more: process 3 distributes %d values of 16", c.what, n)
		}
		w.finish(time.Second)
	}
}

// As many commands as clients, each to both partitions: that is the load that hides a
// slow distributor, since it slows down with it. However late its values are, also when
// they have been fetched before they come, and of two that are slow, it is done without.
func TestTardyUnderClosedLoad(t *testing.T) {
	const settled = 3 * time.Second
	for _, c := range []struct {
		late time.Duration
		slow []ids.Process
	}{
		{30 * time.Millisecond, []ids.Process{3}}, {200 * time.Millisecond, []ids.Process{3}},
		{time.Second, []ids.Process{3}}, {30 * time.Millisecond, []ids.Process{3, 4}},
	} {
		w := newWorld(t, 9, 2, 3, nil)
		w.size = 2 * directBytes
		slow := false
		w.filter = func(from, to ids.Process, m wire.Message) bool {
			if _, is := m.(*valueMessage); !is || !slow || !slices.Contains(c.slow, to) {
				return true
			}
			w.after(c.late, func() { w.node(to).stepFrom(ids.To(from), w.node(from).inc, m) })
			return false
		}
		w.run(300 * time.Millisecond)
		done := 0
		got := map[copyID]int{}
		clients := map[ids.Client]*client{}
		next := func(c *client) { w.multicast(c, make([]byte, w.size), 0, 1) }
		w.onDeliver = func(n *node, d Delivery) {
			if n.id != 2 && n.id != 5 {
				return // a replica of each partition has it when these two have
			}
			name := idOf(d.Message)
			if got[name]++; got[name] == 2 {
				done++
				w.after(100*time.Microsecond, func() { next(clients[d.Message.Command.Client]) })
			}
		}
		for i := range byte(4) {
			c := &client{id: ids.Client{100, i + 1}, hint: map[ids.Ensemble]ids.Process{}}
			clients[c.id] = c
			next(c)
		}
		second := func() int {
			before := done
			w.run(time.Second)
			return done - before
		}
		before := second()
		slow = true
		w.run(settled - time.Second)
		if after := second(); after < before*8/10 {
			t.Errorf("processes %v have values %v late: %d a second, %d before", c.slow, c.late, after, before)
		}
	}
}

// It takes half of the learners to do without a distributor, not one that complains twice.
func TestOneLearnerComplainsTwice(t *testing.T) {
	r := newRig(t, 2, 2, 3)
	e := r.core.ensembles[1]
	for range 3 {
		r.step(5, &tardy{Ensemble: ids.All, Process: 3})
	}
	if d := e.member(3).distribution; d.until > 0 {
		t.Error("one complained")
	}
	r.step(6, &tardy{Ensemble: ids.All, Process: 3})
	if d := e.member(3).distribution; d.until == 0 {
		t.Error("two of three complained, in vain")
	}
}
