package ridge

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// Status is a picture of a Core for operators, tests and metrics.
type Status struct {
	Ensembles []EnsembleStatus `json:"ensembles"`
	Suspected []ids.Process    `json:"suspected"`
	Optimism  Optimism         `json:"optimism"`
	Counters  Counters         `json:"counters"`
}

// Optimism is the state of optimistic delivery.
type Optimism struct {
	On bool `json:"on"`
	// Wait is w: the high quantile of arrival - T0; Most is the most that a
	// message waits after its arrival.
	Wait time.Duration `json:"wait_ns"`
	Most time.Duration `json:"most_ns"`
	// Early and Late are the smoothed times from a direct copy's arrival to its
	// optimistic and to its conservative delivery.
	Early time.Duration `json:"early_ns"`
	Late  time.Duration `json:"late_ns"`
	// Held direct copies, of HeldBytes; of them Waiting are not yet delivered.
	Held      int `json:"held"`
	HeldBytes int `json:"held_bytes"`
	Waiting   int `json:"waiting"`
	// Clients of which something is remembered; Records told apart.
	Clients int `json:"clients"`
	Records int `json:"records"`
	// Parked values lack payloads.
	Parked int `json:"parked"`
}

// EnsembleStatus is one ensemble as this process sees it.
type EnsembleStatus struct {
	Ensemble    ids.Ensemble `json:"ensemble"`
	Coordinator ids.Process  `json:"coordinator"`
	Round       Round        `json:"round"`
	// Leading: this process coordinates and has finished Phase 1.
	Leading bool `json:"leading"`
	// Decided: the stream is known without a gap up to it.
	Decided ids.Instance `json:"decided"`
	// Delivered: everything up to it is pulled.
	Delivered ids.Instance `json:"delivered"`
	// Trimmed: everything up to it is forgotten here.
	Trimmed ids.Instance `json:"trimmed"`
	// Stable: the older of this replica's durable checkpoints covers it.
	Stable ids.Instance `json:"stable"`
	// Whole: as much of that as f+1 replicas' word lets others forget; see
	// Core.Whole.
	Whole ids.Instance `json:"whole"`
	// Version is the number of changes of the members; Members are those that were
	// replaced.
	Version uint64   `json:"version"`
	Members []Member `json:"members,omitempty"`
	// Acts: this process is an acceptor with a vote.
	Acts bool `json:"acts"`
	// Kept: everything up to it is held here durably; while a member has no vote.
	Kept ids.Instance `json:"kept"`
	// Held votes wait to be durable.
	Held     int `json:"held"`
	LogCount int `json:"log_count"`
	LogBytes int `json:"log_bytes"`
	// Waiting messages at the coordinator, and open instances.
	Waiting int `json:"waiting"`
	Open    int `json:"open"`
	// Queued messages wait here for the merge.
	Queued int `json:"queued"`
	// Lead is ensemble time minus physical time [R8]. It should stay below
	// MaxAhead.
	Lead time.Duration `json:"lead_ns"`
}

// Counters count what happened since the start.
type Counters struct {
	Delivered   uint64 `json:"delivered"`   // messages pulled
	Proposed    uint64 `json:"proposed"`    // values proposed here
	Nulls       uint64 `json:"nulls"`       // of them without entries
	Rounds      uint64 `json:"rounds"`      // rounds started here
	Changes     uint64 `json:"changes"`     // of the members
	Repeats     uint64 `json:"repeats"`     // Phase 2 repeated
	Fetches     uint64 `json:"fetches"`     // gap repairs asked for
	Advances    uint64 `json:"advances"`    // advance requests sent
	Refused     uint64 `json:"refused"`     // proposals refused with advice
	Burdened    uint64 `json:"burdened"`    // proposals not taken since too much is remembered of others
	Tardy       uint64 `json:"tardy"`       // distributors not chosen for a while since learners complained
	Questions   uint64 `json:"questions"`   // for positions, of all ensembles at a time
	Confirms    uint64 `json:"confirms"`    // rounds of confirmation, repeated ones included
	Duplicates  uint64 `json:"duplicates"`  // proposals dropped as already queued
	Dropped     uint64 `json:"dropped"`     // messages dropped: malformed, misplaced or beyond a bound
	Adjudicated uint64 `json:"adjudicated"` // values that Phase 1 obliged a new round to repeat

	Optimistic    uint64 `json:"optimistic"`     // messages opt-delivered
	Forced        uint64 `json:"forced"`         // of them with their conservative delivery only
	Compared      uint64 `json:"compared"`       // conservative deliveries compared with the optimistic order
	Mistakes      uint64 `json:"mistakes"`       // of them not the next optimistic one
	CopiesDropped uint64 `json:"copies_dropped"` // direct copies dropped: late, early, twice, or after the conservative delivery
	CopiesRefused uint64 `json:"copies_refused"` // direct copies beyond a bound
	Again         uint64 `json:"again"`          // messages multicast again on their senders' behalf
	GivenUp       uint64 `json:"given_up"`       // opt-delivered and past T0 + H without conservative delivery

	Asks               uint64 `json:"asks"`            // questions for payloads asked
	PayloadsAsked      uint64 `json:"payloads_asked"`  // payloads asked for
	PayloadsTwice      uint64 `json:"payloads_twice"`  // payloads that came although they were held
	PayloadsSpared     uint64 `json:"payloads_spared"` // payloads left out
	PayloadBytesSpared uint64 `json:"payload_bytes_spared"`
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
