package node

import (
	"testing"
	"time"
)

// behindBy makes a cluster whose third process lacks so many instances, and hears
// the others again.
func behindBy(t *testing.T, instances uint64, tune ...func(*Config)) (*lab, *proc) {
	t.Helper()
	l := newLab(t, 23, true, 1, 3, append(tune, func(c *Config) { c.Ridge.MaxBatchCount = 1 })...)
	u := l.user(1<<20, 3, 16)
	l.run(time.Second)
	m := l.procs[2]
	l.cut[m.id] = true
	first, _ := l.procs[0].node.ridge.Taken()
	if !l.until(time.Minute, func() bool { now, _ := l.procs[0].node.ridge.Taken(); return now >= first+instances }) {
		t.Fatal("the others do not go on")
	}
	u.left = 0
	l.cut[m.id] = false
	return l, m
}

// A replica that is far behind the others rests between small bursts, and is
// there in the end.
func TestCatchesUpWithRests(t *testing.T) {
	l, m := behindBy(t, 4*farBehind)
	c := &m.node.catchUp
	rested, before := 0, uint64(0)
	there := l.until(time.Minute, func() bool {
		now := m.node.Status().Replica.Counters.Delivered
		if c.rests {
			if now > before+catchUpBurst && rested > 0 {
				t.Errorf("%d commands at a time", now-before)
			}
			if now == before && !m.node.behind {
				rested++
			}
		}
		before = now
		return m.node.ridge.Lead() == 0 && rested > 0
	})
	if !there || rested < farBehind/catchUpBurst {
		t.Errorf("rested %d times; %d instances behind", rested, m.node.ridge.Lead())
	}
	l.finish(10 * time.Second)
}

// One that may soon lack what the others forget does not rest, nor one that
// does not come nearer to them.
func TestHurriesWhereRestIsDangerous(t *testing.T) {
	l, m := behindBy(t, 4*farBehind)
	n := m.node
	if !l.until(time.Minute, func() bool { return n.ridge.Lead() > 2*farBehind && n.catchUp.rests }) {
		t.Fatal("it does not rest")
	}
	c := n.catchUp
	n.cfg.Ridge.MaxLogCount = 4 * farBehind
	if c.look(n); c.rests {
		t.Error("it rests though it may lack for good what it does not take at once")
	}
	n.cfg.Ridge.MaxLogCount = 1 << 16
	c = catchUp{at: n.now.Mono - progressEvery, lead: n.ridge.Lead()}
	if c.look(n); c.rests {
		t.Error("it rests though it was as far behind a second before")
	}
	c.lead, c.at = n.ridge.Lead()*3/2, n.now.Mono-progressEvery
	if c.look(n); !c.rests {
		t.Error("it comes nearer, and does not rest")
	}
}
