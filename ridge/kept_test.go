package ridge

import (
	"testing"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// A proposal that comes straight from its client and is refused for lack of room,
// or of places, is held nowhere, and its client is told so. One that came by
// another process may be held there.
func TestRefusedIsNotHeld(t *testing.T) {
	from := ids.ToClient(ids.Client{1})
	for _, row := range []struct {
		from ids.Addr
		hops uint8
		kept bool
	}{{from, 0, false}, {ids.To(2), 1, true}, {ids.To(2), 2, true}, {ids.To(2), 0, true}} {
		for _, why := range []Reason{NoRoom, Overloaded} {
			r := optRig(t, 1, 1)
			r.e.lead.phase = leading
			if why == NoRoom {
				r.core.Full(true)
			} else {
				r.core.cfg.Tuning.MaxWaiting = 0
			}
			m := msg(1, r.now.Wall)
			r.core.Step(r.now, row.from, &Propose{Message: m, Herald: true, Hops: row.hops})
			r.drain()
			a := only[*Advice](r)
			if len(a) != 1 || a[0].Reason != why || a[0].Kept != row.kept {
				t.Fatalf("%v, %+v: %+v", why, row, a)
			}
			if held := r.core.opt.count > 0; held != row.kept {
				t.Errorf("%v, %+v: held: %v", why, row, held)
			}
		}
	}
}

// Without optimistic delivery nobody holds what it passes on.
func TestRefusedIsNotKept(t *testing.T) {
	r := newRig(t, 1, 1, 3)
	r.e.lead.phase = leading
	r.core.Full(true)
	r.core.Step(r.now, ids.To(2), &Propose{Message: msg(1, r.now.Wall), Hops: 1})
	r.drain()
	if a := only[*Advice](r); len(a) != 1 || a[0].Reason != NoRoom || a[0].Kept {
		t.Errorf("%+v", a)
	}
}
