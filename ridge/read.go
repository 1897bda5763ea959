package ridge

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// asking is how a process learns how far it must have delivered before it may
// execute reads: by asking the coordinators of all its ensembles for their
// positions, one question at a time for all reads that wait.
//
// Invariant: whoever joins a question has come before it was sent. So each
// position was taken, and each confirmation given, after the read had come,
// and every command answered before that is at or below the positions.
type asking struct {
	// number names the last question sent.
	number uint64
	// missing are the ensembles whose positions have not come; zero: no
	// question is under way.
	missing int
	// wanted: somebody waits for the next question.
	wanted bool
	// at is when to repeat the question, or to ask anew because positions
	// are not reached; never if neither.
	at    time.Duration
	tries int
	// answered are positions that are not reached, oldest first.
	answered []positions
	reached  uint64
}

// positions answer a question: by ensemble, in the order of Core.ensembles.
type positions struct {
	number uint64
	at     []ids.Instance
}

// maxAnswered bounds the answers remembered; those beyond it share the newest.
const maxAnswered = 16

// reader is an ensemble's part in the question under way.
type reader struct {
	asked    bool // the position has not come
	position ids.Instance
}

// Ask wants to know when this process will have delivered everything that was
// answered before now. It is so when Reached returns the ticket or more. The
// question leaves with the next Sends.
func (c *Core) Ask(now hlc.Now) (ticket uint64) {
	c.begin(now) // the question's time-out runs from here
	c.asking.wanted = true
	return c.asking.number + 1
}

// Reached is the highest ticket of Ask whose positions have been delivered. A
// later question's positions serve earlier reads too.
func (c *Core) Reached() uint64 {
	a := &c.asking
	for i := len(a.answered) - 1; i >= 0; i-- {
		if !c.reachedAll(a.answered[i].at) {
			continue
		}
		a.reached = a.answered[i].number
		n := copy(a.answered, a.answered[i+1:])
		clear(a.answered[n:])
		a.answered = a.answered[:n]
		if n == 0 && a.missing == 0 {
			a.at = never
		}
		break
	}
	return a.reached
}

func (c *Core) reachedAll(at []ids.Instance) bool {
	for i, e := range c.ensembles {
		if e.delivered() < at[i] {
			return false
		}
	}
	return true
}

// askPositions sends the question that reads wait for, unless one is under
// way, and repeats the one that is. Positions not reached for long are asked
// for anew: what was proposed may be lost with its coordinator.
func (c *Core) askPositions() {
	a := &c.asking
	due := c.now.Mono >= a.at
	switch {
	case a.missing > 0 && due:
		a.tries++
		for _, e := range c.ensembles {
			if e.reader.asked {
				e.question(e.coordinator())
			}
		}
	case a.missing == 0 && (a.wanted || due):
		if !due {
			a.tries = 0
		}
		a.tries++
		a.wanted = false
		a.number++
		a.missing = len(c.ensembles)
		c.counters.Questions++
		for _, e := range c.ensembles {
			e.reader = reader{asked: true}
			e.question(e.coordinator())
		}
	default:
		return
	}
	a.at = c.now.Mono + backoff(c.patience()/4, a.tries, c.timeout)
}

// question asks a process that is believed to coordinate.
func (e *ensemble) question(to ids.Process) {
	m := &question{Ensemble: e.id, Number: e.c.asking.number}
	if to == e.c.cfg.Self {
		e.onQuestion(to, m)
	} else {
		e.c.send(to, m)
	}
}

// onPosition takes a coordinator's answer.
//
// An acceptor that asks is one of the f+1 that confirm: it does so now, by not
// having promised anything higher. That is as good as any other moment after
// the question: whoever decided in a higher round before the reads came had
// f+1 promises, one of them by one of the f+1 that confirm.
func (e *ensemble) onPosition(now hlc.Now, from ids.Process, m *position) {
	e.note(now, m.Round)
	if m.Number != e.c.asking.number || !e.reader.asked {
		return
	}
	if !m.Confirmed || m.Round.Version() < e.version() || e.acts() && m.Round.Less(e.promised) {
		if to := e.coordinator(); to != from {
			e.question(to)
		}
		return
	}
	if m.Round.Coordinator != from {
		e.c.counters.Dropped++
		return
	}
	e.reader = reader{position: m.Instance}
	a := &e.c.asking
	if a.missing--; a.missing == 0 {
		e.c.positionsKnown()
	}
}

// positionsKnown ends the question under way.
func (c *Core) positionsKnown() {
	a := &c.asking
	if len(a.answered) == maxAnswered {
		a.answered = a.answered[:maxAnswered-1]
	}
	at := make([]ids.Instance, len(c.ensembles))
	for i, e := range c.ensembles {
		at[i] = e.reader.position
	}
	a.answered = append(a.answered, positions{a.number, at})
	a.at = c.now.Mono + backoff(c.patience(), a.tries, c.timeout)
}
