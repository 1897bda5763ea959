package partition

import "github.com/eyrie-dev/eyrie/internal/ids"

// EventKind says what an Event tells.
type EventKind uint8

// Events of a delivered command, in this order. Started and Finished follow
// Judged only for accepted commands; an accepted command that is judged stale
// or lacks destinations finishes without having started.
const (
	EventJudged EventKind = iota + 1
	EventStarted
	EventFinished
)

// Event is told to Config.Observe. Slices are valid during the call only.
type Event struct {
	Kind     EventKind
	Position ids.Position
	Command  ids.Command
	Attempt  ids.Attempt
	Dests    ids.Set
	Verdict  Verdict // Judged
	// The rest is for Finished.
	Outcome Outcome
	// Reply is the digest of what the client is told: outcome, value, error,
	// partitions needed.
	Reply uint64
	// Reads and Ranges are what the code read from the state before the
	// command, Writes what it changed (outcome OK), in the order of first
	// access. Both are alike at all destinations, but for what is only updated
	// elsewhere.
	Reads  []Key
	Ranges []Range
	Writes []Key
}

// Verdict is what a delivery is, judged once at its place in the order [X4].
type Verdict uint8

const (
	// VerdictAccepted: it takes its turn.
	VerdictAccepted Verdict = iota + 1
	// VerdictStale: accepted, with the outcome retry: routed by another map.
	VerdictStale
	// VerdictDuplicate: below the mark, or the attempt is not the highest.
	VerdictDuplicate
	// VerdictLate: its final timestamp exceeds T0 + H.
	VerdictLate
	// VerdictRefused: T0 too far ahead, sequence outside the window, or
	// fields that no client writes.
	VerdictRefused
)

func (v Verdict) String() string {
	switch v {
	case VerdictAccepted:
		return "accepted"
	case VerdictStale:
		return "stale"
	case VerdictDuplicate:
		return "duplicate"
	case VerdictLate:
		return "late"
	case VerdictRefused:
		return "refused"
	}
	return "no verdict"
}

func (r *Replica) observeVerdict(d *Delivery, v Verdict) {
	if r.config.Observe != nil {
		r.config.Observe(Event{
			Kind: EventJudged, Position: d.Position, Command: d.Command,
			Attempt: d.Attempt, Dests: d.Dests, Verdict: v,
		})
	}
}

func (r *Replica) observeStart(c *command) {
	if r.config.Observe != nil {
		r.config.Observe(Event{
			Kind: EventStarted, Position: c.Position, Command: c.Command,
			Attempt: c.Attempt, Dests: c.dests,
		})
	}
}

func (r *Replica) observeFinish(c *command, m *Reply) {
	if r.config.Observe == nil {
		return
	}
	ev := Event{
		Kind: EventFinished, Position: c.Position, Command: c.Command,
		Attempt: c.Attempt, Dests: c.dests,
		Outcome: m.Outcome, Reply: m.Digest(),
		Reads: c.tx.reads, Ranges: c.tx.ranges,
	}
	if m.Outcome == OutcomeOK {
		for i := range c.tx.writes {
			ev.Writes = append(ev.Writes, c.tx.writes[i].key)
		}
	}
	r.config.Observe(ev)
}
