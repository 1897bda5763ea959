package sim

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
)

// Do has f called in d as an input of the endpoint: some work of its own that
// ends, such as a write to its disk. A paused or busy endpoint takes it
// afterwards; if it has crashed meanwhile, nobody does. What the core has to say
// then is sent.
func (w *World) Do(id ID, d time.Duration, f func(now hlc.Now)) {
	life := w.ends[id].life
	var run func()
	run = func() {
		e := &w.ends[id]
		if !e.alive || e.life != life {
			return
		}
		if until := max(e.held, e.busy); until > w.now {
			w.At(until, run)
			return
		}
		w.Counts.Inputs++
		w.note(Event{Kind: Ticked, To: id, Arg: 1})
		f(e.clock.read(w.now))
		w.settle(id)
	}
	w.After(d, run)
}
