package ridge

import (
	"errors"
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

var replacements = flag.Int("ridge.replacements", 120, "seeds of the swarm of replaced processes to run")

// wipe ends a process whose disk is lost, and starts it with an empty one, as
// another incarnation, which waits to be told that it counts. twin: its
// predecessor is alive after all.
func (n *node) wipe(twin bool) {
	w, old := n.w, *n
	if twin && !n.dead && n.twin == nil {
		n.twin = &old
		n.twin.tick()
	} else if !n.dead {
		n.crash()
	}
	n.dead, n.until = true, 0
	n.inc = ids.Incarnation(w.rng.Uint64() | 1)
	past := n.disk.past
	if len(n.delivered) > len(past) {
		past = n.delivered
	}
	n.disk = &disk{trimmed: map[ids.Ensemble]ids.Instance{}, said: map[ids.Ensemble]*claims{}, past: past, empty: true}
	n.delivered, n.checked = nil, map[ids.Ensemble]ids.Instance{}
}

// operator has processes that were wiped replaced: one ensemble after another,
// asking all who might coordinate, for ever.
func (w *world) operator(every time.Duration) {
	for _, n := range w.nodes {
		if !n.disk.incomplete && !n.disk.empty {
			continue
		}
		w.replace(n)
	}
	w.after(every, func() { w.operator(every) })
}

// replace asks for the next step of a replacement.
func (w *world) replace(n *node) {
	n.disk.incomplete = false
	for _, id := range []ids.Ensemble{ids.Ensemble(n.part), ids.All} {
		if w.topo.spec(id) == nil {
			continue
		}
		done := false
		asked := w.nodes
		if n.twin != nil {
			asked = append([]*node{n.twin}, asked...)
		}
		for _, m := range asked {
			e := (*ensemble)(nil)
			if m.core != nil {
				e = m.core.ensemble(id, true)
			}
			if e == nil || m == n || m.asleep() || m.err != nil {
				continue
			}
			if e.current(n.id) == n.inc {
				done = true // also by the word of a predecessor that is about to stop
				if n.disk.empty {
					n.disk.empty, n.disk.members = false, m.core.Members()
					w.replaced++
					w.after(0, n.restart)
				}
				continue
			}
			_, err := m.core.Replace(m.clock(), id, Change{Version: e.version(), Process: n.id, New: n.inc})
			if err != nil && !errors.Is(err, ErrConflict) {
				w.errorf("replacing %d: %v", n.id, err)
			}
			if err == nil && m.err == nil {
				m.flush()
			}
		}
		if !done {
			n.disk.incomplete = true
			return
		}
	}
}

// complete says whether all replacements have their votes.
func (w *world) complete() bool {
	for _, n := range w.nodes {
		if n.dead || n.disk.empty || n.disk.incomplete {
			return false
		}
		for _, e := range n.core.ensembles {
			if e.self >= 0 && !e.acts() || e.mutes > 0 {
				return false
			}
		}
	}
	return true
}

// Replacements under faults: processes lose their disks for good, one after the
// other, and come back as others, while the rest crashes and restarts, links are
// cut, messages lost, and predecessors turn out to be alive. Whatever was
// delivered anywhere keeps its place and is delivered everywhere, and at the end
// all have their votes and everything proposed is delivered.
func TestReplacementSwarm(t *testing.T) {
	if *seed != 0 {
		replaceSwarm(t, *seed)
		return
	}
	n, crashes := 0, 0
	for s := range uint64(*replacements) {
		w := replaceSwarm(t, s+1)
		if t.Failed() {
			t.Fatalf("run again with -run TestReplacementSwarm -ridge.seed=%d", s+1)
		}
		n, crashes = n+w.replaced, crashes+w.crashes
	}
	t.Logf("%d processes replaced, %d crashes", n, crashes)
}

func replaceSwarm(t testing.TB, seed uint64) *world {
	shape := rand.New(rand.NewPCG(seed, 79))
	partitions, replicas := 1+shape.IntN(2), []int{3, 3, 5}[shape.IntN(3)]
	w := newWorld(t, seed, partitions, replicas, func(t *Tuning) {
		t.Pipeline = 1 + shape.IntN(6)
		swarmLogs(shape, t)
	})
	w.swarmDisks(shape)
	if shape.IntN(2) == 0 {
		w.loss, w.dup = shape.Float64()*0.1, shape.Float64()*0.2
	}
	w.lossOf = map[wire.Kind]float64{}
	w.swarmLoad(shape)
	if shape.IntN(3) > 0 {
		w.swarmPower(shape)
	}
	if shape.IntN(3) == 0 {
		w.swarmCuts(shape)
	}
	w.after(100*time.Millisecond, func() { w.operator(50 * time.Millisecond) })
	w.swarmWipes(shape)
	w.run(time.Duration(2+shape.IntN(4)) * time.Second)
	w.heal()
	for _, i := range shape.Perm(len(w.nodes)) {
		w.after(time.Duration(shape.Int64N(int64(time.Second))), func() {
			if !w.nodes[i].disk.empty {
				w.nodes[i].restart()
			}
		})
	}
	w.run(time.Second)
	if !w.runUntil(30*time.Second, w.complete) && !w.failed {
		w.errorf("a replacement is not complete\n%s", w.describe())
	}
	w.finish(30 * time.Second)
	w.checkPast()
	return w
}

// swarmWipes draws the losses of disks: no other in the same partition before a
// replacement is complete, since that would be more than f.
func (w *world) swarmWipes(shape *draw) {
	for range 1 + shape.IntN(4) {
		n := w.nodes[shape.IntN(len(w.nodes))]
		at, twin := time.Duration(shape.Int64N(int64(4*time.Second))), shape.IntN(3) == 0
		w.after(at, func() { w.wipeIfSafe(n, twin) })
	}
}

func (w *world) wipeIfSafe(n *node, twin bool) {
	if w.healed || n.twin != nil || len(w.topo.Replicas[0]) == 1 {
		return
	}
	for _, m := range w.nodes {
		if m.part != n.part || m == n {
			continue
		}
		if m.disk.empty || m.disk.incomplete || m.core == nil {
			return
		}
		for _, e := range m.core.ensembles {
			if e.mutes > 0 || e.acceptor(m.id) >= 0 && !e.acts() {
				return
			}
		}
	}
	n.wipe(twin)
}
