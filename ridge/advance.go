package ridge

import (
	"slices"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// leadShare: a null leads by one leadShare-th of the time between the
// ensemble's own messages.
const leadShare = 2

// nulls is what a coordinator knows of the wish that its ensemble's key rise
// without messages.
type nulls struct {
	// want is the timestamp to reach, by entries or else by a null.
	want hlc.Timestamp
	// While requests keep coming the ensemble is warm, until warmUntil: at
	// warmAt it emits a null of its own accord. warmth is for how long a
	// request warms it; it grows while requests keep coming.
	warmAt    time.Duration
	warmUntil time.Duration
	warmth    time.Duration
	asked     time.Duration // when the last request came
	// later is asked for by somebody who knows of messages up to after, which have not
	// come: they overtake a null as far as that, until laterAt.
	later, after hlc.Timestamp
	laterAt      time.Duration
}

var noNulls = nulls{warmAt: never, laterAt: never}

// nullLead is how far ahead nulls of this ensemble are to be. The further, the
// fewer are needed; but the ensemble's own next messages come behind them, and
// are as far ahead, so that others need nulls for those. An ensemble whose
// messages are rare leads far, one that is busy hardly at all: by half the
// time between its messages, so that what its nulls add is on average behind
// real time when its next message comes, and the ensembles do not carry each
// other away [R8].
//
// With optimistic delivery only those lead whose messages are rare among others,
// and not as far: what is on its way from its proposer would come behind a null
// ahead of it, and out of the order of timestamps.
func (e *ensemble) nullLead(now hlc.Now) time.Duration {
	l, most := &e.lead, e.c.cfg.Tuning.Lead/2
	switch {
	case e.follows():
		return 0
	case e.c.opt.on:
		most /= 4
	}
	return min(max(l.gap, now.Mono-l.proposed)/leadShare, most)
}

// rarely is what part of the messages are of an ensemble that may lead with
// optimistic delivery. Each of its messages that is out of order makes it a larger
// part, and so lets it follow for as many messages as make it one in twice that.
const rarely = 512

// follows says whether nulls are no further ahead than they are asked for.
func (e *ensemble) follows() bool { return e.c.opt.on && e.part > 1./rarely }

// counted takes note of whose the messages are that are delivered here.
func (c *Core) counted(from *ensemble) {
	for _, e := range c.ensembles {
		x := 0.
		if e == from {
			x = 1
		}
		e.part += (x - e.part) * 2 / rarely
	}
}

// minLead is what is not worth a null of its own accord.
func (e *ensemble) minLead() time.Duration { return e.c.cfg.Tuning.Lead / 200 }

// reach is a request that the ensemble's key rise above key [R9]: a null of T
// is above (T, e') only if e > e', else T+1 is needed. Never further than A
// ahead of physical time: then the asker asks again. Only a decided null
// counts; a promise would not bind the next coordinator.
//
// A request may be here sooner than messages that are below it by their T0 and that
// the asker has copies of, up to after. What it asks for has to wait for those in any
// case; a null that does not would have them raised, and so out of the order in which
// they were opt-delivered.
func (e *ensemble) reach(now hlc.Now, key ids.Position, after hlc.Timestamp) {
	if key.E == e.id {
		return
	}
	n := &e.lead.nulls
	target := key.T
	if e.id < key.E {
		target = key.T.Add(time.Microsecond)
	}
	if target <= max(n.want, e.lead.last) {
		return
	}
	if after = min(after, target-1); after > e.passed() {
		n.later, n.after = max(n.later, target), max(n.after, after)
		n.laterAt = min(n.laterAt, now.Mono+min(e.c.opt.latency, e.c.patience()))
		return
	}
	e.wish(now, target)
}

// wish has the ensemble reach target, or as far as it may.
func (e *ensemble) wish(now hlc.Now, target hlc.Timestamp) {
	n := &e.lead.nulls
	if target = e.ahead(now, target); target > max(n.want, e.lead.last) {
		n.want = target
		e.warm(now)
	}
}

// ahead is the timestamp of a null that is to be at t or above. Only where
// several partitions learn is it above a t that is ahead already: the others
// come behind such a t by each of their messages. If all did so they would
// carry each other away [R8].
func (e *ensemble) ahead(now hlc.Now, t hlc.Timestamp) hlc.Timestamp {
	physical, lead := e.physical(now), e.nullLead(now)
	from := physical
	if e.follows() {
		if len(e.spec.Partitions) > 1 {
			t = max(t, e.c.opt.frontier(now))
		} // else its messages are stamped behind: they want room
		return min(t, physical.Add(e.c.cfg.Tuning.Lead))
	}
	if len(e.spec.Partitions) > 1 {
		from = max(t, physical)
	}
	return min(max(t, from.Add(lead)), physical.Add(e.c.cfg.Tuning.Lead))
}

// leadOn puts a null behind the entries of a value: it costs nothing there. Only
// where several partitions learn: they would all wait for this ensemble, of
// whose messages most are for others.
func (e *ensemble) leadOn(now hlc.Now) {
	if n := &e.lead.nulls; len(e.spec.Partitions) > 1 {
		n.want = max(n.want, e.ahead(now, e.lead.last+followed))
	}
}

// followed is room for messages of one partition that are stamped right behind
// one of several (behind).
const followed = 8

// warm counts a request. When another follows soon the ensemble is warm and
// emits nulls by itself, before somebody waits for them; when that has ended
// and a request follows soon again, it is warm for twice as long.
func (e *ensemble) warm(now hlc.Now) {
	n := &e.lead.nulls
	soon := e.c.cfg.Tuning.Lead
	switch {
	case now.Mono <= n.warmUntil:
		n.warmUntil = now.Mono + n.warmth
	case n.asked != 0 && now.Mono-max(n.asked, n.warmUntil) <= soon:
		n.warmth = min(2*n.warmth, 2*e.c.timeout)
		n.warmUntil = now.Mono + n.warmth
		n.warmAt = now.Mono
	default:
		n.warmth = soon
	}
	n.asked = now.Mono
}

// passed is how far nothing is left that a null could overtake: messages have come, those
// that the ensemble orders or, where these are of one partition, copies of others that
// its own are to stand behind; or it is there already, and raises what comes.
func (e *ensemble) passed() hlc.Timestamp {
	t := max(e.lead.arrived, e.lead.last)
	if len(e.spec.Partitions) == 1 {
		t = max(t, e.c.opt.newest)
	}
	return t
}

// catchUp is what was asked for when its time has come, or what it was to come after.
func (e *ensemble) catchUp(now hlc.Now) {
	n := &e.lead.nulls
	if n.laterAt == never || now.Mono < n.laterAt && n.after > e.passed() {
		return
	}
	target := n.later
	n.later, n.after, n.laterAt = 0, 0, never
	e.wish(now, target)
}

// keepWarm wants a null when half of the lead is used up.
func (e *ensemble) keepWarm(now hlc.Now) {
	n := &e.lead.nulls
	if now.Mono < n.warmAt {
		return
	}
	if now.Mono > n.warmUntil || e.follows() {
		n.warmAt = never
		return
	}
	lead, physical := e.nullLead(now), e.physical(now)
	left := max(n.want, e.lead.last).Sub(physical)
	if left <= lead/2 && lead >= e.minLead() {
		n.want = physical.Add(lead)
		left = lead
	}
	n.warmAt = now.Mono + max(left-lead/2, e.minLead()/2)
}

// askAdvances asks the ensembles that hold back a delivery to go on. Who
// coordinates either side asks at once, as early as it proposes what will
// wait; the others leave it to them for a moment, and then repeat with
// back-off.
func (c *Core) askAdvances() {
	if len(c.ensembles) == 1 {
		return
	}
	for _, e := range c.ensembles {
		s := &e.stream
		need, mine := c.needed(e)
		if k := (ids.Position{T: s.wish, E: c.home.id}); e != c.home && need.Less(k) {
			need, mine = k, true
		}
		if !s.reached().Less(need) {
			s.askTries, s.askAt = 0, never
			continue
		}
		if s.askAt == never || s.asked.Less(s.reached()) { // new, or granted
			s.asked, s.askTries, s.askAt = need, 0, c.now.Mono
			if !mine && e.lead.phase == idle {
				s.askAt += c.patience() / 20
			}
		}
		if c.now.Mono >= s.askAt {
			s.asked = need
			s.askTries++
			s.askAt = c.now.Mono + backoff(c.patience()/4, s.askTries, c.patience())
			c.ask(e, need)
		}
	}
}

// needed is the highest key waiting, or proposed here, in any other ensemble:
// what e must exceed so that all of that can be delivered. Nulls, and entries
// for others, never wait and so never need anything [R9]. mine says that this
// process proposed what needs it.
func (c *Core) needed(e *ensemble) (need ids.Position, mine bool) {
	for _, o := range c.ensembles {
		if o == e {
			continue
		}
		if k := o.stream.highest(); need.Less(k) {
			need, mine = k, o.lead.phase == leading
		}
		if k := (ids.Position{T: o.lead.here, E: o.id}); o.lead.phase == leading && o.lead.here > o.stream.last && need.Less(k) {
			need, mine = k, true
		}
	}
	return need, mine
}

// hint asks, ahead of the learners, the ensembles that will hold back entries
// proposed here at partitions that are not this process's own: they decide
// their nulls while the entries are being decided. Those of its own it asks
// itself.
func (e *ensemble) hint(entries []Entry) {
	if len(e.spec.Partitions) == 1 {
		return
	}
	t := e.c.cfg.Topology
	for i := range t.Ensembles {
		s := &t.Ensembles[i]
		if s.ID == e.id || s.Partitions.Has(e.c.partition) {
			continue
		}
		meets, after := false, hlc.Timestamp(0)
		for _, x := range entries {
			if !s.Partitions.Meets(x.Message.Dests) {
				continue
			}
			meets = true
			if !e.c.opt.on {
				break
			}
			after = max(after, x.Message.T0)
		}
		if meets {
			e.c.counters.Advances++
			e.c.send(e.c.foreignCoordinator(s), &advance{Ensemble: s.ID, Key: ids.Position{T: e.lead.top, E: e.id}, After: after})
		}
	}
}

// foreignCoordinator is whom to ask in an ensemble not subscribed to.
func (c *Core) foreignCoordinator(s *EnsembleSpec) ids.Process {
	if r, ok := c.foreign[s.ID]; ok {
		return r.Coordinator
	}
	return s.Acceptors[0]
}

// noteForeign remembers who coordinates an ensemble not subscribed to.
func (c *Core) noteForeign(it *heartbeatItem) {
	s := c.cfg.Topology.spec(it.Ensemble)
	if s != nil && slices.Contains(s.Acceptors, it.Round.Coordinator) && c.foreign[it.Ensemble].Less(it.Round) {
		c.foreign[it.Ensemble] = it.Round
	}
}

func (c *Core) ask(e *ensemble, key ids.Position) {
	c.counters.Advances++
	if e.lead.phase != idle {
		e.reach(c.now, key, c.after(e))
		e.pump(c.now)
		return
	}
	if to := e.way(e.stream.askTries); to != 0 {
		c.send(to, &advance{Ensemble: e.id, Key: key, After: c.after(e)})
	}
}

// after is how far messages are known here that e is yet to order.
func (c *Core) after(e *ensemble) hlc.Timestamp {
	if len(e.spec.Partitions) == 1 {
		return 0
	}
	return c.opt.several.top()
}
