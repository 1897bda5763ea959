package ridge

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// elect decides whether this acceptor takes over. A takeover needs complaints
// of f+1 acceptors about the round that all of them know, so a process that
// is alone in not hearing the coordinator disturbs nobody; the acceptors try
// in cyclic order after the coordinator, each a failure timeout later.
func (e *ensemble) elect(now hlc.Now) {
	if !e.acts() {
		e.takeoverAt = never
		return
	}
	if e.known.IsZero() && e.self == 0 && e.lead.phase == idle {
		e.start(now)
		return
	}
	idleRound := e.idleRound(now)
	if idleRound != e.complains {
		e.complains = idleRound
		e.c.beatNow = true // the others wait for it
	}
	if !idleRound || e.complaints() < e.quorum {
		e.takeoverAt = never
		return
	}
	if e.takeoverAt == never {
		jitter := time.Duration(e.c.cfg.Random() % uint64(e.c.every))
		e.takeoverAt = now.Mono + time.Duration(e.rank())*e.c.timeout + jitter
	}
	if now.Mono >= e.takeoverAt {
		e.takeoverAt = never
		// Who takes over without room does so since others cannot, or would not.
		e.lead.yieldAt = max(e.lead.yieldAt, now.Mono+yieldEvery*e.c.timeout)
		e.start(now)
	}
}

// idleRound says whether nobody seems to work on the known round.
func (e *ensemble) idleRound(now hlc.Now) bool {
	co := e.coordinator()
	if co == e.c.cfg.Self {
		return e.lead.phase == idle
	}
	if e.c.Suspected(co) {
		return true
	}
	m := e.member(co)
	if !m.reported || m.item.Round.Less(e.known) {
		// It does not know the round by which it is believed in.
		return now.Mono-e.knownSince > e.c.timeout
	}
	return m.item.Round == e.known && !m.item.Leading
}

// complaints counts the acceptors, this one included, that think so.
func (e *ensemble) complaints() int {
	n := 0
	for i := range e.acceptors() {
		m := &e.members[i]
		if i == e.self || !m.mute && m.reported && m.item.Complains && m.item.Round == e.known && !e.c.Suspected(m.process) {
			n++
		}
	}
	return n
}

// connected says whether f+1 acceptors, this one included, are not suspected.
func (e *ensemble) connected() bool {
	n := 0
	for a, p := range e.spec.Acceptors {
		if e.hasVote(a) && !e.c.Suspected(p) {
			n++
		}
	}
	return n >= e.quorum
}

// rank is the number of unsuspected acceptors between the coordinator and
// this one, in cyclic order. Those whose disks have no room come after all others,
// since they would refuse what is proposed; but before one that has given this very round
// up, and could not hold the next one either.
func (e *ensemble) rank() int {
	n := len(e.spec.Acceptors)
	rank := 0
	for i := (e.acceptor(e.coordinator()) + 1) % n; i != e.self; i = (i + 1) % n {
		if !e.c.Suspected(e.spec.Acceptors[i]) && (e.c.noRoom || !e.noRoom(i)) {
			rank++
		}
	}
	switch gaveUp := e.coordinator() == e.c.cfg.Self && e.known.Life == e.c.cfg.Life && !e.lead.cutOff; {
	case e.c.noRoom && e.roomElsewhere():
		rank += n
	case gaveUp && !e.c.noRoom && e.fullElsewhere():
		rank += 2 * n
	}
	return rank
}

// noRoom says whether another acceptor has told that its disk has no room.
func (e *ensemble) noRoom(a int) bool {
	p := e.members[a].peer
	return p != nil && p.full
}

// roomElsewhere says whether another acceptor has room, and could coordinate.
func (e *ensemble) roomElsewhere() bool { return e.elsewhere(false) }

// fullElsewhere says whether another one could coordinate that has none.
func (e *ensemble) fullElsewhere() bool { return e.elsewhere(true) }

func (e *ensemble) elsewhere(full bool) bool {
	for a, p := range e.spec.Acceptors {
		if a != e.self && e.hasVote(a) && e.noRoom(a) == full && !e.c.Suspected(p) && !e.members[a].peer.behind {
			return true
		}
	}
	return false
}

// A coordinator whose disk has no room gives its office away yieldAfter failure
// timeouts after it had none, when others have told if theirs fill up, too, and what
// it has proposed has ended; then every yieldEvery. It may get it back, if the others
// cannot hold it: then it refuses what is proposed, and sees to what has been.
const (
	yieldAfter = 4
	yieldEvery = 16
)

// yields says whether to give the office to somebody who need not refuse what is
// proposed.
func (e *ensemble) yields(now hlc.Now) bool {
	l := &e.lead
	if !e.c.noRoom || now.Mono < l.yieldAt || !e.roomElsewhere() {
		return false
	}
	l.yieldAt = now.Mono + yieldEvery*e.c.timeout
	return true
}

// preference lists the acceptors as chain members: this one first, then
// unsuspected ones in cyclic order from a rotating start, of these last those whose
// disks have no room, then the suspected,
// and at the end those that lately refused timestamps [R8], or have no vote. usable is how
// many are neither suspected nor refusing.
func (e *ensemble) preference(now hlc.Now) (order []ids.Process, usable int) {
	n := len(e.spec.Acceptors)
	var full, suspected, refusing []ids.Process
	for i := range n {
		a := e.self
		if i > 0 && n > 1 {
			a = (e.self + 1 + (i-1+e.lead.rotation)%(n-1)) % n
		}
		p := e.spec.Acceptors[a]
		switch {
		case now.Mono < e.lead.shunned[a] || !e.hasVote(a):
			refusing = append(refusing, p)
		case a != e.self && e.c.Suspected(p):
			suspected = append(suspected, p)
		case a != e.self && e.noRoom(a):
			full = append(full, p)
		default:
			order = append(order, p)
		}
	}
	order = append(order, full...)
	usable = len(order)
	order = append(order, suspected...)
	return append(order, refusing...), usable
}
