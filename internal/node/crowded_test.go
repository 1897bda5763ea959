package node

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// A coordinator whose table is full of clients refuses those that come, and takes
// them again when the first ones may be forgotten.
func TestCrowdedCoordinatorRefuses(t *testing.T) {
	const most = 100
	n, now := leading(t, func(t *partition.Tuning) { t.MaxRemembered = most })
	clients := byte(0)
	propose := func() (refused int) {
		clients++
		c := ids.Command{Client: ids.Client{clients}, Sequence: 1}
		n.Step(now, ids.ToClient(c.Client), 0, &ridge.Propose{Message: &ridge.Message{
			Command: c, Attempt: 1, T0: now.Wall, Mark: 1, Dests: ids.Set{0}, Body: partition.Request{MapVersion: 1}.Append(nil),
		}})
		for _, s := range n.Sends() {
			if m, ok := s.Msg.(*ridge.Advice); ok && m.Reason == ridge.Overloaded {
				refused++
			}
		}
		return refused
	}
	refused := 0
	for range most {
		refused += propose()
	}
	if r := n.Status().Replica; r.Remembered != most+2 || refused != most-r.Clients {
		t.Errorf("%d refused; %d clients, %d remembered", refused, r.Clients, r.Remembered)
	}
	later := now.Wall.Add(n.cfg.Partition.Horizon)
	for now.Wall <= later {
		const step = 100 * time.Millisecond
		now.Mono, now.Wall = now.Mono+step, now.Wall.Add(step)
		n.Tick(now)
		n.Sends()
	}
	if propose() > 0 {
		t.Error("refused when what it remembers has expired")
	}
	if r := n.Status().Replica; r.Remembered > 2 {
		t.Errorf("%d remembered", r.Remembered)
	}
}
