package node

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// A donor that has offered a checkpoint gives no other under the transfer's
// name: the receiver would take its items for those of the first, and execute
// again what lies between.
func TestOneCheckpointPerTransfer(t *testing.T) {
	l := newLab(t, 24, true, 1, 3, frequent)
	l.user(600, 1, 8)
	d := &l.procs[0].node.donor
	l.until(10*time.Second, func() bool { return l.procs[0].node.keeper.newest.number() > 1 })
	d.step(2, &Want{Transfer: 7})
	if len(d.sessions) != 1 || d.sessions[0].manifest == nil {
		t.Fatal("nothing is offered")
	}
	offered := d.sessions[0].manifest
	l.finish(10 * time.Second)
	l.until(time.Minute, func() bool { return l.procs[0].node.keeper.newest.number() > offered.Number+1 })
	d.step(2, &Want{Transfer: 7, Need: Need{Key: l.procs[0].node.keeper.newest.Positions.Key}})
	for _, s := range d.sessions {
		if s.manifest != offered {
			t.Errorf("checkpoint %d follows %d", s.manifest.number(), offered.Number)
		}
	}
}

// A donor keeps what it offered while so much is delivered at most, and not when
// there is no room for its next checkpoint.
func TestPinsAreBounded(t *testing.T) {
	l := newLab(t, 26, true, 1, 3, frequent, func(c *Config) { c.Transfer.MaxPinBytes = 1 << 12 })
	n := l.procs[0].node
	d := &n.donor
	offer := func(transfer uint64) {
		t.Helper()
		d.step(2, &Want{Transfer: transfer})
		if len(d.sessions) != 1 || d.sessions[0].manifest == nil || d.pinned() == neverTaken {
			t.Fatal("nothing is offered")
		}
	}
	l.user(600, 1, 8)
	l.until(10*time.Second, func() bool { return n.keeper.newest.number() > 1 })
	offer(7)
	if !l.until(10*time.Second, func() bool { return len(d.sessions) == 0 }) {
		t.Errorf("kept while %d bytes were delivered", n.Status().Ridge.Ensembles[0].LogBytes)
	}
	l.finish(10 * time.Second)
	offer(8)
	n.keeper.take(n)
	n.keeper.written(n, n.keeper.making, &Result{Full: true})
	if len(d.sessions) != 0 || d.pinned() != neverTaken {
		t.Error("kept although there is no room")
	}
}

func (m *Manifest) number() uint64 {
	if m == nil {
		return 0
	}
	return m.Number
}

// The items that come are those of the checkpoint that was offered.
func TestItemsAreTheOfferedCheckpoints(t *testing.T) {
	l := lost(t, 25, true, 3)
	rogue := ids.Process(0)
	l.filter = func(from, _ ids.Process, m wire.Message) wire.Message {
		o, ok := m.(*Offer)
		if ok && rogue == 0 {
			rogue = from
		}
		if ok && from == rogue {
			other := *o.Manifest
			other.Sum.Hash++
			return &Offer{Transfer: o.Transfer, Manifest: &other}
		}
		return m
	}
	l.lose(2)
	l.finish(60 * time.Second)
	if s := l.procs[1].node.Status().Transfer; s.Refused == 0 || s.Completed == 0 {
		t.Errorf("%+v", s)
	}
}
