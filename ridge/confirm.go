package ridge

import (
	"math/bits"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// confirming is how a coordinator makes sure that it has not been deposed,
// before it says a position: f+1 acceptors, itself and an asker that is one
// among them, have promised nothing higher at some moment after the question
// came. One round of confirmation serves all questions there when it was sent.
type confirming struct {
	// waiting came since the round under way was sent, or wait for the end
	// of Phase 1.
	waiting []asker
	// asked are those that the round under way will answer.
	asked []asker
	// number names the last round of confirmation.
	number   uint64
	position ids.Instance
	// voters confirm in the round under way, one bit each.
	voters uint32
	at     time.Duration // when to repeat it
	tries  int
}

// asker is a process with its question. Invariant: each process stands once in
// waiting and once in asked, at most.
type asker struct {
	process ids.Process
	number  uint64
}

// position is the highest instance proposed: never the decided one, which the
// coordinator may hear of long after the client that was answered [E3]. It
// includes what Phase 1 obliges to propose, and is never below what the Phase 1
// quorum had trimmed [R4].
func (e *ensemble) position() ids.Instance { return e.lead.next - 1 }

// reset forgets all questions; whoever asked repeats.
func (f *confirming) reset() { *f = confirming{number: f.number, at: never} }

// onQuestion takes a question for the position. A coordinator that has not
// finished Phase 1 knows no position yet: the question waits.
func (e *ensemble) onQuestion(from ids.Process, m *question) {
	l, f := &e.lead, &e.lead.confirming
	if l.phase == idle {
		if from != e.c.cfg.Self {
			e.c.send(from, &position{Ensemble: e.id, Number: m.Number, Round: e.known})
		}
		return
	}
	e.waited(from)
	for i := range f.waiting {
		if f.waiting[i].process == from {
			f.waiting[i].number = max(f.waiting[i].number, m.Number)
			return
		}
	}
	for _, q := range f.asked {
		if q.process == from && q.number == m.Number {
			return // repeated
		}
	}
	f.waiting = append(f.waiting, asker{from, m.Number})
}

// answerQuestions answers whoever needs no other acceptor than the asker, and
// starts a round of confirmation for the rest, or repeats the one under way.
func (e *ensemble) answerQuestions(now hlc.Now) {
	l, f := &e.lead, &e.lead.confirming
	if l.phase != leading || e.promised != l.round || l.round.Version() != e.version() {
		return
	}
	f.waiting = e.answerConfirmed(f.waiting, 1<<e.self, e.position())
	switch {
	case len(f.asked) == 0 && len(f.waiting) > 0:
		f.asked, f.waiting = f.waiting, f.asked
		f.number++
		f.position, f.voters, f.tries = e.position(), 1<<e.self, 0
	case len(f.asked) == 0 || now.Mono < f.at:
		return
	}
	f.tries++
	f.at = now.Mono + backoff(max(e.c.patience()/4, 4*l.latency), f.tries, e.c.timeout)
	e.sendConfirms()
}

// confirmed says whether the acceptors in voters suffice to answer q: with the
// asker, which has its own say when the answer arrives, f+1.
func (e *ensemble) confirmed(q asker, voters uint32) bool {
	if a := e.acceptor(q.process); e.hasVote(a) {
		voters |= 1 << a
	}
	return bits.OnesCount32(voters) >= e.quorum
}

// answerConfirmed answers those that voters suffice for and returns the others.
func (e *ensemble) answerConfirmed(qs []asker, voters uint32, at ids.Instance) []asker {
	rest := qs[:0]
	for _, q := range qs {
		if !e.confirmed(q, voters) {
			rest = append(rest, q)
			continue
		}
		m := &position{Ensemble: e.id, Number: q.number, Round: e.lead.round, Instance: at, Confirmed: true}
		if q.process == e.c.cfg.Self {
			e.onPosition(e.c.now, q.process, m)
		} else {
			e.c.send(q.process, m)
		}
	}
	return rest
}

// sendConfirms asks no more acceptors than are needed, but all when some have
// not answered in time.
func (e *ensemble) sendConfirms() {
	l, f := &e.lead, &e.lead.confirming
	m := &confirm{Ensemble: e.id, Round: l.round, Number: f.number}
	e.c.counters.Confirms++
	enough := f.voters
	for pass := range 2 { // the suspected last
		for i := range e.spec.Acceptors {
			a := (e.self + 1 + i) % len(e.spec.Acceptors)
			p := e.spec.Acceptors[a]
			if enough&(1<<a) != 0 || !e.hasVote(a) || e.c.Suspected(p) != (pass == 1) {
				continue
			}
			if f.tries == 1 && e.allConfirmed(f.asked, enough) {
				return
			}
			enough |= 1 << a
			e.c.send(p, m)
		}
	}
}

func (e *ensemble) allConfirmed(qs []asker, voters uint32) bool {
	for _, q := range qs {
		if !e.confirmed(q, voters) {
			return false
		}
	}
	return true
}

// onConfirm says whether this acceptor has promised anything higher.
func (e *ensemble) onConfirm(now hlc.Now, from ids.Process, m *confirm) {
	if !e.acts() || m.Round.Coordinator != from || e.foreign(m.Round) {
		e.c.counters.Dropped++
		return
	}
	e.note(now, m.Round)
	if e.outdated(m.Round) {
		e.refuse(from, m.Round, 0, refusedRound)
		return
	}
	e.c.send(from, &confirmed{Ensemble: e.id, Round: m.Round, Number: m.Number})
}

// onConfirmed counts a confirmation of the round under way; one of an earlier
// round may have been given before the questions came.
func (e *ensemble) onConfirmed(from ids.Process, m *confirmed) {
	l, f := &e.lead, &e.lead.confirming
	a := e.acceptor(from)
	if !e.hasVote(a) || l.phase != leading || m.Round != l.round || m.Number != f.number || len(f.asked) == 0 {
		return
	}
	f.voters |= 1 << a
	f.asked = e.answerConfirmed(f.asked, f.voters, f.position)
	if len(f.asked) == 0 {
		f.at = never
	}
}
