package ridge

import (
	"slices"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// Values to learners outside the chain whose partition has a replica in it, the
// sender, are on nobody's way: the replicas of the chain have them before, and
// one of those answers. They are sent lazily, so that at low load one system
// call, and one wake-up of the learner, serve several instances.
//
// They are not, for a while (calm), after something was seen that may wait for
// such a learner: it asked for a position, for its reads; it proposed messages of
// its own; or there were messages to several partitions, whose replicas wait for
// each other. Neither are they with optimistic delivery, which the learner may
// have to correct. Waiting is a matter of speed alone: whatever is lazy arrives.

// calm is how long a learner that was waited for is supposed to be again.
const calm = 50 * time.Millisecond

// waited takes note, at the coordinator, of a process that waits for what it is
// going to be delivered.
func (e *ensemble) waited(p ids.Process) {
	if p != 0 && p != e.c.cfg.Self && !slices.Contains(e.lead.chain, p) {
		e.lead.promptUntil = e.c.now.Mono + calm
	}
}

// lazy says whether the decided value may leave lazily to this partition's
// learners outside the chain.
func (e *ensemble) lazy(m *accept) bool {
	return !m.Prompt && !e.c.opt.on && len(e.spec.Partitions) == 1 && e.c.now.Mono >= e.c.togetherUntil
}
