package ridge

import (
	"fmt"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// Replace asks for a change that names ch.New as the incarnation of ch.Process in
// an ensemble. Only its coordinator can propose it; done says that nothing is
// left to ask for, an error wrapping ErrConflict that somebody else has changed
// the members meanwhile. Otherwise it is to be asked for again after a while.
func (c *Core) Replace(now hlc.Now, id ids.Ensemble, ch Change) (done bool, err error) {
	e := c.ensemble(id, true)
	if e == nil || e.member(ch.Process) == nil || ch.New == 0 || len(ch.Addr) > maxAddr {
		return false, fmt.Errorf("%w: process %d is no member of ensemble %d as process %d knows it", ErrConflict, ch.Process, id, c.cfg.Self)
	}
	if e.current(ch.Process) == ch.New {
		return true, nil
	}
	if ch.Version != e.version() {
		return false, fmt.Errorf("%w: ensemble %d is at version %d, not %d, and process %d is incarnation %d there", ErrConflict, id, e.version(), ch.Version, ch.Process, e.current(ch.Process))
	}
	if l := &e.lead; l.phase == leading && l.round.Version() == e.version() {
		c.begin(now)
		ch.Admit, ch.Floor = false, 0
		l.change = &ch
	}
	return false, nil
}

// due change is one to propose now, or nil: one that was asked for, or the
// admission of a member that has caught up. One at a time is open.
func (e *ensemble) dueChange() *Change {
	l := &e.lead
	if l.change == nil && e.mutes == 0 || l.round.Version() != e.version() {
		return nil
	}
	for i := range l.open {
		if l.open[i].value.change != nil {
			return nil
		}
	}
	if ch := l.change; ch != nil {
		l.change = nil
		if ch.Version == e.version() {
			return ch
		}
	}
	return e.admission()
}

// admission is the Admit of a member that may have its vote, if there is one.
// Invariant: it is proposed in a round whose Phase 1 was without that member's
// slot, so that its predecessor has voted for nothing above first-1 that is or
// will be decided; f+1 others hold all of that, durably; and the member itself
// starts again beyond it.
func (e *ensemble) admission() *Change {
	floor := e.lead.first - 1
	if e.mutes == 0 || e.holders(floor) < e.quorum {
		return nil
	}
	for i := range e.acceptors() {
		m := &e.members[i]
		if m.mute && i != e.self && m.reported && e.ack(&m.item) >= floor {
			return &Change{Version: e.version(), Process: m.process, New: m.incarnation, Admit: true, Floor: floor}
		}
	}
	return nil
}

// holders counts the acceptors that have a vote and hold everything up to k.
func (e *ensemble) holders(k ids.Instance) (n int) {
	for i := range e.acceptors() {
		m := &e.members[i]
		if i == e.self {
			m.item.Held = e.toldHeld()
		}
		if !m.mute && m.item.Held >= k {
			n++
		}
	}
	return n
}

// proposeChange proposes a change, if one is due.
func (e *ensemble) proposeChange(now hlc.Now) bool {
	ch := e.dueChange()
	if ch == nil {
		return false
	}
	k := e.lead.next
	e.lead.next++
	e.propose(now, k, e.makeValue(now, newBuilder(0, 0).change(ch), 0), false)
	return true
}

// secureBytes bounds what is journalled at a time for keep.
const secureBytes = 4 << 20

// keep sees, while a member has no vote, to it that this acceptor holds, durably,
// what is decided: also that for which it did not vote, of which one acceptor at
// least is not there to tell.
func (e *ensemble) keep() {
	if e.mutes == 0 || !e.acts() {
		return
	}
	e.held = max(e.held, e.log.base)
	durable, bytes := e.c.cfg.Durable, 0
	for k := e.held + 1; bytes < secureBytes; k++ {
		s := e.log.at(k)
		if s == nil || s.chosen == nil {
			break
		}
		if durable && !s.kept {
			s.kept = true
			s.record = e.c.journal.decided(e, k, s.chosen)
			e.dirty = s.record
			bytes += s.chosen.size()
		}
		if e.held == k-1 && e.safe(s) {
			e.held = k
		}
	}
	if durable && e.held > e.heldSaved && e.heldAt <= e.c.journal.durable {
		e.save()
	}
}

// toldHeld is up to where this acceptor holds everything, and would know after a
// crash that it is decided.
func (e *ensemble) toldHeld() ids.Instance {
	switch {
	case e.mutes == 0:
		return 0
	case !e.c.cfg.Durable:
		return e.held
	case e.heldAt <= e.c.journal.durable:
		e.heldTold = e.heldSaved
	}
	return max(e.heldTold, e.log.base)
}
