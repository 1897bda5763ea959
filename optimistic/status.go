package optimistic

import (
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// Counters count since start.
type Counters struct {
	Delivered     uint64 // optimistic deliveries
	Unrun         uint64 // of them not run: forced, known, refused, or during a pause
	Queued        uint64 // that had to wait for a conflicting one
	Runs          uint64 // executions begun before their turn, repeated ones too
	Confirmed     uint64 // commands that ended by their run
	Wrong         uint64 // commands whose run was found wrong at their turn
	Unstarted     uint64 // commands whose run had not started then
	GivenUp       uint64 // runs whose command was not accepted, or not ordered
	Swapped       uint64 // turns in another order than that of optimistic delivery
	Repairs       uint64 // times that runs had to be done again,
	Repeated      uint64 // and how many
	Pauses        uint64 // times that there was no room
	Exchanges     uint64 // messages to other partitions
	EarlyDrops    uint64 // messages dropped at the bound
	OptReplies    uint64 // optimistic replies that were ready, here,
	RepliesSent   uint64 // and sent by this replica
	ReplyMistakes uint64 // of those ready, other than the conservative reply
	Unjudged      uint64 // of those ready, whose run was given up: nobody knows
	Invalid       uint64 // messages that no correct process sends
}

// Status is a machine's condition, for people and metrics.
type Status struct {
	Mode string
	// Runs are under way, Bytes what they keep.
	Runs, Bytes int
	Paused      bool
	Counters    Counters
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
