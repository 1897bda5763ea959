package client

import (
	"time"

	"github.com/eyrie-dev/eyrie/partition"
)

// pace is how long replies take of late: a command is sent again when its own is
// overdue, not when the service is slow. Every copy is ordered and judged at all
// replicas, so copies that nobody needs make a slow service slower, and more of
// them.
//
// The estimate is that of TCP (RFC 6298), with one difference: a command that
// was sent again counts too, since its first copy, if the reply was sent when the
// command was executed. Where all replies have become slower than the pause there
// would be no other samples, ever. A reply that a copy was answered with, out of a
// replica's table, says that the first was lost, and nothing of how long it took:
// if it counted, a replica that answers but cannot reach this client would have it
// wait longer before each copy than before the last.
type pace struct {
	mean, deviation time.Duration // smoothed
}

// executed says whether a reply was sent when its command was executed. Another,
// to a copy, has no such time.
func executed(m *partition.Reply) bool { return m.Stages.Finished != 0 }

func (p *pace) took(d time.Duration) {
	if p.mean == 0 {
		p.mean, p.deviation = d, d/2
		return
	}
	p.deviation += ((d - p.mean).Abs() - p.deviation) / 4
	p.mean += (d - p.mean) / 8
}

// overdue is when a reply is.
func (p *pace) overdue() time.Duration { return p.mean + 4*p.deviation }

// pace is that of commands like this one: those of several partitions wait for
// more.
func (c *Core) pace(call *call) *pace {
	if len(call.message().Dests) > 1 {
		return &c.paces[1]
	}
	return &c.paces[0]
}

// firstPause is how long a command waits for its reply before it is sent again.
func (c *Core) firstPause(call *call) time.Duration {
	t := &c.cfg.Tuning
	return max(t.Resend, min(c.pace(call).overdue(), t.MaxPause))
}
