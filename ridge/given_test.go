package ridge

import (
	"slices"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// Nothing is durable that was not given to be journalled, whatever is said.
func TestNothingIsDurableInAdvance(t *testing.T) {
	d := newDesk(t, 2, 3)
	d.core.Durable(d.now, 1000)
	d.step(3, &prepare{Round: round(6, 3), Chain: []ids.Process{3, 1}, From: 1})
	if ps := only[*promise](&d.rig); len(ps) > 0 {
		t.Error("promised before it was durable")
	}
}

// A log that is trimmed with each sync still lets the journal forget: one mark
// becomes durable before the next is written.
func TestMarksTakeTurns(t *testing.T) {
	d := newDesk(t, 2, 3)
	for k := ids.Instance(1); k <= 9; k++ {
		d.step(1, &accept{Round: round(5, 1), Instance: k, Chain: []ids.Process{1, 2}, Voters: []ids.Process{1}, Value: val(1, uint64(k), msg(int(k), epoch))})
	}
	d.sync()
	d.trimTo(3)
	under := uint64(len(d.records) - d.base) // being synced
	d.trimTo(6)
	d.core.Durable(d.now, under)
	if ts := d.core.Forgotten(); !slices.Equal(ts, []Trim{{0, 3}}) {
		t.Errorf("forgotten: %v", ts)
	}
	d.sync()
	if ts := d.core.Forgotten(); !slices.Equal(ts, []Trim{{0, 6}}) {
		t.Errorf("forgotten: %v", ts)
	}
}

// What an acceptor holds is told when a state record that says so is durable, also
// if the next one is on its way already: it takes the place of the last in the
// very call that made that durable.
func TestHeldIsToldUnderLoad(t *testing.T) {
	d := newDesk(t, 2, 3)
	d.e.mutes, d.e.held = 1, 5
	d.e.save()
	d.take()
	d.sync()
	d.e.held = 7
	d.e.save()
	if got := d.e.toldHeld(); got != 5 {
		t.Errorf("told %d", got)
	}
}
