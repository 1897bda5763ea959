package node

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// disks are those of a foundingNet's processes: the founded list, when its
// record has been written.
type disks struct {
	*foundingNet
	lists [][]ids.Incarnation
	incs  []ids.Incarnation
	slow  []time.Duration // when a write under way is durable
}

func newDisks(seed uint64, n int) *disks {
	w := &foundingNet{rng: rand.New(rand.NewPCG(seed, 2)), lives: make([]*founding, n)}
	d := &disks{w, make([][]ids.Incarnation, n), make([]ids.Incarnation, n), make([]time.Duration, n)}
	for i := range n {
		d.wipe(i)
	}
	return d
}

// start starts a process anew from its disk.
func (d *disks) start(i int) {
	members := make([]ids.Process, len(d.lives))
	for j := range members {
		members[j] = ids.Process(j + 1)
	}
	f := newFounding(ids.Process(i+1), d.incs[i], members)
	f.durable = true
	if d.lists[i] != nil {
		f.resume(d.lists[i])
		f.witnessed()
	}
	d.lives[i], d.slow[i] = f, 0
	d.all = append(d.all, f)
}

// wipe gives a process an empty disk.
func (d *disks) wipe(i int) {
	d.lists[i], d.incs[i] = nil, ids.Incarnation(d.rng.Uint64()|1)
	d.start(i)
}

func (d *disks) run(t *testing.T, most time.Duration, loss float64) {
	for end := d.now.Mono + most; d.now.Mono < end; {
		d.foundingNet.run(t, 2*time.Millisecond, loss)
		for i, f := range d.lives {
			switch {
			case f.fixing == nil:
			case d.slow[i] == 0:
				d.slow[i] = d.now.Mono + time.Duration(1+d.rng.IntN(100))*time.Millisecond
			case d.slow[i] <= d.now.Mono:
				d.slow[i], d.lists[i] = 0, f.fixing
				f.firm()
			}
		}
	}
}

// Scenarios 39 and 46, R5: durable processes restart whenever they like and get
// the one list that they had or would have had. One whose disk is lost after
// others know is refused, with an explanation.
func TestFoundingSurvivesRestarts(t *testing.T) {
	for seed := range uint64(200) {
		d := newDisks(seed, 4)
		for range 8 {
			d.run(t, time.Duration(d.rng.IntN(200))*time.Millisecond, 0.2)
			if i := d.rng.IntN(4); d.rng.IntN(4) == 0 {
				d.wipe(i)
			} else {
				d.start(i)
			}
		}
		d.run(t, 2*time.Second, 0)
		var list []ids.Incarnation
		for _, f := range d.lives {
			if f.started {
				list = f.list
			}
		}
		for i, f := range d.lives {
			counts := list != nil && list[i] == d.incs[i]
			lonely := f.founded && f.founder() && f.known() <= 2 // half of the others were wiped
			switch {
			case counts && !f.started && !lonely:
				t.Fatalf("seed %d: process %d: %s, %v", seed, f.self, f.describe(), f.err)
			case list != nil && !counts && !f.waiting:
				t.Fatalf("seed %d: process %d lost its disk: %s", seed, f.self, f.describe())
			}
		}
	}
}

// Everything stopped and started again resumes with the list it had.
func TestFoundedListIsResumed(t *testing.T) {
	d := newDisks(1, 3)
	d.run(t, time.Second, 0)
	for i := range d.lives {
		if d.start(i); !d.lives[i].started {
			t.Fatalf("process %d: %s", i+1, d.lives[i].describe())
		}
	}
}

// Nothing that follows from a list leaves before its record is durable.
func TestFoundingWaitsForItsRecord(t *testing.T) {
	for seed := range uint64(20) {
		d := newDisks(seed, 3)
		d.foundingNet.run(t, 2*time.Second, 0.1) // no disk ever answers
		if d.lives[0].fixing == nil {
			t.Fatal("the founder has nothing to write")
		}
		for _, f := range d.lives {
			if f.started || f.founded {
				t.Fatalf("seed %d: process %d: %s", seed, f.self, f.describe())
			}
		}
	}
}

// What a process that is not founded hears from its journal (chores of it end,
// too) must not set Ridge going: it would journal promises of a process that may
// be refused, and a directory with those but without a list is refused for good.
func TestJournalBeforeFounding(t *testing.T) {
	l := newLab(t, 1, true, 1, 3)
	n := l.procs[0].node
	n.Durable(l.clock(), 0)
	for _, s := range n.Ordered() {
		t.Errorf("sends %T", s.Msg)
	}
	if r := n.Records(); len(r) > 0 {
		t.Errorf("journals %v", r)
	}
}
