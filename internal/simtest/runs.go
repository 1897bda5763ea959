package simtest

import (
	"fmt"

	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/partition"
)

// runs watches the executions before their turn of one replica. That conservative
// execution does not suffer from them is for the other checkers; here it is what
// optimistic replies are worth: of a command whose run was done once and was
// confirmed, the reply was right.
type runs struct {
	s  *server
	of map[opAttempt]ran
}

// ran is what is known of one attempt.
type ran struct {
	started  int
	replied  bool
	digest   uint64 // of the optimistic reply
	finished bool
	final    uint64 // digest of the conservative reply
}

func (r *runs) init(s *server) { r.s, r.of = s, map[opAttempt]ran{} }

func (r *runs) observe(e optimistic.Event) {
	h := r.s.c.history
	op := h.find(e.Command)
	if e.Kind == optimistic.EventRepair || op < 0 {
		return
	}
	key := opAttempt{op, e.Attempt}
	x := r.of[key]
	switch e.Kind {
	case optimistic.EventStarted:
		x.started++
	case optimistic.EventReplied:
		switch {
		case x.replied:
			r.fail(key, "has two optimistic replies")
		case x.finished:
			r.fail(key, "has an optimistic reply after the conservative one")
		}
		x.replied, x.digest = true, e.Reply
	case optimistic.EventConfirmed:
		if x.replied && x.started == 1 && x.digest != x.final {
			r.fail(key, "was done once before its turn, and confirmed, and its optimistic reply was wrong")
		}
	}
	r.of[key] = x
}

// finished takes the conservative reply, which is told before the confirmation.
func (r *runs) finished(e partition.Event) {
	if e.Kind != partition.EventFinished || r.s.c.shape.Execution == optimistic.Conservative {
		return
	}
	if op := r.s.c.history.find(e.Command); op >= 0 {
		key := opAttempt{op, e.Attempt}
		x := r.of[key]
		x.finished, x.final = true, e.Reply
		r.of[key] = x
	}
}

func (r *runs) fail(key opAttempt, what string) {
	h := r.s.c.history
	r.s.c.fail(fmt.Errorf("optimistic: attempt %d of %v at process %d %s", key.attempt, h.Ops[key.op].Command, r.s.process, what))
}

// left says what optimistic execution keeps at rest, which is nothing: all
// states are equal then.
func (r *runs) left() string {
	o := r.s.node.Status().Optimistic
	if o == nil || o.Runs == 0 && o.Bytes == 0 {
		return ""
	}
	return fmt.Sprintf(": process %d keeps %d runs, of %d bytes", r.s.process, o.Runs, o.Bytes)
}
