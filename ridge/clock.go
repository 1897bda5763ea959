package ridge

import (
	"slices"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
)

// former is what a process knows of the time in its former lives. Its physical
// clock then was no more than B behind what it voted for or delivered: if all
// clocks of a service go back while it is off, timestamps do not stand still until
// they have caught up. One clock cannot carry itself ahead so: B is more than
// anybody is ahead, and a clock that is later than this counts again by itself.
type former struct {
	top  hlc.Timestamp // of the votes recovered
	from hlc.Timestamp // the least that the physical clock shows at at; zero: none
	at   time.Duration
}

func (f *former) begin(now hlc.Now, from hlc.Timestamp) hlc.Now {
	if from > 0 {
		f.from, f.at = from, now.Mono
	}
	return f.onward(now)
}

// onward is now with a physical clock that has not gone back.
func (f *former) onward(now hlc.Now) hlc.Now {
	if f.from > 0 {
		now.Wall = max(now.Wall, f.from.Add(now.Mono-f.at))
	}
	return now
}

// heardClock is another process's physical clock, as its messages tell it. They come
// late on a busy machine, and never early: of those of the last while the one counts
// that shows the clock furthest on. A clock that goes back is believed at the end of it.
type heardClock struct {
	known bool
	// lately and before are the most that the clock was ahead of our Mono, in the
	// present period, which began at since, and in the one before.
	lately, before hlc.Timestamp
	since          time.Duration
}

// hear takes what the clock showed when a message left that has come now. It counts
// for one to two periods.
func (k *heardClock) hear(now time.Duration, wall hlc.Timestamp, period time.Duration) {
	ahead := wall.Add(-now)
	switch gone := now - k.since; {
	case !k.known || gone >= 2*period:
		*k = heardClock{true, ahead, ahead, now}
	case gone >= period:
		*k = heardClock{true, ahead, k.lately, now}
	default:
		k.lately = max(k.lately, ahead)
	}
}

// at is what the clock shows now.
func (k *heardClock) at(now time.Duration) hlc.Timestamp {
	return max(k.lately, k.before).Add(now)
}

// physical is the physical clock that bounds timestamps: the lower median of
// the acceptors' clocks that this process hears, its own included, so that
// one wrong clock, fast or slow, moves nothing [R8]. A clock heard a while ago
// has gone on since by our Mono.
func (e *ensemble) physical(now hlc.Now) hlc.Timestamp {
	var room [MaxAcceptors]hlc.Timestamp
	clocks := room[:0]
	for i := range e.acceptors() {
		p := e.members[i].peer
		switch {
		case i == e.self:
			clocks = append(clocks, now.Wall)
		case p != nil && p.clock.known && e.c.hears(p):
			clocks = append(clocks, p.clock.at(now.Mono))
		}
	}
	if len(clocks) == 0 {
		return now.Wall
	}
	slices.Sort(clocks)
	return clocks[(len(clocks)-1)/2]
}

// clocked says whether the median counts: f+1 acceptors' clocks are heard, this
// process's own included. A coordinator that hears fewer makes no timestamps:
// its own clock alone may be wrong, and it has no quorum for them anyway [R8].
func (e *ensemble) clocked() bool {
	n := 0
	for i := range e.acceptors() {
		p := e.members[i].peer
		if i == e.self || p != nil && p.clock.known && e.c.hears(p) {
			n++
		}
	}
	return n >= e.quorum
}

// present is what a client may take as the present. What nulls add to the
// ensemble's time is left out: clients that stamped with it, whose messages
// then are as far ahead, would carry the ensembles on, up to the window.
func (e *ensemble) present(now hlc.Now) hlc.Timestamp {
	return max(e.physical(now), e.stream.last.Add(-e.c.cfg.Tuning.Lead))
}

// time is the ensemble's time: what it has reached, or the physical clock if
// that is later.
func (e *ensemble) time(now hlc.Now) hlc.Timestamp {
	t := max(e.physical(now), e.stream.last)
	if e.lead.phase == leading {
		t = max(t, e.lead.last)
	}
	return t
}

// window is W in the clock's ticks.
func (t *Tuning) window() hlc.Timestamp { return hlc.Timestamp(t.Window / time.Microsecond) }

// clamp moves a proposer's timestamp into the window W around the physical
// clock, both ways (erratum 5). One not above last becomes last+1, unless that
// leaves the window: then learners raise it (erratum 2), and nothing received
// carries the ensemble ahead of its window [R8].
func clamp(t, last, physical hlc.Timestamp, w hlc.Timestamp) hlc.Timestamp {
	t = max(t, physical-w, last+1)
	return min(t, physical+w)
}
