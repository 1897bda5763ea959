package sim

import "time"

// The faults. Each lasts for a given time, or until Heal; faults of one kind
// and place may overlap.

// Crash stops an endpoint for good. What it sent is still in flight.
func (w *World) Crash(id ID) {
	e := &w.ends[id]
	if !e.alive {
		return
	}
	e.alive = false
	for ; e.head < len(e.inbox); e.head++ {
		w.release(e.inbox[e.head])
	}
	e.inbox, e.head = e.inbox[:0], 0
	w.Counts.Crashes++
	w.note(Event{Kind: Crashed, To: id})
}

// Pause stops an endpoint for d; what arrives meanwhile waits. Its clocks run
// on.
func (w *World) Pause(id ID, d time.Duration) {
	e := &w.ends[id]
	if !e.alive {
		return
	}
	e.held = max(e.held, w.now+d)
	w.Counts.Pauses++
	w.note(Event{Kind: Paused, To: id, Arg: int64(d)})
}

// Slow makes an endpoint take cost for every message for d.
func (w *World) Slow(id ID, cost, d time.Duration) {
	w.ends[id].cost = cost
	w.Counts.Slow++
	w.note(Event{Kind: Slowed, To: id, Arg: int64(cost)})
	w.later(d, func() { w.ends[id].cost = 0 })
}

// later calls end in d, unless Heal comes first.
func (w *World) later(d time.Duration, end func()) {
	epoch := w.epoch
	w.After(d, func() {
		if w.epoch == epoch {
			end()
		}
	})
}

// CutLink loses everything from one endpoint to another for d.
func (w *World) CutLink(from, to ID, d time.Duration) {
	w.Counts.CutOneWay++
	w.cut(from, to, d)
}

// CutPair cuts both directions.
func (w *World) CutPair(a, b ID, d time.Duration) {
	w.Counts.CutBoth++
	w.cut(a, b, d)
	w.cut(b, a, d)
}

func (w *World) cut(from, to ID, d time.Duration) {
	w.link(from, to).cuts++
	w.note(Event{Kind: LinkFault, From: from, To: to, Text: "cut", Arg: int64(d)})
	w.later(d, func() {
		w.link(from, to).cuts--
		w.note(Event{Kind: LinkFault, From: from, To: to, Text: "mended"})
	})
}

// Direction says which ways an isolated endpoint is cut off.
type Direction int

const (
	Both Direction = iota
	In             // it hears nobody
	Out            // nobody hears it
)

// Isolate cuts an endpoint off from all others.
func (w *World) Isolate(id ID, dir Direction, d time.Duration) {
	w.Counts.Isolated++
	for other := range w.ends {
		if o := ID(other); o != id {
			if dir != In {
				w.cut(id, o, d)
			}
			if dir != Out {
				w.cut(o, id, d)
			}
		}
	}
}

// Split cuts all links between two sides: those for which side is true, and
// the others.
func (w *World) Split(side func(ID) bool, d time.Duration) {
	w.Counts.Split++
	for a := range w.ends {
		for b := range w.ends {
			if side(ID(a)) != side(ID(b)) {
				w.cut(ID(a), ID(b), d)
			}
		}
	}
}

// CutGroups cuts all links from one group to another, and back if both is set.
func (w *World) CutGroups(from, to []ID, both bool, d time.Duration) {
	w.Counts.Split++
	for _, a := range from {
		for _, b := range to {
			w.cut(a, b, d)
			if both {
				w.cut(b, a, d)
			}
		}
	}
}

// Flap cuts a pair and mends it, again and again, for d.
func (w *World) Flap(a, b ID, period, d time.Duration) {
	w.Counts.Flaps++
	end := w.now + d
	var flip func()
	flip = func() {
		if w.now >= end {
			return
		}
		w.cut(a, b, period/2)
		w.cut(b, a, period/2)
		w.later(period, flip)
	}
	flip()
}

// SlowLink doubles a link's delay the given number of times for d.
func (w *World) SlowLink(from, to ID, doublings int32, d time.Duration) {
	w.Counts.Slow++
	w.link(from, to).slow += doublings
	w.note(Event{Kind: LinkFault, From: from, To: to, Text: "slow", Arg: int64(doublings)})
	w.later(d, func() { w.link(from, to).slow -= doublings })
}

// Stall lets nothing arrive over a link for d; then everything does, as over a
// connection that retransmits.
func (w *World) Stall(from, to ID, d time.Duration) {
	w.Counts.Stalls++
	l := w.link(from, to)
	l.stall = max(l.stall, w.now+d)
	w.note(Event{Kind: LinkFault, From: from, To: to, Text: "stall", Arg: int64(d)})
}

// Reset loses what is in flight on a link, as when a connection breaks.
func (w *World) Reset(from, to ID) {
	w.Counts.Resets++
	w.link(from, to).reset++
	w.note(Event{Kind: LinkFault, From: from, To: to, Text: "reset"})
}

// Burst loses most messages of the whole network for d.
func (w *World) Burst(loss int, d time.Duration) {
	w.Counts.Bursts++
	w.burst, w.burstEnd = loss, w.now+d
	w.note(Event{Kind: LinkFault, Text: "burst of loss", Arg: int64(d)})
}

// Heal ends all faults of links and processes, except crashes: from now on
// the network loses, repeats and slows nothing. Clocks are the caller's.
func (w *World) Heal() {
	w.epoch++
	w.quiet = true
	for i := range w.links {
		l := &w.links[i]
		l.cuts, l.slow = 0, 0
		l.stall, l.last = min(l.stall, w.now), min(l.last, w.now)
	}
	for i := range w.ends {
		e := &w.ends[i]
		e.cost, e.held = 0, min(e.held, w.now)
		if len(e.inbox) > e.head {
			e.run = false // the queued run may lie far ahead
			w.planRun(ID(i))
		}
		if e.alive {
			w.scheduleTick(ID(i), w.now)
		}
	}
	w.note(Event{Kind: Healed})
}
