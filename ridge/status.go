package ridge

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// Status is a picture of a Core for operators, tests and metrics.
type Status struct {
	Ensembles []EnsembleStatus
	Suspected []ids.Process
	Counters  Counters
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
	Trimmed  ids.Instance
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
	Repeats     uint64 // Phase 2 repeated
	Fetches     uint64 // gap repairs asked for
	Advances    uint64 // advance requests sent
	Refused     uint64 // proposals refused with advice
	Duplicates  uint64 // proposals dropped as already queued
	Dropped     uint64 // messages dropped: malformed, misplaced or beyond a bound
	Adjudicated uint64 // values that Phase 1 obliged a new round to repeat
}
