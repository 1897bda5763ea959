package partition

import (
	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// Command names it.
func (run *Run) Command() (ids.Command, ids.Attempt) { return run.c.Command, run.c.Attempt }

// Dests are the command's destinations.
func (run *Run) Dests() ids.Set { return run.c.dests }

// Asks says whether its client asks for an optimistic reply.
func (run *Run) Asks() bool { return run.answer }

// Unusable says whether its code was left at something that waits for its turn:
// nobody knows what it writes.
func (run *Run) Unusable() bool { return run.unusable }

// Order is its place among the runs.
func (run *Run) Order() uint64 { return run.order }

// Now is what Tx.Now returns.
func (run *Run) Now() hlc.Timestamp { return run.now }

// Expires is when every copy of the command is late.
func (run *Run) Expires() hlc.Timestamp { return run.t0.Add(run.c.tx.r.tuning.Horizon) }

// Started says whether Execute has been called.
func (run *Run) Started() bool { return run.started }

// Ended says whether the code has ended.
func (run *Run) Ended() bool { return run.layered }

// Bytes is what it keeps, about.
func (run *Run) Bytes() int { return run.bytes + run.c.bytes }

// Wants is the partition whose value the code waits for.
func (run *Run) Wants() (q ids.Partition, waits bool) {
	return run.c.tx.want, run.started && !run.layered && run.c.tx.wanting
}

// Right says whether its command's turn has come, and found it right: what it
// ended with is the command's outcome.
func (run *Run) Right() bool { return run.verdict == runRight }

// Missing is how many destinations have not signalled.
func (run *Run) Missing() int { return run.in.missing }

// Result is how a run that has ended ended. known is false if nothing can be
// said before the command's turn: it would be executed again.
func (run *Run) Result() (m Reply, known bool) {
	t := &run.c.tx
	known = run.layered && !run.unusable && t.outcome.Final() && run.verdict != runWrong
	return Reply{
		Outcome: t.outcome, Value: t.value, ErrorName: t.errName, ErrorText: t.errText,
		MapVersion: run.version,
	}, known
}

// Barrier says whether it conflicts with every other command.
func (run *Run) Barrier() bool { return run.c.barrier }

// Item is one of its items, of which Local tells the places.
func (run *Run) Item(i int32) *Item { return &run.c.items[i] }
