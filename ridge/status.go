package ridge

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// Status is a picture of a Core for operators, tests and metrics.
type Status struct {
	Ensembles []EnsembleStatus
	Suspected []ids.Process
	Optimism  Optimism
	Counters  Counters
}

// Optimism is the state of optimistic delivery.
type Optimism struct {
	On bool
	// Wait is w: the high quantile of arrival - T0; Most is the most that a
	// message waits after its arrival.
	Wait, Most time.Duration
	// Early and Late are the smoothed times from a direct copy's arrival to its
	// optimistic and to its conservative delivery.
	Early, Late time.Duration
	// Held direct copies, of HeldBytes; of them Waiting are not yet delivered.
	Held, HeldBytes, Waiting int
	// Clients of which something is remembered; Records told apart.
	Clients, Records int
	// Parked values lack payloads.
	Parked int
}

// EnsembleStatus is one ensemble as this process sees it.
type EnsembleStatus struct {
	Ensemble    ids.Ensemble
	Coordinator ids.Process
	Round       Round
	// Leading: this process coordinates and has finished Phase 1.
	Leading bool
	// Decided: the stream is known without a gap up to it.
	Decided ids.Instance
	// Delivered: everything up to it is pulled.
	Delivered ids.Instance
	// Trimmed: everything up to it is forgotten here.
	Trimmed ids.Instance
	// Stable: the older of this replica's durable checkpoints covers it.
	Stable ids.Instance
	// Whole: as much of that as f+1 replicas' word lets others forget; see
	// Core.Whole.
	Whole ids.Instance
	// Version is the number of changes of the members; Members are those that were
	// replaced.
	Version uint64
	Members []Member `json:",omitempty"`
	// Acts: this process is an acceptor with a vote.
	Acts bool
	// Kept: everything up to it is held here durably; while a member has no vote.
	Kept ids.Instance
	// Held votes wait to be durable.
	Held     int
	LogCount int
	LogBytes int
	// Waiting messages at the coordinator, and open instances.
	Waiting, Open int
	// Queued messages wait here for the merge.
	Queued int
	// Lead is ensemble time minus physical time [R8]. It should stay below
	// MaxAhead.
	Lead time.Duration
}

// Counters count what happened since the start.
type Counters struct {
	Delivered   uint64 // messages pulled
	Proposed    uint64 // values proposed here
	Nulls       uint64 // of them without entries
	Rounds      uint64 // rounds started here
	Changes     uint64 // of the members
	Repeats     uint64 // Phase 2 repeated
	Fetches     uint64 // gap repairs asked for
	Advances    uint64 // advance requests sent
	Refused     uint64 // proposals refused with advice
	Questions   uint64 // for positions, of all ensembles at a time
	Confirms    uint64 // rounds of confirmation, repeated ones included
	Duplicates  uint64 // proposals dropped as already queued
	Dropped     uint64 // messages dropped: malformed, misplaced or beyond a bound
	Adjudicated uint64 // values that Phase 1 obliged a new round to repeat

	Optimistic    uint64 // messages opt-delivered
	Forced        uint64 // of them with their conservative delivery only
	Compared      uint64 // conservative deliveries compared with the optimistic order
	Mistakes      uint64 // of them not the next optimistic one
	CopiesDropped uint64 // direct copies dropped: late, early, twice, or after the conservative delivery
	CopiesRefused uint64 // direct copies beyond a bound
	Again         uint64 // messages multicast again on their senders' behalf
	GivenUp       uint64 // opt-delivered and past T0 + H without conservative delivery

	Asks               uint64 // questions for payloads asked
	PayloadsAsked      uint64 // payloads asked for
	PayloadsTwice      uint64 // payloads that came although they were held
	PayloadsSpared     uint64 // payloads left out
	PayloadBytesSpared uint64
}

// Ahead is how many messages were opt-delivered before their order was final: what
// Mistakes are a share of.
func (c *Counters) Ahead() uint64 { return c.Compared - min(c.Forced, c.Compared) }

// Status describes the core.
func (c *Core) Status() Status {
	st := Status{Counters: c.counters}
	for _, e := range c.ensembles {
		st.Ensembles = append(st.Ensembles, e.status())
	}
	for _, p := range c.order {
		if c.Suspected(p.process) {
			st.Suspected = append(st.Suspected, p.process)
		}
	}
	o := &c.opt
	w, most := o.limits(&c.cfg.Tuning)
	st.Optimism = Optimism{
		On: o.on, Wait: time.Duration(w) * time.Microsecond, Most: most, Early: o.early, Late: o.latency,
		Held: o.count, HeldBytes: o.bytes, Waiting: len(o.queue), Clients: len(o.order), Records: o.records,
	}
	for _, e := range c.ensembles {
		st.Optimism.Parked += len(e.parked)
	}
	return st
}

func (e *ensemble) status() EnsembleStatus {
	return EnsembleStatus{
		Ensemble:    e.id,
		Coordinator: e.coordinator(),
		Round:       e.known,
		Leading:     e.lead.phase == leading,
		Decided:     e.next - 1,
		Delivered:   e.delivered(),
		Trimmed:     e.log.base,
		Stable:      e.stable,
		Whole:       e.whole,
		Version:     e.version(),
		Members:     e.changes.List,
		Acts:        e.acts(),
		Kept:        e.toldHeld(),
		Held:        len(e.pending.votes) - e.pending.head,
		LogCount:    e.log.count,
		LogBytes:    e.log.bytes,
		Waiting:     e.lead.queue.count(),
		Open:        len(e.lead.open),
		Queued:      e.stream.count,
		Lead:        e.stream.last.Sub(e.physical(e.c.now)),
	}
}
