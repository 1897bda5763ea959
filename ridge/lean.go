package ridge

import (
	"time"
)

// shortage is what tells whether a learner often lacks what it is presumed to
// have: then it gets payloads in full for a while. It counts values, not
// payloads: under load a value has as many as came at a time over a connection,
// and all of them are late if that connection was read late once.
type shortage struct {
	presumed, asked int
	fullUntil       time.Duration
}

// Of the last some askSpan values with payloads presumed to be at a learner, one
// in askShare may be asked about.
const (
	askSpan  = 256
	askShare = 8
)

// asked counts a value about which m asked.
func (m *member) asked(e *ensemble) {
	a := &m.short
	a.asked++
	if a.asked > askSpan/askShare && a.asked > a.presumed/askShare {
		a.fullUntil = e.c.now.Mono + 2*e.c.timeout
		*a = shortage{fullUntil: a.fullUntil}
	}
}

// lacks says whether m is to get payloads in full.
func (m *member) lacks(e *ensemble) bool { return e.c.now.Mono < m.short.fullUntil }

// presume counts a value sent to m without payloads.
func (m *member) presume() {
	a := &m.short
	if a.presumed++; a.presumed > askSpan {
		a.presumed, a.asked = a.presumed/2, a.asked/2
	}
}

// spared says whether entry i of v can go to m without its payload: by the
// proposer's own statement m was sent it, or m has no use for it.
func (e *ensemble) spared(v *Value, i int, m *member) bool {
	if v.dests(i).Has(m.partition) {
		return v.cast.has(i) && !m.lacks(e)
	}
	return !m.accepts
}

// lean is v as it is sent to all of ms: without the payloads that none of them
// needs to be sent.
func (e *ensemble) lean(v *Value, ms ...*member) *Value {
	if v.cast == nil || len(ms) == 0 {
		return v
	}
	if len(ms) > 1 {
		for _, m := range ms {
			if m.lacks(e) {
				return v.plain() // whoever passes it on leaves nothing out either
			}
		}
	}
	bytes, n := 0, 0
	out := v.without(func(i int) bool {
		for _, m := range ms {
			if !e.spared(v, i, m) {
				return false
			}
		}
		n++
		bytes += v.Entries[i].Message.size()
		return true
	})
	for _, m := range ms {
		if n > 0 {
			m.presume()
		}
	}
	e.c.counters.PayloadsSpared += uint64(n)
	e.c.counters.PayloadBytesSpared += uint64(bytes)
	return out
}

// plain is v with all its payloads wherever it goes: for what is repeated,
// since what it lacked may be why.
func (v *Value) plain() *Value {
	if v.cast == nil {
		return v
	}
	out := *v
	out.cast = nil
	return &out
}
