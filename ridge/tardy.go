package ridge

import (
	"slices"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// A distributor that is slow to take what it is sent, or to send on, delays all learners,
// and is heard as ever; and where commands wait for one another, what they do slows down
// until it is not behind with anything. So learners, who hear of decisions from the last
// acceptor itself, look how much later the values come, from each distributor; and who
// chooses distributors does without one of which half of them complain.

// tardy is a learner's complaint to an acceptor about a distributor.
type tardy struct {
	Ensemble ids.Ensemble
	Process  ids.Process
}

func (*tardy) Kind() wire.Kind { return kindTardy }

func (m *tardy) Append(b []byte) []byte {
	return wire.AppendUint16(appendEnsemble(b, m.Ensemble), uint16(m.Process))
}

// distribution is what is known of a member as a distributor.
type distribution struct {
	// bytes this process has had it distribute, or would have, had it served.
	bytes uint64
	// lag is how late the values came here that it distributed, smoothed; toldAt is when
	// this process complained last, and cameAt when the last of them came.
	lag            time.Duration
	toldAt, cameAt time.Duration
	// by are the learners who complained since the first of them did, at since. It is not
	// chosen before until.
	by    []ids.Process
	since time.Duration
	until time.Duration
}

const (
	lagMemory   = 8  // the number of values that lag is the mean of
	tardyFactor = 4  // so much later than another is tardy
	tardyFor    = 20 // failure timeouts
)

// lateBy is how long an instance of which the value has come had been known to be decided,
// though it may have been fetched meanwhile; ok is false if that is not known.
func (e *ensemble) lateBy(now time.Duration, k ids.Instance) (late time.Duration, ok bool) {
	s, f := e.log.at(k), &e.gap.former[k%formerAsked]
	switch {
	case s != nil && s.missed > 0:
		late, s.missed = now-s.missed, 0
		return late, true
	case f.k == k && k > 0:
		f.k = 0
		return now - f.since, true
	default:
		return 0, k > e.log.base && (s == nil || !s.decided)
	}
}

// distributed takes note of how late a value came from a distributor, which last has
// chosen, and complains of one that is much later than another.
func (e *ensemble) distributed(d *member, late time.Duration, last ids.Process) {
	now, by := e.c.now.Mono, &d.distribution
	by.lag += (late - by.lag) / lagMemory
	by.cameAt = now
	if by.lag <= e.c.patience()/4 || now-by.toldAt < e.c.timeout && by.toldAt > 0 {
		return
	}
	better := false
	for i := range e.members {
		o := &e.members[i].distribution
		better = better || o != by && o.cameAt > 0 && now-o.cameAt <= e.c.timeout && tardyFactor*o.lag < by.lag
	}
	if !better {
		return
	}
	by.lag, by.toldAt = 0, now
	e.c.send(last, &tardy{Ensemble: e.id, Process: d.process})
}

// onTardy takes a learner's complaint.
func (e *ensemble) onTardy(from ids.Process, m *tardy) {
	d := e.member(m.Process)
	if d == nil || e.self < 0 {
		e.c.counters.Dropped++
		return
	}
	now, of := e.c.now.Mono, &d.distribution
	if now-of.since > e.c.timeout {
		of.by, of.since = of.by[:0], now
	}
	if !slices.Contains(of.by, from) {
		of.by = append(of.by, from)
	}
	if 2*len(of.by) >= len(e.members)-e.quorum-1 {
		of.by, of.until = of.by[:0], now+tardyFor*e.c.timeout
		e.c.counters.Tardy++
	}
}

// distributor picks, among the learners outside the chain that are not suspected, the
// one that has distributed the fewest bytes. One that is tardy, or behind and would pass
// the value on as late, is the last choice. Who is not chosen meanwhile need not make up
// for it afterwards.
func (e *ensemble) distributor(chain []ids.Process) *member {
	var best *member
	bad := false
	for i := range e.members {
		l := &e.members[i]
		if slices.Contains(chain, l.process) || e.c.Suspected(l.process) {
			continue
		}
		late := e.c.now.Mono < l.distribution.until || e.c.Behind(l.process)
		if best == nil || late == bad && l.distribution.bytes < best.distribution.bytes || !late && bad {
			best, bad = l, late
		}
	}
	if best != nil {
		for i := range e.members {
			by := &e.members[i].distribution
			by.bytes = max(by.bytes, best.distribution.bytes)
		}
	}
	return best
}
