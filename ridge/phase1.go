package ridge

import (
	"math"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// preparation is Phase 1 under way, once for all instances from from on.
type preparation struct {
	from    ids.Instance
	answers []answer // by acceptor
	// own is the number of the record of this process's own promise: its answer
	// counts when that is durable [R1].
	own uint64
	// at is when 1A is sent again to whoever has not answered in full.
	at    time.Duration
	tries int
}

// answer is what one acceptor has answered so far.
type answer struct {
	done   bool
	cursor ids.Instance // the page expected next
	trim   ids.Instance
	votes  []vote
}

// prepareAll asks all acceptors, this process's own by a direct call. 1A claims
// nothing, so it leaves before this process's own promise is durable.
func (e *ensemble) prepareAll(now hlc.Now) {
	l := &e.lead
	from := e.firstUnknown()
	l.prep = preparation{from: from, own: e.dirty, answers: make([]answer, len(e.spec.Acceptors))}
	for a := range l.prep.answers {
		l.prep.answers[a].cursor = from
	}
	own := &l.prep.answers[e.self]
	own.votes, _ = e.votes(from, e.log.end(), math.MaxInt, true)
	own.trim, own.done = e.floor(), e.dirty <= e.c.journal.durable
	e.prepareAgain(now)
}

// firstUnknown is the first instance whose decision Phase 1 is to find: of what
// has been delivered here too, if that was in a former life. What is decided is
// not remembered, and who else needs it may find f+1 different votes only: it is
// proposed again.
func (e *ensemble) firstUnknown() ids.Instance {
	for k := e.log.base + 1; k < e.next; k++ {
		if s := e.log.at(k); s == nil || s.chosen == nil {
			return k
		}
	}
	return e.next
}

// prepareAgain sends 1A to whoever has not answered in full.
func (e *ensemble) prepareAgain(now hlc.Now) {
	p := &e.lead.prep
	p.tries++
	p.at = now.Mono + backoff(e.c.patience(), p.tries, e.c.timeout)
	for a := range p.answers {
		if !p.answers[a].done && a != e.self && e.hasVote(a) {
			e.prepareOne(a)
		}
	}
	e.finishPrepare(now)
}

func (e *ensemble) prepareOne(a int) {
	l := &e.lead
	e.c.send(e.spec.Acceptors[a], &prepare{
		Ensemble: e.id, Round: l.round, Chain: l.chain, From: l.prep.answers[a].cursor,
	})
}

// onPromise takes a page of 1B.
func (e *ensemble) onPromise(now hlc.Now, from ids.Process, m *promise) {
	l := &e.lead
	i := e.acceptor(from)
	if !e.hasVote(i) || l.phase != preparing || m.Round != l.round {
		return // of an earlier round, or late
	}
	a := &l.prep.answers[i]
	if a.done || m.From != a.cursor {
		return // a page answered twice
	}
	if p := e.c.peers[from]; p != nil {
		p.clock.hear(now.Mono, m.Wall, 2*e.c.timeout)
	}
	a.trim = max(a.trim, m.Trim)
	for _, v := range m.Votes {
		if v.Instance > e.log.base+ids.Instance(e.log.limit) {
			// This process lags so far that its log has no room for what may
			// be decided; left out, it would be proposed anew when there is.
			// Another is to coordinate.
			e.stepDown()
			return
		}
		if v.Instance >= l.prep.from {
			if s := e.log.at(v.Instance); s != nil && s.value != nil && s.value.ID == v.Value.ID {
				v.Value = s.value // one copy is enough
			}
			a.votes = append(a.votes, v)
		}
	}
	if m.Next > m.From {
		a.cursor = m.Next
		e.prepareOne(i)
		return
	}
	a.done = true
	e.finishPrepare(now)
}

// finishPrepare ends Phase 1 if f+1 acceptors have answered. It prefers
// answers without timestamps too far ahead; those with them, which only a
// decision forces into every quorum, count when it has waited a little [R8].
func (e *ensemble) finishPrepare(now hlc.Now) {
	l := &e.lead
	limit := e.physical(now).Add(e.c.cfg.Tuning.MaxAhead)
	var near, far []int
	for i := range l.prep.answers {
		switch a := &l.prep.answers[i]; {
		case !a.done || !e.hasVote(i):
		case a.ahead(limit):
			far = append(far, i)
		default:
			near = append(near, i)
		}
	}
	if len(near)+len(far) < e.quorum {
		return
	}
	if len(near) < e.quorum {
		if l.prep.tries <= 2 && len(near)+len(far) < len(l.prep.answers) {
			return
		}
		near = append(near, far[:e.quorum-len(near)]...)
	}
	e.takeLead(now, near)
}

// ahead says whether an undecided vote is beyond limit.
func (a *answer) ahead(limit hlc.Timestamp) bool {
	for i := range a.votes {
		if !a.votes[i].Decided && a.votes[i].Value.top > limit {
			return true
		}
	}
	return false
}

// takeLead draws the consequences of Phase 1 from the answers of a quorum: what
// is known decided is learned; what was voted for in the highest round is
// proposed again; holes are filled with nulls; nothing is proposed at or below
// the highest trim mark [R4]; and new values come after all that.
func (e *ensemble) takeLead(now hlc.Now, quorum []int) {
	l := &e.lead
	floor := l.prep.from - 1
	for i := range l.prep.answers {
		if a := &l.prep.answers[i]; a.done {
			floor = max(floor, a.trim)
			e.learnVotes(a.votes)
		}
	}
	e.seen = max(e.seen, floor)
	best, end := e.bestVotes(quorum, floor)
	l.phase = leading
	e.c.tellAll()
	l.prep = preparation{at: never}
	l.plan = nil
	l.gap, l.proposed = 0, now.Mono
	l.last = e.stream.last
	next, start := e.next, end+1-ids.Instance(len(best))
	for k := min(next, start); k <= end; k++ {
		s := e.log.at(k)
		if s != nil && s.chosen != nil {
			if k >= next {
				l.last = s.chosen.lastAfter(l.last)
			}
			continue
		}
		if k < start {
			continue // trimmed by others: known decided, to be fetched
		}
		v := best[k-start].Value
		if v == nil {
			v = e.makeValue(now, newBuilder(0, 0), 0)
		} else {
			v = v.plain()
			e.c.counters.Adjudicated++
		}
		l.plan = append(l.plan, planned{instance: k, value: v})
		if k >= next {
			l.last = v.lastAfter(l.last)
		}
	}
	l.next = max(end+1, e.next)
	l.first = l.next
}

func (e *ensemble) learnVotes(vs []vote) {
	for i := range vs {
		if vs[i].Decided {
			e.learn(vs[i].Instance, vs[i].Value.ID, vs[i].Value, 0)
		}
	}
}

// bestVotes finds, for each instance above floor that any of the quorum voted
// in, the vote of the highest round. best[0] is for the instance floor+1. What all
// f+1 of them voted for in one round is decided, and learned: a restart of all
// then need not order again what it finds.
func (e *ensemble) bestVotes(quorum []int, floor ids.Instance) (best []vote, end ids.Instance) {
	var equal []int
	for _, i := range quorum {
		for _, v := range e.lead.prep.answers[i].votes {
			if v.Instance <= floor {
				continue
			}
			for ids.Instance(len(best)) < v.Instance-floor {
				best, equal = append(best, vote{}), append(equal, 0)
			}
			at := v.Instance - floor - 1
			switch b := &best[at]; {
			case b.Value == nil || b.Round.Less(v.Round):
				*b, equal[at] = v, 1
			case !b.Decided && !v.Decided && b.Round == v.Round && b.Value.ID == v.Value.ID:
				equal[at]++
			}
		}
	}
	for at := range best {
		if b := &best[at]; equal[at] >= e.quorum {
			e.learn(b.Instance, b.Value.ID, b.Value, 0)
		}
	}
	return best, floor + ids.Instance(len(best))
}

// lastAfter is the ensemble's last timestamp after v, if it was last before:
// what every learner computes (erratum 2).
func (v *Value) lastAfter(last hlc.Timestamp) hlc.Timestamp {
	if v.count > 0 {
		last = max(last+hlc.Timestamp(v.count), v.reach)
	}
	return max(last, v.Null)
}
