package simtest

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/sim"
)

// paced says whether a standstill must be somebody's fault: clocks were right,
// and clients wait long enough for an answer. What was stamped by a clock that was
// far ahead waits until that time has come.
func (s *Shape) paced() bool {
	return s.Bare == nil && s.patient() && s.Weights[sim.FaultClientClock] == 0 && s.Weights[sim.FaultServerClock] == 0
}

// patient says whether clients wait long enough for an answer to be sure of one
// when nothing is wrong.
func (s *Shape) patient() bool { return s.Ridge.Horizon > 8*s.Client.MaxPause+4*time.Second }

// standstill is how long there may be no answer at all, without faults, though
// commands wait. Elections, resends and replay take a few seconds. The next
// checkpoint by time is further away: to wait for it is a bug.
func (s *Shape) standstill() time.Duration {
	return 10*time.Second + 20*s.Ridge.FailureTimeout + 4*s.Client.MaxPause
}

// goOn runs the world for at most d without faults, until done holds, and returns
// whether it did. Answers must come all the time.
func (c *cluster) goOn(d time.Duration, done func() bool) bool {
	answered, at := c.answered, c.world.Now()
	return c.until(d, func() bool {
		now := c.world.Now()
		if c.answered != answered || c.open == 0 {
			answered, at = c.answered, now
		}
		if now-at > c.shape.standstill() {
			if c.shape.paced() && !c.fetching() {
				c.fail(c.stoodStill(now - at))
			}
			at = now
		}
		return done()
	})
}

func (c *cluster) stoodStill(d time.Duration) error {
	return c.broken("liveness: without any fault no answer came in %v, though %d commands wait", d, c.open)
}

// fetching says whether a replica lacks a state: the pauses between attempts to
// fetch one are long.
func (c *cluster) fetching() bool {
	for _, s := range c.servers {
		if s.up() && s.node.Status().Transfer.Lacks != "" {
			return true
		}
	}
	return false
}
