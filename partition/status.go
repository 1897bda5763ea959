package partition

import "github.com/eyrie-dev/eyrie/internal/ids"

// Status is a replica's condition, for people and metrics.
type Status struct {
	// Position is the last delivered position.
	Position ids.Position `json:"position"`
	// Version of the service in force, and the newest that the program carries.
	Version uint32 `json:"version"`
	Carried uint32 `json:"carried"`
	// Unfinished commands, and the partitions that started ones wait for.
	Unfinished int     `json:"unfinished"`
	Waiting    ids.Set `json:"waiting"`
	// Reads wait for their tickets, or for earlier commands.
	Reads int `json:"reads"`
	// Outbox is what is kept for other partitions.
	Outbox      int `json:"outbox"`
	OutboxBytes int `json:"outbox_bytes"`
	// Variables held and their bytes (names and values); Clients in the
	// exactly-once table.
	Variables  int `json:"variables"`
	StateBytes int `json:"state_bytes"`
	Clients    int `json:"clients"`
	// Remembered clients and commands; see Tuning.MaxRemembered.
	Remembered int `json:"remembered"`
	// ReplyBytes are kept for clients that ask again; see Tuning.MaxReplyBytes.
	ReplyBytes int `json:"reply_bytes"`
	// LastPanic is the last panic in command code: the command and the value.
	LastPanic string   `json:"last_panic"`
	Counters  Counters `json:"counters"`
}

// Counters count since start. All but Delivered and Finished count slow or
// wrong paths.
type Counters struct {
	Delivered  uint64 `json:"delivered"` // deliveries judged
	Finished   uint64 `json:"finished"`  // accepted commands finished
	Accepted   uint64 `json:"accepted"`
	Stale      uint64 `json:"stale"`
	Duplicates uint64 `json:"duplicates"`
	Late       uint64 `json:"late"`
	Refused    uint64 `json:"refused"`
	Reanswered uint64 `json:"reanswered"` // replies sent again for duplicates
	// RepliesDropped: beyond MaxReplyBytes, before their time.
	RepliesDropped uint64 `json:"replies_dropped"`
	// Confirmations: digests sent in place of replies.
	Confirmations uint64 `json:"confirmations"`
	Retries       uint64 `json:"retries"`       // commands that ended in retry
	Panics        uint64 `json:"panics"`        // commands whose code panicked
	OpPanics      uint64 `json:"op_panics"`     // operations that panicked or overran [N1]
	Budget        uint64 `json:"budget"`        // commands over budget
	Blocked       uint64 `json:"blocked"`       // commands that waited for an earlier conflicting one
	Overtakes     uint64 `json:"overtakes"`     // commands finished while an earlier one was not
	Waits         uint64 `json:"waits"`         // times a command's code waited for a remote value
	Pulls         uint64 `json:"pulls"`         // questions sent
	PullsHere     uint64 `json:"pulls_here"`    // questions answered with values
	PullsLater    uint64 `json:"pulls_later"`   // questions remembered
	PullsGone     uint64 `json:"pulls_gone"`    // questions for dropped entries
	ToldSame      uint64 `json:"told_same"`     // values told by their names, to all replicas together
	ToldChange    uint64 `json:"told_change"`   // of them as changes
	Recalled      uint64 `json:"recalled"`      // values told by name that were held here
	Forgotten     uint64 `json:"forgotten"`     // values told by name that were not, and were pulled
	EarlyDrops    uint64 `json:"early_drops"`   // exchange messages dropped at the bound [R11]
	Ignored       uint64 `json:"ignored"`       // messages that were of no use (late, repeated)
	Reads         uint64 `json:"reads"`         // reads executed, without a place in the order
	ReadsRetried  uint64 `json:"reads_retried"` // of them ended in retry
	ReadsRefused  uint64 `json:"reads_refused"` // reads refused at the bound
	RunsRight     uint64 `json:"runs_right"`    // runs confirmed at their command's turn
	RunsWrong     uint64 `json:"runs_wrong"`    // runs found wrong then; their commands were executed
	Compared      uint64 `json:"compared"`      // sums of the state told to the other replicas [C3]
	Diverged      uint64 `json:"diverged"`      // comparisons in which replicas differed [C3]
	Invalid       uint64 `json:"invalid"`       // messages that no correct process sends
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
		Clients: len(r.table.clients), Remembered: len(r.table.clients) + r.table.entries, ReplyBytes: r.table.replies.bytes,
		LastPanic: r.lastPanic,
		Counters:  r.counters,
	}
	s.Counters.RepliesDropped = r.table.replies.dropped
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
