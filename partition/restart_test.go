package partition

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// saved is a checkpoint that was written to its end.
type saved struct {
	disk
	next int // in the order
}

// machine is a node with a disk: it takes checkpoints, keeps the two newest,
// and comes back from one of them.
type machine struct {
	*node
	rng          *rand.Rand
	newest       *saved
	older        *saved
	making       *Snapshot
	makingNext   int
	needsState   bool
	restarts     int
	falls, moves int
	abandoned    int
}

// checkpoint takes one, writes it a little later, or fails to.
func (m *machine) checkpoint() {
	if m.crashed || m.making != nil {
		return
	}
	s, life := m.r.Checkpoint(), m.lives
	m.making, m.makingNext = s, m.next
	m.w.at(time.Duration(m.rng.Int64N(int64(2*time.Millisecond))), func() {
		if m.lives == life && !m.crashed {
			m.written(s)
		}
	})
}

func (m *machine) written(s *Snapshot) {
	m.making = nil
	if m.rng.IntN(8) == 0 {
		for range m.rng.IntN(20) {
			s.Next(nil, 1)
		}
		m.r.Abandon()
		m.abandoned++
		return
	}
	c := &saved{next: m.makingNext}
	if m.newest != nil {
		c.items = maps.Clone(m.newest.items)
	}
	c.write(m.w.t, s)
	m.older, m.newest = m.newest, c
	if m.older != nil {
		m.r.Stable(m.older.sum)
		m.after()
	}
}

// restart loses what is not on disk. Now and then the newest checkpoint is
// found damaged; then the older one must do [C5].
func (m *machine) restart() {
	m.restarts++
	if m.older != nil && m.rng.IntN(4) == 0 {
		m.newest, m.older = m.older, nil
		m.falls++
	}
	m.from(m.newest)
	if m.older != nil {
		m.r.Stable(m.older.sum)
		if m.r.stable.below == (ids.Position{}) {
			m.w.fatalf("process %d does not know the older of its checkpoints", m.id)
		}
		m.after()
	}
}

func (m *machine) from(c *saved) {
	m.r.Close()
	m.lives++
	m.crashed, m.making, m.needsState = false, nil, false
	if c == nil {
		m.r, m.next = newReplica(m.config), 0
	} else {
		r, err := restore(m.config, c.sorted(), c.sum)
		if err != nil {
			m.w.fatalf("process %d: %v", m.id, err)
		}
		m.r, m.next = r, c.next
	}
	life, w := m.lives, m.w
	m.after()
	w.at(0, func() {
		if m.lives == life {
			w.deliver(m.node)
		}
	})
}

// fetch takes the state of another replica that is further.
func (m *machine) fetch(all []*machine) {
	for _, i := range m.rng.Perm(len(all)) {
		if d := all[i]; d != m && d.p == m.p && d.newest != nil && d.newest.next >= m.next {
			m.newest, m.older = &saved{disk{maps.Clone(d.newest.items), d.newest.sum, 0}, d.newest.next}, nil
			m.moves++
			m.moved = true
			m.from(m.newest)
			return
		}
	}
}

// TestRestarts has replicas crash, any and all of them, at any time, and come
// back from their checkpoints, while what others keep for them is dropped as
// these become stable. All that was answered stays, and all ends as if nothing
// had happened.
func TestRestarts(t *testing.T) {
	var restarts, falls, moves, abandoned, gone, compared int
	n := uint64(*seeds)
	if testing.Short() {
		n /= 3
	}
	for seed := *first; seed < *first+n; seed++ {
		w := randomWorld(t, seed, durable)
		rng := rand.New(rand.NewPCG(seed, 77))
		var all []*machine
		for _, n := range w.nodes {
			n.lives = 1
			all = append(all, &machine{node: n, rng: rng})
		}
		w.needs = func(n *node) { all[n.id-1].needsState = true }
		every := 2*time.Millisecond + time.Duration(rng.Int64N(int64(20*time.Millisecond)))
		faults := 150 * time.Millisecond
		busy := func() bool {
			return w.now < 5*time.Minute && slices.ContainsFunc(all, func(m *machine) bool {
				st := m.r.Status()
				return m.crashed || m.next < len(w.order) || st.Unfinished > 0 || st.Outbox > 0
			})
		}
		for _, m := range all {
			var again func()
			again = func() {
				if m.needsState {
					if need, _ := m.r.NeedState(); need {
						m.fetch(all)
					}
				}
				m.checkpoint()
				if w.now < 2*faults || busy() {
					w.at(time.Duration(rng.Int64N(int64(2*every))), again)
				}
			}
			w.at(every, again)
		}
		for range rng.IntN(8) {
			w.at(time.Duration(rng.Int64N(int64(faults))), func() {
				for _, m := range all { // some or all at once
					if rng.IntN(3) > 0 {
						continue
					}
					if !m.crashed {
						w.crash(m.node)
					}
					w.at(time.Duration(rng.Int64N(int64(30*time.Millisecond))), func() {
						if m.crashed {
							m.restart()
						}
					})
				}
			})
		}
		w.at(faults+100*time.Millisecond, func() {
			for _, m := range all {
				if m.crashed {
					m.restart()
				}
			}
		})
		w.run(time.Hour)
		w.finish()
		for _, m := range all {
			restarts += m.restarts
			falls += m.falls
			moves += m.moves
			abandoned += m.abandoned
			counters := m.r.Status().Counters
			gone += int(counters.PullsGone)
			compared += int(counters.Compared)
			if counters.Diverged > 0 {
				w.fatalf("process %d differs from others: %+v", m.id, counters)
			}
			m.newest.write(t, m.r.Checkpoint())
			sameItems(w, "disk", everythingOf(t, m.r).items, m.newest.items)
			m.r.Close()
		}
	}
	t.Logf("%d restarts, %d from the older checkpoint, %d abandoned, %d pulls for what was gone, %d states fetched, %d sums compared", restarts, falls, abandoned, gone, moves, compared)
	if n >= 100 && (restarts == 0 || falls == 0 || moves == 0 || abandoned == 0 || compared == 0) {
		t.Error("vacuous")
	}
}
