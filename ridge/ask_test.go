package ridge

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// A question's time-out runs from when it was asked, however long nothing has
// happened before: it is not repeated at once.
func TestQuestionsWaitFromWhenAsked(t *testing.T) {
	tuning := DefaultTuning()
	tuning.Heartbeat, tuning.FailureTimeout = time.Second, 5*time.Second
	c := New(Config{
		Self: 2, Life: 1, Topology: NewTopology([][]ids.Process{{1, 2, 3}}), Tuning: tuning,
		Random: func() uint64 { return 1 },
	})
	now := hlc.Now{Mono: time.Hour, Wall: epoch}
	c.Tick(now)
	c.Sends()
	now.Mono += tuning.Heartbeat * 2 / 5
	c.Ask(now)
	questions := 0
	for range 3 {
		for _, s := range c.Sends() {
			if _, ok := s.Msg.(*question); ok {
				questions++
			}
		}
		if wake := c.Wake(); wake <= now.Mono {
			t.Errorf("to be called again %v ago", now.Mono-wake)
		}
		c.Tick(now)
	}
	if questions != 1 {
		t.Errorf("%d questions", questions)
	}
}

// A question whose coordinator is gone goes to the next one as soon as that is
// known, however long it has been repeated in vain.
func TestQuestionsFollowTheCoordinator(t *testing.T) {
	for seed := range uint64(5) {
		w := newWorld(t, 310+seed, 1, 3, nil)
		a := w.asking(0)
		w.run(time.Second)
		w.node(1).dead = true
		a.ask(w.node(3))
		leads := func() bool {
			return w.node(2).core.home.lead.phase == leading || w.node(3).core.home.lead.phase == leading
		}
		w.runUntilExact(leads)
		w.run(5 * time.Millisecond)
		if a.done == 0 {
			w.errorf("the read still waits")
		}
	}
}
