package optimistic

import (
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// Counters count since start.
type Counters struct {
	Delivered     uint64 `json:"delivered"`      // optimistic deliveries
	Unrun         uint64 `json:"unrun"`          // of them not run: forced, known, refused, or during a pause
	Queued        uint64 `json:"queued"`         // that had to wait for a conflicting one
	Runs          uint64 `json:"runs"`           // executions begun before their turn, repeated ones too
	Confirmed     uint64 `json:"confirmed"`      // commands that ended by their run
	Wrong         uint64 `json:"wrong"`          // commands whose run was found wrong at their turn
	Unstarted     uint64 `json:"unstarted"`      // commands whose run had not started then
	GivenUp       uint64 `json:"given_up"`       // runs whose command was not accepted, or not ordered
	Swapped       uint64 `json:"swapped"`        // turns in another order than that of optimistic delivery
	Repairs       uint64 `json:"repairs"`        // times that runs had to be done again,
	Repeated      uint64 `json:"repeated"`       // and how many
	Pauses        uint64 `json:"pauses"`         // times that there was no room
	Exchanges     uint64 `json:"exchanges"`      // messages to other partitions
	EarlyDrops    uint64 `json:"early_drops"`    // messages dropped at the bound
	OptReplies    uint64 `json:"opt_replies"`    // optimistic replies that were ready, here,
	RepliesSent   uint64 `json:"replies_sent"`   // and sent by this replica
	ReplyMistakes uint64 `json:"reply_mistakes"` // of those ready, other than the conservative reply
	Unjudged      uint64 `json:"unjudged"`       // of those ready, whose run was given up: nobody knows
	Invalid       uint64 `json:"invalid"`        // messages that no correct process sends
}

// Status is a machine's condition, for people and metrics.
type Status struct {
	Mode string `json:"mode"`
	// Runs are under way, Bytes what they keep.
	Runs     int      `json:"runs"`
	Bytes    int      `json:"bytes"`
	Paused   bool     `json:"paused"`
	Counters Counters `json:"counters"`
}

// Status is the machine's condition.
func (m *Machine) Status() Status {
	return Status{Mode: m.cfg.Mode.String(), Runs: m.table.count, Bytes: m.bytes, Paused: m.paused, Counters: m.counters}
}

// EventKind says what an Event tells.
type EventKind uint8

// Events. A run may start and end more than once.
const (
	EventStarted   EventKind = iota + 1 // an execution before the turn
	EventEnded                          // its code has ended
	EventReplied                        // its reply is ready; Reply is its digest
	EventConfirmed                      // the command has ended by its run
	EventWrong                          // the command was executed at its turn
	EventRepair                         // runs had to be done again; of no command
)

// Event is told to Config.Observe.
type Event struct {
	Kind    EventKind
	Command ids.Command
	Attempt ids.Attempt
	Dests   ids.Set
	// Reply is the digest of the reply, as in partition.Event: Replied.
	Reply uint64
}

func (m *Machine) observe(kind EventKind, e *entry) {
	if m.cfg.Observe == nil {
		return
	}
	ev := Event{Kind: kind}
	if e != nil {
		ev.Command, ev.Attempt, ev.Dests = e.command, e.attempt, e.run.Dests()
		if kind == EventReplied {
			r, _ := e.run.Result()
			ev.Reply = r.Digest()
		}
	}
	m.cfg.Observe(ev)
}
