package ridge

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// Who completes a message is the coordinator or the end of the chain. What the
// end tells other replicas of its own partition, values outside the chain and
// DECISION within, is on nobody's way. It is sent lazily, so that one system call,
// and one wake-up of the learner, serve several instances. With three replicas
// that is the value itself, whatever its size: at 64 messages outstanding two
// system calls of eleven for each instance, and a wake-up.
//
// It is not, for a while (calm), after something was seen that may wait for
// such a learner: it asked for a position, for its reads; it proposed messages of
// its own; or there were messages to several partitions, whose replicas wait for
// each other. Neither is it with direct copies at all learners, whose optimistic
// delivery it may have to correct. Waiting is a matter of speed alone: whatever is lazy arrives.

// company: what is concluded so soon after another instance has probably
// others to leave with. Else laziness would cost its timer, and save nothing.
const company = 200 * time.Microsecond

// calm is how long a learner that was waited for is supposed to be again.
const calm = 50 * time.Millisecond

// waited takes note, at the coordinator, of a process that waits for what it is
// going to be delivered.
func (e *ensemble) waited(p ids.Process) {
	if c := e.lead.chain; p != 0 && p != e.c.cfg.Self && len(c) > 0 && p != c[len(c)-1] {
		e.lead.promptUntil = e.c.now.Mono + calm
	}
}

// lazy says whether the decided value may leave lazily to this partition's
// learners other than the coordinator.
func (e *ensemble) lazy(m *accept) bool {
	last := e.concludedAt
	e.concludedAt = e.c.now.Mono
	return e.c.now.Mono-last <= company && !m.Prompt && m.Value.cast == nil && len(e.spec.Partitions) == 1 && e.c.now.Mono >= e.c.togetherUntil
}
