package client

import (
	"testing"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/session"
)

// When the coordinator is down, or silent, acceptors are asked who coordinates; what is
// open is sent to another one as soon as one is named, once, and not when somebody names
// the old one, or nobody asked.
func TestSuccessorIsSought(t *testing.T) {
	for _, down := range []bool{true, false} {
		w := newWorld(t, 1)
		w.welcome(7)
		w.submit("a")
		w.submit("b")
		_, to := w.proposals()
		old, e := to[0], ids.Ensemble(0)
		next := w.routes.acceptor(e, w.routes.coordinator(e)+2)
		named := func(p ids.Process) *session.Welcome {
			m := &session.Welcome{Life: 7, Coordinators: make([]ids.Process, len(w.routes.specs))}
			for i := range m.Coordinators {
				m.Coordinators[i] = p
			}
			return m
		}
		w.Step(w.now, next, named(next))
		if p, _ := w.proposals(); len(p) > 0 {
			t.Fatalf("down %v: %d copies when all is well", down, len(p))
		}
		if down {
			w.Down(w.now, old)
			w.proposals()
		}
		asked := 0
		for range 6 {
			w.after(seekPause)
			for _, s := range w.Sends() {
				if _, is := s.Msg.(*session.Hello); is {
					asked++
				}
			}
			w.Step(w.now, old, named(old))
		}
		if asked < 3 {
			t.Errorf("down %v: asked %d times", down, asked)
		}
		w.Step(w.now, old, named(next))
		p, to := w.proposals()
		for i := range p {
			if to[i] != next {
				t.Errorf("down %v: a copy to %d", down, to[i])
			}
		}
		if len(p) == 0 || len(p) > 2 {
			t.Errorf("down %v: %d copies to the next one", down, len(p))
		}
		w.Step(w.now, old, named(old))
		if p, _ := w.proposals(); len(p) > 0 {
			t.Errorf("down %v: %d copies back", down, len(p))
		}
		if w.after(2 * seekFor); w.seeking.until-w.now.Mono > seekFor {
			t.Errorf("down %v: it is sought for %v yet", down, w.seeking.until-w.now.Mono)
		}
	}
}
