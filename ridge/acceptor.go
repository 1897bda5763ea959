package ridge

import (
	"fmt"
	"math/bits"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// pageBytes bounds the values in one answer of an acceptor; a single larger
// value travels alone.
const pageBytes = 1 << 20

// onPrepare answers PHASE 1A. The same round is answered again: the answer
// may have been lost.
func (e *ensemble) onPrepare(now hlc.Now, from ids.Process, m *prepare) {
	a := e.acceptor(from)
	if !e.acts() || a < 0 || m.Round.Coordinator != from || e.foreign(m.Round) {
		e.c.counters.Dropped++
		return
	}
	if e.outdated(m.Round) {
		e.refuse(from, m.Round, 0, refusedRound)
		return
	}
	if !e.validChain(m.Chain) {
		e.c.counters.Dropped++
		return
	}
	if e.promise(now, m.Round) {
		e.save()
	}
	e.repay(now, a, owed{m.Round, m.From})
}

// outdated says whether this acceptor has promised not to act in r: by a higher
// round, or by knowing that the members have changed since.
func (e *ensemble) outdated(r Round) bool { return r.Less(e.promised) || r.Version() < e.version() }

// foreign says whether r is of members that are not known here. Who acted in it
// could not tell whose votes count, nor whether its own does.
func (e *ensemble) foreign(r Round) bool { return r.Version() > e.version() }

// promise raises the promised round to r, which is not below it. The votes of the
// round below that have not been sent never are [R1].
func (e *ensemble) promise(now hlc.Now, r Round) (rises bool) {
	if rises = e.promised.Less(r); rises {
		e.pending.votes, e.pending.head = e.pending.votes[:0], 0
	}
	e.promised = r
	e.note(now, r)
	return rises
}

// answer is a page of PHASE 1B. It speaks of the state in memory, which every
// vote entered when its message was taken in [R1].
func (e *ensemble) answer(now hlc.Now, r Round, from ids.Instance, room int) *promise {
	m := &promise{Ensemble: e.id, Round: r, From: from, Trim: e.floor(), Wall: now.Wall}
	m.Votes, m.Next = e.votes(from, e.log.end(), room, true)
	return m
}

// votes lists what is known of the instances from..to, as much as room bytes
// hold but at least one. next is the first instance left out, or zero. Votes that
// are not durable are listed if all are to be.
func (e *ensemble) votes(from, to ids.Instance, room int, all bool) (vs []vote, next ids.Instance) {
	to = min(to, e.log.end())
	for k := max(from, e.log.base+1); k <= to; k++ {
		s := e.log.at(k)
		v := vote{Instance: k, Decided: s.chosen != nil, Round: s.round, Value: s.chosen}
		if v.Value == nil {
			v.Value = s.value
		}
		if v.Value == nil || !v.Decided && !all && !e.safe(s) {
			continue
		}
		room -= v.Value.size()
		if room < 0 && len(vs) > 0 {
			return vs, k
		}
		vs = append(vs, v)
	}
	return vs, 0
}

// onAccept takes PHASE 2 from the acceptor before this one in the chain, or
// from the coordinator.
func (e *ensemble) onAccept(now hlc.Now, from ids.Process, m *accept) {
	place, before := -1, m.Round.Coordinator
	for i, p := range m.Chain {
		if p == e.c.cfg.Self {
			place = i
			if i > 0 {
				before = m.Chain[i-1]
			}
		}
	}
	if !e.acts() || place < 0 || from != before || e.acceptor(m.Round.Coordinator) < 0 || e.foreign(m.Round) || !e.outdated(m.Round) && !e.validChain(m.Chain) {
		e.c.counters.Dropped++
		return
	}
	if v := e.complete(m.Instance, m.Value); v != m.Value {
		filled := *m
		filled.Value, m = v, &filled
	}
	if m.Value.absent > 0 && !e.outdated(m.Round) {
		e.park(from, parked{instance: m.Instance, value: m.Value, accept: m, place: place}) // [R6]
		return
	}
	e.accept(now, m, place)
}

// accept votes for a value, if it may, and passes it on. place is this
// acceptor's place in the chain. A repeated PHASE 2 is voted for and passed
// on again: what it once sent may have been lost.
func (e *ensemble) accept(now hlc.Now, m *accept, place int) {
	if e.outdated(m.Round) || e.foreign(m.Round) {
		e.refuse(m.Round.Coordinator, m.Round, m.Instance, refusedRound)
		return
	}
	if m.Instance <= e.floor() {
		e.refuse(m.Round.Coordinator, m.Round, m.Instance, refusedTrimmed) // [R4]
		return
	}
	s := e.log.open(m.Instance)
	if s == nil {
		e.refuse(m.Round.Coordinator, m.Round, m.Instance, refusedFull)
		return
	}
	again := s.value != nil && s.round == m.Round && s.value.ID == m.Value.ID
	if s.decided && s.id != m.Value.ID || !again && s.value != nil && s.round == m.Round {
		e.c.counters.Dropped++ // no correct coordinator proposes this
		return
	}
	if !again && !s.decided && !m.Obliged && m.Value.top > now.Wall.Add(e.c.cfg.Tuning.MaxAhead) { // [R8]
		e.refuse(m.Round.Coordinator, m.Round, m.Instance, refusedAhead)
		return
	}
	// A full log takes only what this process needs next; that makes room.
	if s.value == nil && m.Instance > e.next && e.log.bytes > 2*e.c.cfg.Tuning.MaxLogBytes {
		e.refuse(m.Round.Coordinator, m.Round, m.Instance, refusedFull)
		return
	}
	// Erratum 1: accepting in a round promises it, else a lower Phase 1 could
	// be answered later and miss this vote.
	e.promise(now, m.Round)
	if !again {
		s.round, s.value, s.voters = m.Round, m.Value, 0
		e.log.weigh(s)
		e.cast(m, s)
		if s.heard != nil {
			s.voters = s.equal(s.round, s.value.ID)
		}
	}
	if e.promised.Less(s.round) {
		e.c.fail(fmt.Errorf("%w: ensemble %d instance %d: a vote in round %v above the promise %v", ErrBroken, e.id, m.Instance, s.round, e.promised))
		return
	}
	s.voters |= e.voterBits(m.Voters)
	if e.safe(s) {
		s.voters |= 1 << e.self
	}
	if place+1 < len(m.Chain) {
		e.pass(m, s.voters, m.Chain[place+1])
		return
	}
	if e.decides(s) { // at the end of the chain
		e.conclude(m, false)
	}
}

// decides: decided means that the value is held and that f+1 different acceptors
// voted for it in this very round [R2].
func (e *ensemble) decides(s *slot) bool { return bits.OnesCount32(s.voters) >= e.quorum }

// voterBits are the acceptors that ps names.
func (e *ensemble) voterBits(ps []ids.Process) (b uint32) {
	for _, p := range ps {
		if i := e.acceptor(p); e.hasVote(i) {
			b |= 1 << i
		}
	}
	return b
}

// pass sends PHASE 2 to the next acceptor of the chain, with the votes so far.
func (e *ensemble) pass(m *accept, voters uint32, to ids.Process) {
	next := *m
	next.Value = e.lean(m.Value, e.member(to))
	next.Voters = make([]ids.Process, 0, e.quorum)
	for i, p := range e.spec.Acceptors {
		if voters&(1<<i) != 0 {
			next.Voters = append(next.Voters, p)
		}
	}
	e.c.send(to, &next)
}

// refuse says why there is no vote: advice to the coordinator, no more.
func (e *ensemble) refuse(to ids.Process, r Round, k ids.Instance, why refusal) {
	m := &refuse{Ensemble: e.id, Round: r, Instance: k, Reason: why, Promised: e.promised, Trim: e.floor()}
	if r.Version() < e.version() {
		e.tellMembers(to)
	}
	if to == e.c.cfg.Self {
		e.onRefuse(e.c.now, e.self, m)
		return
	}
	e.c.send(to, m)
}
