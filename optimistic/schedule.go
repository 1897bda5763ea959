package optimistic

import (
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
)

// done takes an entry from those that others wait for.
func (m *Machine) done(e *entry) {
	if !e.isOpen {
		return
	}
	e.behind = nil
	m.open.leave(e)
	for i, w := range e.waiters {
		e.waiters[i] = nil
		if w.behind == e {
			w.behind = nil
			m.ready = append(m.ready, w)
		}
	}
	e.waiters = e.waiters[:0]
}

// execute runs a run as far as it comes. A run counts from its start [F2].
func (m *Machine) execute(e *entry) {
	if !e.run.Started() {
		e.started = m.now.Wall
		m.counters.Runs++
		m.observe(EventStarted, e)
		m.forecast(e)
	}
	ended := m.r.Execute(e.run)
	m.weigh(e)
	m.tell(e)
	if ended {
		m.observe(EventEnded, e)
		e.effects = true
		m.reply(e)
	}
	switch known := ended && !e.run.Unusable(); { // else nobody knows what it does
	case known:
		m.done(e)
	case !e.isOpen:
		m.open.enter(e)
	}
}

// start executes a run, or has it wait for what it conflicts with.
func (m *Machine) start(e *entry) {
	if e.behind = m.open.blocker(e); e.behind == nil {
		m.execute(e)
		return
	}
	e.behind.waiters = append(e.behind.waiters, e)
	if !e.isOpen {
		m.open.enter(e)
	}
}

// weigh counts what the run keeps.
func (m *Machine) weigh(e *entry) {
	n := e.run.Bytes()
	m.bytes += n - e.bytes
	e.bytes = n
}

// leave notes that a run whose turn has not come is to be given up.
func (m *Machine) leave(e *entry) {
	if !e.leaving {
		e.leaving = true
		m.leaving = append(m.leaving, e)
	}
}

// giveUp ends a run that has no turn.
func (m *Machine) giveUp(e *entry) {
	if e.turned || e.run == nil {
		return
	}
	m.counters.GivenUp++
	if e.replied {
		m.counters.Unjudged++
	}
	m.stale = m.stale || e.effects
	m.pending.remove(e)
	m.done(e)
	m.r.GiveUp(e.run)
	m.drop(e)
}

// drop forgets an entry, which is not pending.
func (m *Machine) drop(e *entry) {
	m.done(e)
	m.table.remove(e)
	m.bytes -= e.bytes
	waiters := e.waiters
	*e = entry{waiters: waiters}
	if len(m.free) < maxFree {
		m.free = append(m.free, e)
	}
}

// maxFree entries are kept for those to come.
const maxFree = 1024

func (m *Machine) newEntry() *entry {
	if n := len(m.free); n > 0 {
		e := m.free[n-1]
		m.free[n-1] = nil
		m.free = m.free[:n-1]
		return e
	}
	return new(entry)
}

// maxPassed is how many commands may have their turn before one that was
// opt-delivered earlier. Mostly it never will have it: its client has told some
// replicas of it and was gone.
const maxPassed = 256

// Turn implements partition.Speculator.
func (m *Machine) Turn(c ids.Command, a ids.Attempt) *partition.Run {
	e := m.pending.head
	if e == nil || e.command != c || e.attempt != a {
		if e = m.table.find(c, a); e == nil || e.turned {
			return nil
		}
		m.pass(e)
	}
	e.turned = true
	if e.sent {
		m.speech.turned(m.now.Mono - e.said)
	}
	m.pending.remove(e)
	return e.run
}

// pass notes that e has its turn before those that come before it in the list:
// what they took may change.
func (m *Machine) pass(e *entry) {
	m.counters.Swapped++
	e.swapped = true
	for o := m.pending.head; o != e; o = o.list.next {
		if o.passed++; o.passed > maxPassed {
			m.leave(o)
		}
	}
}

// Dropped implements partition.Speculator.
func (m *Machine) Dropped(c ids.Command, a ids.Attempt) {
	if e := m.table.find(c, a); e != nil && !e.turned {
		m.leave(e)
	}
}

// Ended implements partition.Speculator. What was not confirmed, or came in
// another order, may have changed what others took.
func (m *Machine) Ended(end *partition.Ending) {
	m.early.forget(end.Command, end.Attempt)
	if end.Run == nil {
		m.stale = m.stale || end.Wrote && m.pending.head != nil
		if m.table.count > 0 {
			if e := m.table.find(end.Command, end.Attempt); e != nil && e.turned { // its run could not be its own
				m.stale = true
				m.counters.Wrong++
				m.compareReply(e, end)
				m.drop(e)
			}
		}
		return
	}
	e := end.Run.Mate.(*entry)
	if end.Confirmed {
		m.counters.Confirmed++
		m.observe(EventConfirmed, e)
		m.stale = m.stale || e.swapped && end.Wrote
	} else {
		if end.Run.Started() {
			m.counters.Wrong++
			m.observe(EventWrong, e)
		} else {
			m.counters.Unstarted++
		}
		m.stale = m.stale || m.pending.head != nil && (end.Wrote || e.effects)
	}
	m.compareReply(e, end)
	m.drop(e)
}
