package client

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/session"
)

// A coordinator that dies has a successor after a failure timeout and a moment. To send
// again to one acceptor after the other, each time after a longer pause, would find it
// half a second later. So who hears nothing asks acceptors, one at a time, who coordinates,
// and sends what is open there as soon as somebody names another.

// seeking is the search for ensembles' coordinators.
type seeking struct {
	wanted []bool        // by position in the routes' specs
	at     time.Duration // Mono; when to ask next, or never
	until  time.Duration // Mono; when to stop
	turn   int
}

const (
	seekPause = helloPause
	seekFor   = 30 * seekPause
)

// seek begins to ask who coordinates e, unless that is asked already.
func (c *Core) seek(e ids.Ensemble) {
	s, i := &c.seeking, c.routes.index(e)
	if i < 0 || s.wanted[i] {
		return
	}
	s.wanted[i] = true
	s.until = c.now.Mono + seekFor
	if s.at == never {
		s.at = c.now.Mono + seekPause
	}
}

// tickSeek asks an acceptor of each ensemble that is looked for, while anything for that
// has waited long.
func (c *Core) tickSeek() {
	s, now := &c.seeking, c.now.Mono
	if now < s.at {
		return
	}
	s.at = never
	s.turn++
	waiting := make([]bool, len(s.wanted))
	c.each(func(call *call) {
		if call.copies > 1 || call.copies == 1 && now-call.first > seekPause/2 {
			waiting[c.routes.index(call.copy.proposal.Ensemble())] = true
		}
	})
	for i := range s.wanted {
		if s.wanted[i] = s.wanted[i] && waiting[i] && now < s.until; s.wanted[i] {
			e := c.routes.specs[i].ID
			p := c.routes.acceptor(e, c.routes.live(e, s.turn))
			c.sends = append(c.sends, Send{ids.To(p), &session.Hello{}})
			s.at = now + seekPause
		}
	}
}

// found takes what a process says about coordinators. What is looked for has moved if it
// names another one: then all that is open for it goes there, also what has gone there
// before, when it could not but pass it on in vain.
func (c *Core) found(ps []ids.Process) {
	s := &c.seeking
	if len(ps) != len(s.wanted) {
		return
	}
	for i, p := range ps {
		e := c.routes.specs[i].ID
		if !s.wanted[i] || p == 0 || c.routes.down[p] || !c.routes.learn(e, p) {
			continue
		}
		s.wanted[i] = false
		to := c.routes.coordinator(e)
		c.each(func(call *call) {
			if call.copies > 0 && call.copy.proposal.Ensemble() == e {
				c.Stats.Redirected++
				call.target = to
				c.send(call)
			}
		})
	}
}
