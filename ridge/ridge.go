// Package ridge is Ridge's conservative delivery (dissertation, chapter 5):
// atomic multicast on Paxos ensembles whose streams every learner merges in
// timestamp order. It knows nothing of commands; a message is opaque bytes
// with a header. Everything here is a deterministic state machine without IO:
// inputs are messages and the time, outputs are values.
package ridge

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Message is what is multicast. Invariant: copies of one (Command, Attempt)
// are byte-identical, whoever sends them and whenever.
type Message struct {
	Command ids.Command
	Attempt ids.Attempt
	// T0 is the first timestamp: the same in all copies and attempts.
	T0 hlc.Timestamp
	// Mark is the client's low mark: every sequence below it is finished or
	// given up. Guard is the largest T0 + H among those given up.
	Mark  ids.Sequence
	Guard hlc.Timestamp
	// Dests are the destination groups.
	Dests ids.Set
	// Body is opaque to Ridge. Invariant: never changed after Multicast.
	Body []byte
}

// Topology says which ensembles exist, who accepts in them and which
// partitions' replicas learn from them. It is fixed at start.
type Topology struct {
	// Replicas[p] are the processes that replicate partition p.
	Replicas [][]ids.Process
	// Ensembles in ascending order of ID.
	Ensembles []EnsembleSpec
}

// EnsembleSpec describes one ensemble.
type EnsembleSpec struct {
	ID ids.Ensemble
	// Acceptors are 2f+1 processes. All are replicas of one subscribed
	// partition, so that f crashes in every partition are survivable.
	Acceptors []ids.Process
	// Partitions whose replicas are the ensemble's learners.
	Partitions ids.Set
}

// Delivery is a cons-delivered message.
type Delivery struct {
	Position ids.Position // final timestamp and ensemble
	Instance ids.Instance
	// Message is valid until the next call of Next; what it refers to (Dests,
	// Body) stays.
	Message *Message
	// Proposed is the median of the acceptors' physical clocks, as the
	// coordinator knew it when it proposed.
	Proposed hlc.Timestamp
	// Nearest is the last acceptor of the chain, as far as this learner
	// heard: the process that knew of the decision first. A hint.
	Nearest ids.Process
	// Origin is the coordinator that proposed it first.
	Origin ids.Process
}

// Send is a message to put on the wire.
type Send struct {
	To  ids.Addr
	Msg wire.Message
	// Lazy: nobody waits for it. It may stay with the driver for a few hundred
	// microseconds and leave together with others.
	Lazy bool
}

// Config is what a Core is made of.
type Config struct {
	Self     ids.Process
	Topology *Topology
	Tuning   Tuning
	// Life is new at every start, random, also where the process remembers its
	// former lives [R2].
	Life uint64
	// Incarnation is this process's, Founded tells that of each as it was when the
	// cluster was founded, zero if that is not known yet. Nil: incarnations are not
	// told apart until one is replaced.
	Incarnation ids.Incarnation
	Founded     func(ids.Process) ids.Incarnation
	// Durable: promises and votes are journalled, and claimed only once they are
	// durable (see Core.Records). Otherwise they are in memory alone.
	Durable bool
	// Recovered are all records that the journal holds, in order of sequence.
	Recovered []Record
	// Known says whether who executes remembers a command, and its client: if so it
	// is taken where others are refused, see Burden. Nil: none is.
	Known func(ids.Command) (client, command bool)
	// Random draws 64 random bits; the driver seeds it.
	Random func() uint64
	// Learned, if not nil, is told of each decision that this process learns
	// of, for the simulator's checkers. It must not call the core.
	Learned func(ids.Ensemble, ids.Instance, ValueID)
}

// Tuning are Ridge's times and bounds. DefaultTuning gives values that serve.
type Tuning struct {
	FailureTimeout time.Duration // suspicion after this much silence; 500 ms
	Heartbeat      time.Duration // FailureTimeout / 4
	Window         time.Duration // W: clamp around the physical clock
	Lead           time.Duration // A: how far ahead a null may be, W < A < B
	MaxAhead       time.Duration // B: acceptors refuse votes further ahead
	Horizon        time.Duration // H: a message is late after T0 + H
	MaxBatchBytes  int           // bytes of messages in one instance
	MaxBatchCount  int           // messages in one instance
	Pipeline       int           // open instances per ensemble
	MaxWaiting     int           // messages waiting at a coordinator
	MaxWaitingSize int           // and their bytes
	MaxLogBytes    int           // decided but untrimmed, per ensemble
	MaxLogCount    int           // instances, likewise
	MaxMessage     int           // bytes of one message's body

	// Optimistic delivers optimistically too, and leaves payloads out towards
	// processes that had them straight from the proposer.
	Optimistic bool
	// OptimisticWait is how long after its T0, or after its arrival if that is
	// earlier, a message waits to be opt-delivered. Zero: a high quantile of
	// the delays seen lately, at most a quarter of the time from arrival to
	// conservative delivery, which is what optimistic delivery saves. Negative:
	// not at all.
	OptimisticWait time.Duration
	// ProposeWait is how long a coordinator waits likewise before it proposes,
	// with Optimistic only. Zero: the quantile, at most an eighth of that time,
	// which is about a tenth of the conservative latency at a client, or a tenth
	// of the time to decide if that is more. Negative: not at all.
	ProposeWait time.Duration
	// MaxHeld direct copies of MaxHeldSize bytes are held; what comes beyond
	// that is taken from the values that are decided.
	MaxHeld     int
	MaxHeldSize int
}
