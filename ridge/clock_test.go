package ridge

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
)

// Messages that come late do not make another's clock look slow; one that has gone
// back is believed in the end, and at once if nothing was heard for long.
func TestHeardClock(t *testing.T) {
	const period = time.Second
	var k heardClock
	hear := func(at, late time.Duration, off hlc.Timestamp) {
		k.hear(at, epoch.Add(at-late)+off, period)
	}
	shows := func(what string, at time.Duration, off hlc.Timestamp) {
		t.Helper()
		if got := k.at(at) - epoch.Add(at); got != off {
			t.Fatalf("%s: the clock looks %d us ahead, is %d", what, got, off)
		}
	}
	at := time.Duration(0)
	for i := range 100 {
		at += 125 * time.Millisecond
		late := 80 * time.Millisecond
		if i%8 == 0 {
			late = 0
		}
		hear(at, late, 0)
		shows("late messages", at, 0)
	}
	at += time.Millisecond
	hear(at, 0, 5000)
	shows("gone on", at, 5000)
	for end := at + 2*period; at < end; {
		at += 125 * time.Millisecond
		hear(at, 0, -7000)
	}
	shows("gone back", at, -7000)
	at += 10 * period
	hear(at, time.Millisecond, -20_000)
	shows("after a silence", at, -21_000)
}
