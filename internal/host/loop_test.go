package host

import (
	"errors"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// scripted is a core of which each step calls a function.
type scripted struct {
	onStep func()
	steps  int
}

func (s *scripted) step(hlc.Now, ids.Addr, ids.Incarnation, wire.Message) { s.steps++; s.onStep() }
func (s *scripted) cast(hlc.Now, cast)                                    {}

func (*scripted) synced(hlc.Now, committed) error { return nil }
func (s *scripted) call(hlc.Now, *Call)           {}
func (s *scripted) tick(hlc.Now)                  {}
func (s *scripted) wake() time.Duration           { return never }
func (s *scripted) paused(hlc.Now, time.Duration) {}
func (s *scripted) out(hlc.Now) (bool, error)     { return false, nil }

// idle is a loop whose goroutine is asleep: the test has what it would get.
func idle(core driven) *loop {
	l := &loop{}
	l.init(core)
	l.inbox.running = false
	return l
}

func one(l *loop) { l.deliver(ids.To(2), 1, make([]wire.Message, 1), 1) }

// A reader that runs the core does so for a bounded time, however much comes
// meanwhile from others [R11].
func TestVisitorIsNotCaptured(t *testing.T) {
	core := &scripted{}
	l := idle(core)
	core.onStep = func() { one(l) } // somebody else's
	one(l)
	if core.steps != visitRounds {
		t.Errorf("a visitor took %d rounds instead of %d", core.steps, visitRounds)
	}
	select {
	case <-l.relay:
	default:
		t.Error("the right to run was not passed on")
	}
	many := idle(&scripted{onStep: func() { t.Error("a visitor began what is too much for it") }})
	many.deliver(ids.To(2), 1, make([]wire.Message, visitMessages+1), 1)
	<-many.relay
}

// Who brings input while somebody runs the core does not wait for him [R11].
func TestInputNeverWaitsForTheCore(t *testing.T) {
	core, release, began, ended := &scripted{}, make(chan struct{}), make(chan struct{}), make(chan struct{})
	core.onStep = func() {
		if core.steps == 1 {
			close(began)
			<-release
		}
	}
	l := idle(core)
	go func() { one(l); close(ended) }()
	<-began
	one(l) // returns though the core is stuck
	close(release)
	<-ended
	if core.steps != 2 {
		t.Errorf("%d steps: what came meanwhile was left behind", core.steps)
	}
}

// A timer that was postponed a little while ago is left as it is, and fires for
// nothing; one that is to fire sooner is set at once.
func TestTimerIsPostponedRarely(t *testing.T) {
	l := idle(&scripted{})
	defer l.timer.Close()
	l.start = time.Now().Add(-time.Hour)
	const soon, late = 2 * time.Hour, 3 * time.Hour
	for _, s := range []struct{ wake, postponed, armed time.Duration }{
		{late, 0, late},
		{soon, late, soon},
		{soon + later, 0, soon},
		{late, late, soon},
		{never, 0, soon},
		{late, 0, late},
	} {
		l.postponed = s.postponed
		if !l.arm(s.wake) || l.armed != s.armed {
			t.Errorf("to be woken at %v, postponed at %v: armed for %v instead of %v", s.wake, s.postponed, l.armed, s.armed)
		}
	}
	if l.arm(time.Minute) {
		t.Error("it is time, and the loop rests")
	}
}

// Who recovers from a panic under a core, which happens in the goroutine of
// whoever runs it, leaves a loop that ends, not one that is stuck.
func TestPanicEndsTheLoop(t *testing.T) {
	l := idle(&scripted{onStep: func() { panic("a caller's") }})
	func() {
		defer func() { recover() }()
		one(l)
		t.Error("no panic")
	}()
	<-l.relay
	if err := l.run(); !errors.Is(err, errAborted) {
		t.Error(err)
	}
}
