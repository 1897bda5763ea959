package ridge

import (
	"slices"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// heraldLoad has commands sent at random times, as a client of the service does: to
// the coordinator and to one replica of each destination. A hop takes half a
// millisecond and a little.
type heraldLoad struct {
	singles [2][]time.Duration // by partition, from the client to the first delivery there
	multis  []time.Duration    // to that at the last destination
	w       *world
}

func loadHeralds(t testing.TB, seed uint64, rate, multi int, d time.Duration) *heraldLoad {
	w := newWorld(t, seed, 2, 3, optimistic)
	w.minDelay, w.maxDelay = 480*time.Microsecond, 520*time.Microsecond
	w.ordered = true
	w.run(time.Second)
	l := &heraldLoad{w: w}
	type call struct {
		sent    time.Duration
		waiting ids.Set
	}
	open := map[copyID]*call{}
	w.onDeliver = func(n *node, d Delivery) {
		k := open[idOf(d.Message)]
		if k == nil || !k.waiting.Has(n.part) {
			return
		}
		if k.waiting = slices.DeleteFunc(k.waiting, func(p ids.Partition) bool { return p == n.part }); len(k.waiting) > 0 {
			return
		}
		if took := w.now - k.sent; len(d.Message.Dests) > 1 {
			l.multis = append(l.multis, took)
		} else {
			l.singles[n.part] = append(l.singles[n.part], took)
		}
	}
	c, until := w.clients[0], w.now+d
	for w.now < until {
		w.run(time.Duration(w.rng.ExpFloat64() * float64(time.Second) / float64(rate)))
		dests := ids.NewSet(ids.Partition(w.rng.IntN(2)))
		if w.rng.IntN(100) < multi {
			dests = ids.NewSet(0, 1)
		}
		c.seq++
		m := &Message{Command: ids.Command{Client: c.id, Sequence: c.seq}, Attempt: 1, T0: epoch.Add(w.now), Mark: 1, Dests: dests, Body: make([]byte, 100)}
		w.byName[idOf(m)] = &proposal{m: m, client: c}
		open[idOf(m)] = &call{w.now, slices.Clone(dests)}
		var p Proposal
		p.InitAlone(w.topo, m)
		for _, s := range p.SendsTo(nil, w.topo.spec(w.topo.EnsembleFor(dests)).Acceptors[0], []ids.Process{1, 4}[dests[0]:dests[len(dests)-1]+1]) {
			to := w.node(s.To.Process)
			w.after(w.minDelay+time.Duration(w.rng.Int64N(40_000)), func() { to.step(ids.ToClient(c.id), s.Msg) })
		}
	}
	w.run(20 * time.Millisecond)
	return l
}

// Where the ensemble of all partitions does not lead, commands of one partition wait
// for it hardly ever: they are stamped behind what it has reached. Two delays are
// 1 ms; to ask costs two more. The order of timestamps is kept all the same.
func TestStampedBehind(t *testing.T) {
	for _, c := range []struct {
		rate, multi   int
		p50           int64   // us
		nulls, wrongs float64 // for each command; for each delivery
	}{{1100, 15, 1400, 0.4, 0.01}, {1100, 1, 1200, 0.15, 0.01}, {8000, 15, 1850, 0.06, 0.02}} {
		l := loadHeralds(t, 91, c.rate, c.multi, 2*time.Second)
		nulls, mistakes, compared := 0., 0., 0.
		for _, n := range l.w.nodes {
			nulls += float64(n.core.counters.Nulls)
			if n.id == 1 || n.id == 4 { // others have no copies
				mistakes += float64(n.core.counters.Mistakes)
				compared += float64(n.core.counters.Compared)
			}
			for _, d := range n.delivered {
				if low := d.Message.T0.Add(-n.core.cfg.Tuning.Window / 4); d.Position.T < low {
					t.Fatalf("process %d delivered %d at %d", n.id, d.Message.T0, d.Position.T)
				}
			}
		}
		n := float64(len(l.singles[0]) + len(l.singles[1]) + len(l.multis))
		p0, p1 := quantile(l.singles[0], 50), quantile(l.singles[1], 50)
		if p1 > c.p50 || nulls/n > c.nulls || mistakes/compared > c.wrongs || n < 1000 {
			t.Errorf("%d/s, %d %%: p50 %d and %d us, multi %d; %.2f nulls a command, %.4f mistakes of %.0f", c.rate, c.multi, p0, p1, quantile(l.multis, 50), nulls/n, mistakes/compared, compared)
		}
	}
}
