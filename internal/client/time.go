package client

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
)

// clock is the service's time as the client knows it [X5]: anchored at the
// Welcome and again by every reply, downwards too [N6], and carried on by the
// monotonic clock in between.
type clock struct {
	at    hlc.Timestamp
	since time.Duration // Mono of the anchor
}

func (c *clock) anchor(now hlc.Now, t hlc.Timestamp) {
	c.at, c.since = t, now.Mono
}

// stamp is a first timestamp: the physical clock or the service's time,
// whichever is later, but at most ahead of the service's time.
func (c *clock) stamp(now hlc.Now, ahead time.Duration) hlc.Timestamp {
	service := c.at.Add(now.Mono - c.since)
	return min(max(now.Wall, service), service.Add(ahead))
}
