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
	tuning.Heartbeat, tuning.FailureTimeout = time.Second, 10*time.Second
	c := New(Config{
		Self: 2, Incarnation: 1, Topology: NewTopology([][]ids.Process{{1, 2, 3}}), Tuning: tuning,
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
