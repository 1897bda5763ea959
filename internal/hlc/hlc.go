// Package hlc holds Eyrie's notions of time: timestamps that order messages,
// and the pair of clocks that a core is handed with every input.
package hlc

import "time"

// Timestamp counts microseconds since the Unix epoch. It is hybrid: it follows
// a physical clock, but a process may hand out last+1 when its clock stands
// still or goes back, so timestamps of one origin always rise.
type Timestamp int64

// Max is above every timestamp that can be decided.
const Max = Timestamp(1<<63 - 1)

// Add moves a timestamp by d, rounded down to a microsecond. It saturates
// instead of overflowing: timestamps arrive from outside.
func (t Timestamp) Add(d time.Duration) Timestamp {
	us := Timestamp(d / time.Microsecond)
	s := t + us
	switch {
	case us > 0 && s < t:
		return Max
	case us < 0 && s > t:
		return -Max
	}
	return s
}

// Sub is the duration t - u, saturated.
func (t Timestamp) Sub(u Timestamp) time.Duration {
	const limit = Timestamp((1<<63 - 1) / int64(time.Microsecond))
	d := t - u
	switch {
	case t > 0 && u < 0 && d < 0, d > limit:
		d = limit
	case t < 0 && u > 0 && d > 0, d < -limit:
		d = -limit
	}
	return time.Duration(d) * time.Microsecond
}

// Now is what a core knows of time at an input. Cores never read a clock.
type Now struct {
	// Mono rises steadily and is the only base of timeouts.
	Mono time.Duration
	// Wall is the physical clock. It may be wrong, jump, and go back; it is
	// used only to stamp and to clamp, never to time out.
	Wall Timestamp
}
