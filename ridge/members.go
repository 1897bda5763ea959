package ridge

import (
	"fmt"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// The members of an ensemble change by decided values (Change). What makes that
// safe is that rounds carry the version of the membership, as their highest
// part, and that an acceptor acts in rounds of the version that it knows and in
// no others. Whoever promised in a later membership's round has thereby ended
// all earlier ones, for votes, for Phase 1 and for the confirmation of reads.
//
// Any two sets of f+1 acceptors have one in common. Where that is one that was
// replaced, with another memory, it says nothing of what its predecessor did.
// Invariant: whatever was decided while the predecessor had a vote is at or
// below Floor, where the new one is blind: it says that all that is trimmed, so
// that nobody proposes there on its word [R4]; and it is held by f+1 others.

// current is the incarnation of a process that counts here; zero if that is not
// known, in worlds without incarnations.
func (e *ensemble) current(p ids.Process) ids.Incarnation {
	if m := e.changes.find(p); m != nil {
		return m.Incarnation
	}
	if f := e.c.cfg.Founded; f != nil {
		return f(p)
	}
	return 0
}

// hears says whether messages of this incarnation of p count; zero: it is known
// to be the one.
func (e *ensemble) hears(p ids.Process, inc ids.Incarnation) bool {
	if inc == 0 || len(e.changes.List) == 0 && e.c.cfg.Founded == nil {
		return true
	}
	now := e.current(p)
	return now == 0 || now == inc
}

// hasVote says whether acceptor a has a vote.
func (e *ensemble) hasVote(a int) bool { return a >= 0 && !e.members[a].mute }

// acts says whether this process is an acceptor with a vote, in this incarnation.
func (e *ensemble) acts() bool { return e.self >= 0 && !e.mute }

// version is that of the members known here. Invariant: the promised round's is
// not above it.
func (e *ensemble) version() uint64 { return e.changes.Version }

// floor is up to where this acceptor does not know what it, or its predecessors,
// did: trimmed, or before its time.
func (e *ensemble) floor() ids.Instance { return max(e.log.base, e.blind) }

// apply evaluates a decided change, alike at every learner that has taken as much.
func (e *ensemble) apply(ch *Change) {
	if ms, ok := e.changes.with(ch, e.acceptor(ch.Process) >= 0); ok {
		e.use(ms)
	}
}

// adopt takes the members that another knows, if those are newer.
func (e *ensemble) adopt(ms Members) {
	if ms.Ensemble == e.id && ms.Version > e.changes.Version {
		e.use(ms)
	}
}

// use makes ms the members.
func (e *ensemble) use(ms Members) {
	self := e.c.cfg.Self
	was := e.current(self) == e.c.cfg.Incarnation
	e.set(ms)
	if was && e.current(self) != e.c.cfg.Incarnation {
		e.c.fail(fmt.Errorf("%w: process %d is incarnation %d now, by change %d of ensemble %d", ErrReplaced, self, e.current(self), ms.Version, e.id))
		return
	}
	if e.self >= 0 {
		e.save()
	}
	e.c.counters.Changes++
	e.c.tellAll()
}

func (e *ensemble) set(ms Members) {
	e.changes, e.mutes = ms, 0
	for i := range e.members {
		m := &e.members[i]
		now := ms.find(m.process)
		if now != nil && m.incarnation != now.Incarnation {
			m.incarnation = now.Incarnation
			m.item, m.reported, m.short = heartbeatItem{}, false, shortage{} // what was said of its predecessor
		}
		if m.mute = m.accepts && now != nil && !now.Voting; m.mute {
			e.mutes++
		}
	}
	e.place()
}

// place finds out what this process is here.
func (e *ensemble) place() {
	self := e.c.cfg.Self
	e.mute, e.blind = e.current(self) != e.c.cfg.Incarnation, 0
	if m := e.changes.find(self); m != nil && !e.mute {
		e.mute, e.blind = !m.Voting, m.Floor
	}
}

// tellMembers tells another process who the members are.
func (e *ensemble) tellMembers(to ids.Process) {
	if e.version() > 0 && to != e.c.cfg.Self {
		e.c.send(to, &roll{e.changes})
	}
}

// onRoll takes the members that another process knows.
func (e *ensemble) onRoll(m *roll) { e.adopt(m.Members) }

// Adopt takes members that a process which was replaced is told, or that were
// kept elsewhere than in its journal.
func (c *Core) Adopt(list []Members) {
	for i := range list {
		if e := c.ensemble(list[i].Ensemble, true); e != nil {
			e.adopt(list[i])
		}
	}
}

// Members are the members of the ensembles that have changed.
func (c *Core) Members() (list []Members) {
	for _, e := range c.ensembles {
		if e.version() > 0 {
			list = append(list, e.changes)
		}
	}
	return list
}

// Member is what the ensembles know of a process that was replaced: the newest,
// while they change one after the other; nil if it was not.
func (c *Core) Member(p ids.Process) (newest *Member) {
	for _, e := range c.ensembles {
		if m := e.changes.find(p); m != nil && (newest == nil || m.Generation > newest.Generation) {
			newest = m
		}
	}
	return newest
}

// Version counts the changes of the members in all ensembles.
func (c *Core) Version() (n uint64) {
	for _, e := range c.ensembles {
		n += e.version()
	}
	return n
}

// counts says whether this incarnation of a process counts in any ensemble.
func (c *Core) counts(p ids.Process, inc ids.Incarnation) bool {
	if inc == 0 {
		return true
	}
	for _, e := range c.ensembles {
		if e.hears(p, inc) {
			return true
		}
	}
	return false
}
