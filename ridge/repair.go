package ridge

import (
	"math/bits"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// fetchWindow bounds the instances asked for at once.
const fetchWindow = 1024

// formerAsked bounds the instances of which it is known how long they were lacked.
const formerAsked = 64

// gap is a learner's knowledge that it lacks the instance next although later
// ones, or that one, are decided.
type gap struct {
	// at is when to ask next, or never.
	at    time.Duration
	tries int
	// from is the instance lacked when the gap was noticed, at since; those up
	// to seen were known to be decided then, and so have been missing as long.
	from, seen ids.Instance
	since      time.Duration
	// asked is the last such instance that was asked for, and was lacked since
	// askedSince.
	asked      ids.Instance
	askedSince time.Duration
	lag        lateness
	// former are the last that were asked for, k at k%formerAsked.
	former [formerAsked]struct {
		k     ids.Instance
		since time.Duration
	}
}

// lateness is the largest delay of late: that of the present period, which ends
// at until, and that of the one before.
type lateness struct {
	present, before time.Duration
	until           time.Duration
}

func (l *lateness) add(now, d, period time.Duration) {
	switch {
	case l.until == 0:
		l.until = now + period
	case now >= l.until:
		l.before, l.present, l.until = l.present, 0, now+period
	}
	l.present = max(l.present, d)
}

func (l *lateness) most() time.Duration { return max(l.present, l.before) }

// wait is how long a value may be missing before it is asked for. To many
// learners, or over slow links, a distributor needs its time. Who asks for what
// is on its way has it sent twice, and by an acceptor: when all learners do, it
// has little left for the chain. So learners begin the more patient the more
// they are, and remember for ten failure timeouts how late values came by
// themselves.
func (e *ensemble) wait() time.Duration {
	return max(e.c.patience(), min(2*e.gap.lag.most(), e.c.timeout))
}

// noticed begins a gap at next, to be asked for at at.
func (g *gap) noticed(next, seen ids.Instance, now, at time.Duration) {
	g.from, g.seen, g.since, g.at, g.tries = next, seen, now, at, 0
}

// came takes note that a value came by itself, and how late, asked for or not.
// Values that are lost say nothing.
func (e *ensemble) came(now time.Duration, k ids.Instance) {
	g, late := &e.gap, time.Duration(0)
	switch {
	case k == g.from && g.at != never:
		late = now - g.since
	case k == g.asked:
		late = now - g.askedSince
	}
	g.lag.add(now, late, 10*e.c.timeout)
}

// lacks says whether next is decided but missing here.
func (e *ensemble) lacks() bool {
	if e.seen < e.next || !e.stream.room() {
		return false
	}
	s := e.log.at(e.next)
	return s == nil || s.chosen == nil
}

// repair notices a gap, and asks for what is missing when it has lasted.
func (e *ensemble) repair(now hlc.Now) {
	if !e.lacks() {
		e.gap.at = never
		return
	}
	if e.gap.at == never || e.gap.from != e.next {
		e.gap.noticed(e.next, e.seen, now.Mono, now.Mono+e.wait())
		return
	}
	if now.Mono >= e.gap.at {
		e.gap.tries++
		e.gap.at = now.Mono + backoff(e.wait(), e.gap.tries, e.c.cfg.Tuning.FailureTimeout)
		e.fetch()
	}
}

// fetch asks for what was known to be decided when the gap was noticed; what
// has been decided since may be on its way. It asks one acceptor after another;
// after some tries all at once, which an instance needs that nobody knows to be
// decided [R3].
func (e *ensemble) fetch() {
	e.c.counters.Fetches++
	e.gap.asked, e.gap.askedSince = e.gap.from, e.gap.since
	for k := e.next; k <= min(e.gap.seen, e.next+formerAsked-1); k++ {
		if f := &e.gap.former[k%formerAsked]; f.k != k {
			f.k, f.since = k, e.gap.since
		}
	}
	m := &fetch{Ensemble: e.id, From: e.next, To: min(e.gap.seen, e.next+fetchWindow-1)}
	n := len(e.spec.Acceptors)
	if e.gap.tries%3 == 0 {
		for _, p := range e.spec.Acceptors {
			if p != e.c.cfg.Self {
				e.c.send(p, m)
			}
		}
		return
	}
	for i := range n {
		p := e.spec.Acceptors[(int(e.c.cfg.Self)+e.gap.tries+i)%n]
		if p != e.c.cfg.Self && e.hasVote(e.acceptor(p)) && !e.c.Suspected(p) {
			e.c.send(p, m)
			return
		}
	}
}

// onFetch tells a learner what this acceptor knows. "Decided" is said only of
// what is known to be decided [R3], and a vote is told when it is durable [R1]. At the coordinator the question also says
// that an instance has stayed open for long.
func (e *ensemble) onFetch(now hlc.Now, from ids.Process, m *fetch) {
	if e.self < 0 || m.To < m.From {
		e.c.counters.Dropped++
		return
	}
	vs, _ := e.votes(m.From, min(m.To, m.From+fetchWindow), pageBytes, false)
	if len(vs) > 0 || m.From <= e.log.base {
		e.c.send(from, &learn{Ensemble: e.id, Trim: e.log.base, Votes: vs})
	}
	if e.lead.phase == leading {
		e.repeatOpen(now, m.From, m.To, func(o *openInstance) bool { return now.Mono >= o.sent+e.c.patience() })
	}
}

// onLearn takes an acceptor's answer.
func (e *ensemble) onLearn(now hlc.Now, from ids.Process, m *learn) {
	a := e.acceptor(from)
	if a < 0 {
		e.c.counters.Dropped++
		return
	}
	e.members[a].item.Trim = max(e.members[a].item.Trim, m.Trim)
	before := e.next
	for i := range m.Votes {
		if v := &m.Votes[i]; v.Decided {
			e.learn(v.Instance, v.Value.ID, v.Value, 0)
		} else {
			e.hear(a, v)
		}
	}
	if e.next > before && e.next <= e.gap.seen {
		e.gap.noticed(e.next, e.gap.seen, now.Mono, now.Mono) // go on at once
	}
}

// hear counts another acceptor's vote: f+1 equal in instance, round and value
// id decide [R3].
func (e *ensemble) hear(a int, v *vote) {
	if v.Instance < e.next || !e.hasVote(a) || e.foreign(v.Round) {
		return
	}
	s := e.log.open(v.Instance)
	if s == nil || s.chosen != nil {
		return
	}
	if s.decided {
		e.learn(v.Instance, s.id, v.Value, 0)
		return
	}
	id := v.Value.ID
	s.note(heardVote{acceptor: a, round: v.Round, id: id})
	voters := s.equal(v.Round, id)
	if s.value != nil && s.round == v.Round && s.value.ID == id && e.safe(s) {
		voters |= 1 << e.self
	}
	if bits.OnesCount32(voters) >= e.quorum {
		e.learn(v.Instance, id, v.Value, 0)
		return
	}
	if s.value == nil || s.value.ID != id {
		s.spare = v.Value
		e.log.weigh(s)
	}
}

// checkReachable finds out whether what this process lacks is forgotten: at all
// acceptors, or, when asking has long been in vain, at f+1 of them, itself
// included. In durable mode an acceptor that started again may have a vote, and no
// longer know that it is decided; there it is enough that a replica of this
// partition has a checkpoint that covers it. So each instance can be had: if one
// acceptor has trimmed it, such a checkpoint survives f faults; if none has, the
// coordinator knows what is decided, by Phase 1.
func (e *ensemble) checkReachable(now hlc.Now) {
	gone := 0
	for i := range e.acceptors() {
		if i == e.self || e.members[i].item.Trim >= e.next {
			gone++
		}
	}
	if e.self >= 0 && e.log.base >= e.next && e.lacks() {
		// What the others still have there is no room for: the log has moved on.
		e.lost = true
		return
	}
	if gone < e.quorum && !e.covered() || !e.lacks() {
		e.lostSince, e.lost = never, false
		return
	}
	if e.lostSince == never || e.lostNext != e.next {
		e.lostSince, e.lostNext = now.Mono, e.next
	}
	if gone == len(e.spec.Acceptors) || now.Mono-e.lostSince > 10*e.c.timeout {
		e.lost = true
	}
}

// covered says whether a durable checkpoint of another replica of this partition
// covers what is lacked here.
func (e *ensemble) covered() bool {
	for i := range e.members {
		m := &e.members[i]
		if m.partition == e.c.partition && m.peer != nil && m.item.Stable >= e.next && !e.c.Suspected(m.process) {
			return true
		}
	}
	return false
}

// backoff doubles base for each try after the first, up to limit.
func backoff(base time.Duration, tries int, limit time.Duration) time.Duration {
	return min(limit, base<<min(tries-1, 16))
}
