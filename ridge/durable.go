package ridge

import (
	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// In durable mode an acceptor changes its state in memory when it takes a message,
// and gives a record of the change at once. Whatever claims that state, to others
// or to this very process, waits until the record is durable: its answer to Phase
// 1, its vote, and the count of its vote [R1]. Only a value is passed on before,
// which claims nothing, so that the syncs of a chain overlap.
//
// Some things are said early, since no crash can make them wrong. Decisions, trim
// marks and positions are facts, of f+1 durable votes or checkpoints. A refusal is
// advice. That nothing above a round is promised, which the answer to a read
// says, is meant to find whoever voted in a higher round; votes count when they are
// durable, and the promise with them, so a promise that a crash undoes had no
// consequences.

// Records drains the records to journal, in order; they are valid until the next
// call. Drained before Sends, or with it in any order: nothing that Sends gives
// claims what is not durable.
func (c *Core) Records() []Record {
	if !c.cfg.Durable {
		return nil
	}
	if c.unsettled && c.err == nil {
		c.settle()
	}
	j := &c.journal
	out := j.out
	j.spare.reset()
	j.out, j.spare = j.spare, out
	j.given += uint64(len(out.records))
	return out.records
}

// Durable says that the first n records that Records has given, in this life, are
// durable.
func (c *Core) Durable(now hlc.Now, n uint64) {
	j := &c.journal
	if n = min(n, j.given); c.err != nil || n <= j.durable {
		return
	}
	c.begin(now)
	j.durable = n
	for _, e := range c.ensembles {
		e.release(c.now)
	}
}

// Forgotten drains the trims for the journal. Invariant: what is trimmed is told
// by a state record that is durable; without it a restarted acceptor would take
// itself for one that had never voted there [R4].
func (c *Core) Forgotten() (ts []Trim) {
	for _, e := range c.ensembles {
		if e.settleMark(); e.firm > e.forgotten {
			e.forgotten = e.firm
			ts = append(ts, Trim{e.id, e.firm})
		}
	}
	return ts
}

// Again gives the record of an instance again, since the journal's copy is
// damaged; false if there is nothing to remember of it.
func (c *Core) Again(id ids.Ensemble, k ids.Instance) bool {
	e := c.ensemble(id, true)
	if e == nil || c.err != nil || !c.cfg.Durable {
		return false
	}
	switch s := e.log.at(k); {
	case s == nil:
		return false
	case s.kept && s.decided && s.chosen != nil && (s.value == nil || s.value.ID != s.id || s.round.IsZero()):
		c.journal.decided(e, k, s.chosen)
	case s.value != nil && !s.round.IsZero():
		c.journal.vote(id, k, s.round, s.value)
	default:
		return false
	}
	return true
}

// Full says whether the disk has too little room left. Then proposals are
// refused here, until somebody coordinates who has room, and by others if they hear
// it of too many.
func (c *Core) Full(full bool) {
	if c.noRoom != full {
		c.noRoom = full
		for _, e := range c.ensembles {
			e.lead.yieldAt = c.now.Mono + yieldAfter*c.timeout
		}
		c.tellAll()
	}
}

// NoRoom is what Full has said last.
func (c *Core) NoRoom() bool { return c.noRoom }

// pending is what an acceptor owes and must not pay before its journal is durable.
type pending struct {
	// votes are cast, and not durable. Invariant: all of them are of the promised
	// round; a vote that was not sent when a higher round is promised is never
	// sent [R1]. head is where they begin.
	votes []heldVote
	head  int
	// chain is the chain of round, in which this acceptor voted last.
	round Round
	chain []ids.Process
	// owed are answers to Phase 1, by acceptor.
	owed []owed
}

// heldVote is a vote whose record is not durable.
type heldVote struct {
	instance ids.Instance
	id       ValueID
	record   uint64
}

// owed is a page of 1B that a coordinator waits for.
type owed struct {
	round Round // zero: none
	from  ids.Instance
}

// cast enters a vote into the journal and holds it.
func (e *ensemble) cast(m *accept, s *slot) {
	if !e.c.cfg.Durable {
		return
	}
	h := &e.pending
	if h.round != m.Round {
		h.round, h.chain = m.Round, m.Chain
	}
	if m.Instance-e.marked > ids.Instance(e.log.limit) {
		e.save() // after a jump: the vote must not be found without the mark
	}
	s.record, s.prompt = e.c.journal.vote(e.id, m.Instance, m.Round, m.Value), m.Prompt
	e.dirty = s.record
	if h.head > 64 && h.head*2 > len(h.votes) {
		n := copy(h.votes, h.votes[h.head:])
		h.votes, h.head = h.votes[:n], 0
	}
	h.votes = append(h.votes, heldVote{m.Instance, m.Value.ID, s.record})
}

// safe says whether the vote of s is durable, as far as it has to be.
func (e *ensemble) safe(s *slot) bool { return s.record <= e.c.journal.durable }

// save enters promise, trim mark and members into the journal.
func (e *ensemble) save() {
	if !e.c.cfg.Durable {
		return
	}
	e.settleMark()
	e.dirty = e.c.journal.state(e)
	e.marked, e.markedAt = e.log.base, e.dirty
	e.heldSaved, e.heldAt = e.held, e.dirty
}

// settleMark takes note of what the last state record tells, if that is durable:
// before the next takes its place.
func (e *ensemble) settleMark() {
	if e.markedAt <= e.c.journal.durable {
		e.firm, e.heldTold = e.marked, e.heldSaved
	}
}

// mark enters a trim mark that has risen; not before the last one is durable, so
// that some are, however often it rises.
func (e *ensemble) mark() {
	if e.self >= 0 && e.marked < e.log.base && e.markedAt <= e.c.journal.durable {
		e.save()
	}
}

// release pays what the journal has become durable for.
func (e *ensemble) release(now hlc.Now) {
	e.releaseVotes()
	for a := range e.pending.owed {
		if o := e.pending.owed[a]; !o.round.IsZero() {
			e.pending.owed[a] = owed{}
			e.repay(now, a, o)
		}
	}
	if l := &e.lead; l.phase == preparing && !l.prep.answers[e.self].done && l.prep.own <= e.c.journal.durable {
		l.prep.answers[e.self].done = true
		e.finishPrepare(now)
	}
	e.mark()
	e.keep()
}

// repay answers Phase 1 from the state in memory, which every vote entered when
// its message was taken in, once all of that is durable [R1].
func (e *ensemble) repay(now hlc.Now, a int, o owed) {
	to := e.spec.Acceptors[a]
	switch {
	case e.outdated(o.round):
		e.refuse(to, o.round, 0, refusedRound)
	case e.dirty > e.c.journal.durable:
		if e.pending.owed == nil {
			e.pending.owed = make([]owed, len(e.spec.Acceptors))
		}
		e.pending.owed[a] = o
	default:
		e.c.send(to, e.answer(now, o.round, o.from, pageBytes))
	}
}

// maxVoted bounds the votes in one message.
const maxVoted = 4096

// releaseVotes counts the votes that are durable where votes are counted, at the
// end of the chain and at its beginning, the coordinator, and sends them to the
// other or both: one message for all that one sync made durable. So both know
// of a decision one message after the last sync, whichever was the last: the
// end announces it, and who is answered at the coordinator waits for nothing more.
func (e *ensemble) releaseVotes() {
	h := &e.pending
	var m *voted
	for h.head < len(h.votes) && h.votes[h.head].record <= e.c.journal.durable {
		v := h.votes[h.head]
		h.head++
		s := e.log.at(v.instance)
		if s == nil || s.round != h.round || s.value.ID != v.id {
			continue // trimmed, or decided otherwise
		}
		s.voters |= 1 << e.self
		if m == nil || len(m.Votes) == maxVoted {
			m = &voted{Ensemble: e.id, Round: h.round, Votes: make([]ballot, 0, min(maxVoted, len(h.votes)-h.head+1))}
			e.tellVotes(h.chain, m)
		}
		m.Votes = append(m.Votes, ballot{v.instance, v.id})
		e.tally(v.instance, s)
	}
	if h.head == len(h.votes) {
		h.votes, h.head = h.votes[:0], 0
	}
}

// tellVotes sends votes to those of a chain who count them.
func (e *ensemble) tellVotes(chain []ids.Process, m *voted) {
	first, last := chain[0], chain[len(chain)-1]
	if first != e.c.cfg.Self {
		e.c.send(first, m)
	}
	if last != e.c.cfg.Self && last != first {
		e.c.send(last, m)
	}
}

// onVoted counts votes that have become durable at another acceptor of the chain.
func (e *ensemble) onVoted(from ids.Process, m *voted) {
	a := e.acceptor(from)
	if !e.hasVote(a) || !e.acts() || e.foreign(m.Round) {
		e.c.counters.Dropped++
		return
	}
	for i := range m.Votes {
		b := &m.Votes[i]
		s := e.log.open(b.Instance)
		switch {
		case s == nil:
			e.c.counters.Dropped++ // trimmed, or beyond the log
		case s.decided:
		case s.value != nil && s.round == m.Round && s.value.ID == b.ID:
			s.voters |= 1 << a
			e.tally(b.Instance, s)
		default:
			s.note(heardVote{a, m.Round, b.ID}) // before its value
		}
	}
}

// tally concludes an instance if the value is held and f+1 different acceptors
// voted for it in its round [R2]: announces it at the chain's end, learns it at
// the coordinator.
func (e *ensemble) tally(k ids.Instance, s *slot) {
	h := &e.pending
	if s.decided || !e.decides(s) || h.round != s.round {
		return
	}
	switch last := h.chain[len(h.chain)-1]; e.c.cfg.Self {
	case last:
		e.conclude(&accept{Ensemble: e.id, Round: s.round, Instance: k, Chain: h.chain, Prompt: s.prompt, Value: s.value}, true)
	case h.chain[0]:
		e.learn(k, s.value.ID, s.value, last)
	}
}
