package ridge

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// leadAlone makes d, of one replica, lead and decide one instance of n messages that
// took a millisecond.
func (d *desk) leadAlone(n int) {
	d.t.Helper()
	for range 100 {
		if d.e.lead.phase == leading && d.e.lead.latency > 0 && d.e.lead.crowd == n {
			return
		}
		d.core.Tick(d.now)
		d.sync()
		if d.e.lead.phase == leading {
			d.come(n)
			d.now.Mono += time.Millisecond
			d.sync()
		}
		d.now.Mono += 100 * time.Millisecond
	}
	d.t.Fatal("does not lead")
}

// come has n new messages come together.
func (d *desk) come(n int) {
	ms := make([]Message, n)
	for i := range ms {
		d.came++
		ms[i] = Message{Command: ids.Command{Client: ids.Client{1}, Sequence: d.came}, Attempt: 1, T0: epoch, Mark: 1, Dests: ids.NewSet(0)}
	}
	d.core.Multicast(d.now, ms)
	d.take()
}

// A durable coordinator that has just decided many messages waits a little for nearly
// as many, since who comes while the first is being synced waits for two syncs; but
// not long, and not where the last instance had one, or when nothing has just been
// decided.
func TestDurableCoordinatorGathers(t *testing.T) {
	d := newDesk(t, 1, 1)
	d.leadAlone(8)
	again := func() int {
		d.come(8)
		d.now.Mono += time.Millisecond
		d.sync()
		return len(d.e.lead.open)
	}
	if again() != 0 {
		t.Fatal("eight were not decided")
	}
	d.come(1)
	if open := len(d.e.lead.open); open != 0 {
		t.Fatal("one left at once after eight")
	}
	if at := d.core.Wake(); at > d.now.Mono+d.e.lead.latency {
		t.Fatalf("it wants to be woken after %v, of an instance's %v", at-d.now.Mono, d.e.lead.latency)
	}
	d.come(6)
	if open := len(d.e.lead.open); open != 1 {
		t.Fatal("seven after eight were not enough")
	}
	d.sync()
	d.leadAlone(8)
	again()
	d.come(1)
	d.now.Mono += d.e.lead.latency
	d.core.Tick(d.now)
	d.take()
	if open := len(d.e.lead.open); open != 1 {
		t.Fatal("one waits on")
	}
	d.sync()
	d.come(1)
	if open := len(d.e.lead.open); open != 1 {
		t.Fatal("one waits after one")
	}
	d.sync()
	again()
	d.now.Mono += d.e.lead.latency
	d.come(1)
	if open := len(d.e.lead.open); open != 1 {
		t.Fatal("one waits, though nothing has just been decided")
	}
}
