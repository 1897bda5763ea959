package sim

import (
	"math/bits"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
)

// Clock is an endpoint's two clocks, as functions of virtual time. The
// monotonic one runs steadily at a rate of its own; the physical one may
// besides be off, drift, jump and go back. All integers: the same on every
// machine.
type Clock struct {
	// Base is the physical time at virtual time zero.
	Base hlc.Timestamp
	// MonoOffset and MonoPPM set the monotonic clock: what it shows at
	// virtual time zero, and by how many millionths it is fast.
	MonoOffset time.Duration
	MonoPPM    int64
	// Skew is how far the physical clock is off, WallPPM how fast it drifts.
	Skew    time.Duration
	WallPPM int64
	// Grain is the physical clock's resolution; zero is a microsecond.
	Grain time.Duration
	since time.Duration // virtual time at which WallPPM was set
}

// far is the horizon beyond which a wake time counts as never; it keeps the
// arithmetic within 64 bits.
const far = time.Hour

func (c *Clock) read(t time.Duration) hlc.Now {
	drift := int64(t-c.since) / 1000 * c.WallPPM / 1_000_000 // microseconds
	wall := c.Base + hlc.Timestamp(t/time.Microsecond) + hlc.Timestamp(drift) + hlc.Timestamp(c.Skew/time.Microsecond)
	if g := hlc.Timestamp(c.Grain / time.Microsecond); g > 1 {
		wall -= wall % g
	}
	return hlc.Now{
		Mono: c.MonoOffset + t + time.Duration(int64(t)/1000*c.MonoPPM/1000),
		Wall: wall,
	}
}

// when is a virtual time at which the monotonic clock shows at least mono, and
// at most a few microseconds after the first such.
func (c *Clock) when(mono time.Duration) time.Duration {
	d := mono - c.MonoOffset
	if d <= 0 {
		return 0
	}
	if d > 1000*far {
		return Never
	}
	hi, lo := bits.Mul64(uint64(d), 1_000_000)
	q, _ := bits.Div64(hi, lo, uint64(1_000_000+c.MonoPPM))
	t := time.Duration(q)
	for m := c.read(t).Mono; m < mono; m = c.read(t).Mono {
		t += mono - m
	}
	return t
}

// Jump moves an endpoint's physical clock by d, back too.
func (w *World) Jump(id ID, d time.Duration) {
	w.ends[id].clock.Skew += d
	w.Counts.Jumps++
	w.note(Event{Kind: Jumped, To: id, Arg: int64(d)})
}

// Drift makes an endpoint's physical clock run fast by ppm millionths from
// now on.
func (w *World) Drift(id ID, ppm int64) {
	c := &w.ends[id].clock
	c.Skew += time.Duration(int64(w.now-c.since)/1000*c.WallPPM/1_000_000) * time.Microsecond
	c.since, c.WallPPM = w.now, ppm
	w.Counts.Drifts++
	w.note(Event{Kind: Drifted, To: id, Arg: ppm})
}

// Synchronize ends an endpoint's drift and sets its physical clock to be off
// by skew.
func (w *World) Synchronize(id ID, skew time.Duration) {
	c := &w.ends[id].clock
	c.since, c.WallPPM, c.Skew = w.now, 0, skew
	w.note(Event{Kind: Jumped, To: id, Arg: int64(skew)})
}

// Off is how far an endpoint's physical clock is from true time.
func (w *World) Off(id ID) time.Duration {
	c := &w.ends[id].clock
	true_ := c.Base + hlc.Timestamp(w.now/time.Microsecond)
	return c.read(w.now).Wall.Sub(true_)
}
