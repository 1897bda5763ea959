package ridge

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// nulls is what a coordinator knows of the wish that its ensemble's key rise
// without messages.
type nulls struct {
	// want is the timestamp to reach, by entries or else by a null.
	want hlc.Timestamp
	// While requests keep coming the ensemble is warm, until warmUntil: at
	// warmAt it emits a null of its own accord. warmth is for how long a
	// request warms it, and how soon the next must come to do so; it grows
	// while requests keep coming.
	warmAt    time.Duration
	warmUntil time.Duration
	warmth    time.Duration
	asked     time.Duration // when the last request came
}

// reach is a request that the ensemble's key rise above key [R9]: a null of T
// is above (T, e') only if e > e', else T+1 is needed. Never further than A
// ahead of physical time: then the asker asks again. Only a decided null
// counts; a promise would not bind the next coordinator.
func (e *ensemble) reach(now hlc.Now, key ids.Position) {
	if key.E == e.id {
		return
	}
	l := &e.lead
	target := key.T
	if e.id < key.E {
		target = key.T.Add(time.Microsecond)
	}
	limit := e.physical(now).Add(e.c.cfg.Tuning.Lead)
	if target = min(target, limit); target > max(l.nulls.want, l.last) {
		l.nulls.want = target
		e.warm(now)
	}
}

// warm counts a request: a second one within the warm time of the one before
// makes the ensemble emit nulls by itself.
func (e *ensemble) warm(now hlc.Now) {
	n, t := &e.lead.nulls, &e.c.cfg.Tuning
	least, most := t.Lead/4, 2*t.FailureTimeout
	switch {
	case now.Mono <= n.warmUntil:
		n.warmUntil = now.Mono + n.warmth
	case n.asked != 0 && now.Mono-max(n.asked, n.warmUntil) <= n.warmth:
		n.warmth = min(2*n.warmth, most)
		n.warmUntil = now.Mono + n.warmth
		n.warmAt = now.Mono + e.warmEvery()
	default:
		n.warmth = least
	}
	n.asked = now.Mono
}

// warmLead is how far ahead the nulls of a warm ensemble are: small, since it
// carries the ensemble's own messages ahead of the others.
func (e *ensemble) warmLead() time.Duration { return e.c.cfg.Tuning.Lead / 40 }

func (e *ensemble) warmEvery() time.Duration { return e.warmLead() / 2 }

// keepWarm wants a null when one is due.
func (e *ensemble) keepWarm(now hlc.Now) {
	n := &e.lead.nulls
	if now.Mono < n.warmAt {
		return
	}
	if now.Mono > n.warmUntil {
		n.warmAt = never
		return
	}
	n.warmAt = now.Mono + e.warmEvery()
	n.want = max(n.want, e.physical(now).Add(e.warmLead()))
}

// askAdvances asks the ensembles that hold back a delivery to go on, as soon
// as one does, and then with back-off.
func (c *Core) askAdvances() {
	if len(c.ensembles) == 1 {
		return
	}
	for _, e := range c.ensembles {
		s := &e.stream
		need := c.needed(e)
		if !s.reached().Less(need) {
			s.askTries, s.askAt = 0, never
			continue
		}
		switch {
		case s.askTries == 0: // not asked yet
		case s.asked.Less(s.reached()): // granted
			s.askTries = 0
		case c.now.Mono < s.askAt:
			continue
		}
		s.asked = need
		s.askTries++
		s.askAt = c.now.Mono + backoff(c.patience()/4, s.askTries, c.patience())
		c.ask(e, need)
	}
}

// needed is the highest key queued from any other ensemble: what e must
// exceed so that all that is queued can be delivered. Nulls, and entries for
// others, are never queued and so never need anything [R9].
func (c *Core) needed(e *ensemble) (need ids.Position) {
	for _, o := range c.ensembles {
		if o != e {
			if k := o.stream.highest(); need.Less(k) {
				need = k
			}
		}
	}
	return need
}

func (c *Core) ask(e *ensemble, key ids.Position) {
	c.counters.Advances++
	if e.lead.phase != idle {
		e.reach(c.now, key)
		e.pump(c.now)
		return
	}
	if to := e.way(e.stream.askTries); to != 0 {
		c.send(to, &advance{Ensemble: e.id, Key: key})
	}
}
