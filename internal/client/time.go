package client

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
)

// clock is the service's time as the client knows it [X5]: anchored at the
// Welcome, corrected by every reply, downwards too [N6], and carried on by the
// monotonic clock in between.
type clock struct {
	at    hlc.Timestamp
	since time.Duration // Mono of the anchor
	last  hlc.Timestamp // the last stamp
}

func (c *clock) anchor(now hlc.Now, t hlc.Timestamp) {
	c.at, c.since = t, now.Mono
}

// correct takes in that the service's time was t at some moment since the
// given Mono: so by now it is at least t, and at most t and what has passed.
// To take it for the time now would set the clock back by all that a command
// had waited for its reply, and make the next ones late.
func (c *clock) correct(now hlc.Now, t hlc.Timestamp, since time.Duration) {
	c.anchor(now, min(max(c.time(now), t), t.Add(now.Mono-since)))
}

func (c *clock) time(now hlc.Now) hlc.Timestamp { return c.at.Add(now.Mono - c.since) }

// stamp is a first timestamp: the physical clock or the service's time,
// whichever is later, but at most ahead of the service's time. Of what is
// stamped at one moment each is above the one before: equal timestamps would be
// raised when they are ordered, and whoever executed earlier by another one
// would have been wrong. After a correction downwards there is no such need.
func (c *clock) stamp(now hlc.Now, ahead time.Duration) hlc.Timestamp {
	service := c.time(now)
	t := max(now.Wall, service)
	if t <= c.last && c.last < t.Add(maxBurst) {
		t = c.last + 1
	}
	c.last = min(t, service.Add(ahead))
	return c.last
}

// maxBurst bounds how far stamps may run ahead of the clock, at a microsecond
// each.
const maxBurst = time.Millisecond
