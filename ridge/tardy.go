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
	// this process complained last.
	lag    time.Duration
	toldAt time.Duration
	// complaints came since the first of them, at since. It is not chosen before until.
	complaints int
	since      time.Duration
	until      time.Duration
}

const (
	lagMemory   = 8  // the number of values that lag is the mean of
	tardyFactor = 4  // so much later than from the best one is tardy
	tardyFor    = 20 // failure timeouts
)

// lateBy is how long an instance that has come has been known to be decided; ok is false
// if that is not known.
func (e *ensemble) lateBy(now time.Duration, k ids.Instance) (late time.Duration, ok bool) {
	g := &e.gap
	switch s := e.log.at(k); {
	case s != nil && s.chosen != nil:
		return 0, false // it came before
	case k == g.from && g.at != never:
		return now - g.since, true
	case k == g.asked:
		return now - g.askedSince, true
	default:
		return 0, s == nil || !s.decided
	}
}

// distributed takes note of how late a value came from a distributor, which last has
// chosen, and complains of one that is much later than another.
func (e *ensemble) distributed(d *member, late time.Duration, last ids.Process) {
	now, by := e.c.now.Mono, &d.distribution
	by.lag += (late - by.lag) / lagMemory
	if by.lag <= e.c.patience()/4 || now-by.toldAt < e.c.timeout && by.toldAt > 0 {
		return
	}
	for i := range e.members {
		o := &e.members[i]
		if o != d && o.process != e.c.cfg.Self && !e.c.Suspected(o.process) && tardyFactor*o.distribution.lag >= by.lag {
			return
		}
	}
	by.lag, by.toldAt = 0, now
	e.c.send(last, &tardy{Ensemble: e.id, Process: d.process})
}

// onTardy counts a complaint. Each learner has one in a failure timeout.
func (e *ensemble) onTardy(m *tardy) {
	d := e.member(m.Process)
	if d == nil || e.self < 0 {
		e.c.counters.Dropped++
		return
	}
	now, by := e.c.now.Mono, &d.distribution
	if now-by.since > e.c.timeout {
		by.complaints, by.since = 0, now
	}
	by.complaints++
	if 2*by.complaints >= len(e.members)-e.quorum-1 {
		by.complaints, by.until = 0, now+tardyFor*e.c.timeout
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
