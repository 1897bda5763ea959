package partition

import "github.com/eyrie-dev/eyrie/internal/ids"

// Status is a replica's condition, for people and metrics.
type Status struct {
	// Position is the last delivered position.
	Position ids.Position
	// Version of the service in force, and the newest that the program carries.
	Version, Carried uint32
	// Unfinished commands, and the partitions that started ones wait for.
	Unfinished int
	Waiting    ids.Set
	// Reads wait for their tickets, or for earlier commands.
	Reads int
	// Outbox is what is kept for other partitions.
	Outbox, OutboxBytes int
	// Variables held and their bytes (names and values); Clients in the
	// exactly-once table.
	Variables, StateBytes, Clients int
	// LastPanic is the last panic in command code: the command and the value.
	LastPanic string
	Counters  Counters
}

// Counters count since start. All but Delivered and Finished count slow or
// wrong paths.
type Counters struct {
	Delivered  uint64 // deliveries judged
	Finished   uint64 // accepted commands finished
	Accepted   uint64
	Stale      uint64
	Duplicates uint64
	Late       uint64
	Refused    uint64
	Reanswered uint64 // replies sent again for duplicates
	// Confirmations: digests sent in place of replies.
	Confirmations uint64
	Retries       uint64 // commands that ended in retry
	Panics        uint64 // commands whose code panicked
	OpPanics      uint64 // operations that panicked or overran [N1]
	Budget        uint64 // commands over budget
	Blocked       uint64 // commands that waited for an earlier conflicting one
	Overtakes     uint64 // commands finished while an earlier one was not
	Waits         uint64 // times a command's code waited for a remote value
	Pulls         uint64 // questions sent
	PullsHere     uint64 // questions answered with values
	PullsLater    uint64 // questions remembered
	PullsGone     uint64 // questions for dropped entries
	ToldSame      uint64 // values told by their names, to all replicas together
	ToldChange    uint64 // of them as changes
	Recalled      uint64 // values told by name that were held here
	Forgotten     uint64 // values told by name that were not, and were pulled
	EarlyDrops    uint64 // exchange messages dropped at the bound [R11]
	Ignored       uint64 // messages that were of no use (late, repeated)
	Reads         uint64 // reads executed, without a place in the order
	ReadsRetried  uint64 // of them ended in retry
	ReadsRefused  uint64 // reads refused at the bound
	RunsRight     uint64 // runs confirmed at their command's turn
	RunsWrong     uint64 // runs found wrong then; their commands were executed
	Compared      uint64 // sums of the state told to the other replicas [C3]
	Diverged      uint64 // comparisons in which replicas differed [C3]
	Invalid       uint64 // messages that no correct process sends
}

// Status is the replica's condition.
func (r *Replica) Status() Status {
	s := Status{
		Position: r.last,
		Version:  r.inForce, Carried: r.service.Version,
		Unfinished: r.queue.live,
		Reads:      len(r.reads.waiting) - r.reads.head,
		Outbox:     r.outbox.line.live, OutboxBytes: r.outbox.bytes,
		Variables: r.state.count, StateBytes: r.state.bytes,
		Clients:   len(r.table.clients),
		LastPanic: r.lastPanic,
		Counters:  r.counters,
	}
	for _, c := range r.queue.all() {
		if c.finished || !c.started {
			continue
		}
		for i := range c.in.peers {
			if p := &c.in.peers[i]; c.misses(p) {
				s.Waiting = s.Waiting.Union(ids.Set{p.partition})
			}
		}
	}
	return s
}
