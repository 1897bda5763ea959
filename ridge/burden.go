package ridge

import (
	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// Burden is how much a replica has to remember of what was ordered. What is ordered it
// has to take, so coordinators look at it before.
type Burden byte

const (
	// Bearable: less than it may.
	Bearable Burden = iota
	// Lapsed: as much as it may, some of it only until another message is delivered.
	Lapsed
	// Laden: as much as it may.
	Laden
)

// Burden says how much who executes what is ordered has to remember. Others hear of it
// with heartbeats, far ones at once when it is no more bearable, or again.
func (c *Core) Burden(b Burden) {
	if (c.burden == Bearable) != (b == Bearable) && c.started {
		c.news, c.beatSoon = true, true
	}
	c.burden = b
}

// hearBurden takes a peer's word about its own.
func (c *Core) hearBurden(p *peer, b Burden) {
	if p.burden != Bearable {
		c.burdened--
	}
	if p.burden = b; b != Bearable {
		c.burdened++
	}
}

// spared says whether nobody has much to remember: the usual case, told fast.
func (c *Core) spared() bool { return c.burden == Bearable && c.burdened == 0 }

// overburdens says whether a destination would have to remember more than it may for
// m. Where some of that has lapsed one message is let through in the time that it takes to
// be delivered and told of: it has it forgotten. And m is whoever else waits if it adds nothing, or hardly: the copy of a
// command that is remembered, or the oldest of a client that is.
func (e *ensemble) overburdens(m *Message, present hlc.Timestamp) bool {
	worst := Bearable
	for _, p := range m.Dests {
		worst = max(worst, e.burdenOf(p))
	}
	if worst == Bearable {
		return false
	}
	if now, l := e.c.now.Mono, &e.lead; worst == Lapsed && now >= l.letAt {
		l.letAt = now + max(2*l.latency, e.c.timeout/500)
		return false
	}
	if known := e.c.cfg.Known; known != nil && m.Dests.Has(e.c.partition) {
		client, command := known(m.Command)
		oldest := m.Mark == m.Command.Sequence && m.Guard < present && len(m.Dests) == 1
		if command || client && oldest {
			return false
		}
	}
	e.c.counters.Burdened++
	return true
}

// burdenOf is that of a partition: this one's own as its replica here has it, another's
// as half of those have it that are heard, since one that catches up may be alone with it.
func (e *ensemble) burdenOf(p ids.Partition) Burden {
	if p == e.c.partition {
		return e.c.burden
	}
	var count [Laden + 1]int
	for i := range e.members {
		if m := &e.members[i]; m.partition == p && m.peer != nil && !e.c.Suspected(m.process) {
			count[m.peer.burden]++
		}
	}
	laden, lapsed := count[Laden], count[Laden]+count[Lapsed]
	switch all := count[Bearable] + lapsed; {
	case laden > 0 && 2*laden >= all:
		return Laden
	case lapsed > 0 && 2*lapsed >= all:
		return Lapsed
	}
	return Bearable
}
