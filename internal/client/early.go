package client

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/partition"
)

// Early is an optimistic reply. It is never changed.
type Early struct {
	Reply *optimistic.Reply
	// Took is how long after the command was sent it came.
	Took time.Duration
}

// EarlyReply is the optimistic reply to an outstanding command.
type EarlyReply struct {
	// Sequence is what SubmitOptimistic returned.
	Sequence ids.Sequence
	*Early
}

// stepOptimistic takes the first optimistic reply to a command that is
// outstanding and asked for one, to its current attempt or an earlier one: all
// attempts are of the same command, and the reply promises nothing.
func (c *Core) stepOptimistic(m *optimistic.Reply) {
	call := c.calls.get(m.Command.Sequence)
	switch {
	case m.Command.Client != c.cfg.ID || m.Command.Sequence == 0 || m.Command.Sequence >= c.calls.next:
		c.Stats.Unsolicited++
	case call == nil: // nothing is left of it that would say more
		c.Stats.OptimisticLate++
	case !call.optimistic || call.copies == 0 || m.Attempt == 0 || m.Attempt > call.message().Attempt:
		c.Stats.Unsolicited++
	case call.confirmed != nil: // before; then it is no early reply any more
		c.Stats.OptimisticLate++
		c.join(call, m)
	case call.early != nil: // but another may be the right one
		c.Stats.OptimisticLate++
		call.other = m
	default:
		c.Stats.OptimisticReplies++
		call.early = &Early{Reply: m, Took: c.took(call.giveUp)}
		c.early = append(c.early, EarlyReply{call.handle(), call.early})
	}
}

// stepConfirmation takes the digest of the conservative reply. Only the current
// attempt's counts, as of replies.
func (c *Core) stepConfirmation(m *partition.Confirmation) {
	if m.Command.Client != c.cfg.ID {
		return
	}
	call := c.calls.get(m.Command.Sequence)
	if call == nil || m.Attempt != call.message().Attempt || call.copies == 0 {
		return
	}
	if m.Stages.Proposed > 0 {
		c.time.correct(c.now, m.Stages.Proposed, call.first)
	}
	call.confirmed = m
	if call.early != nil && !c.join(call, call.early.Reply) && call.other != nil {
		c.join(call, call.other)
	}
}

// join ends a call if what an optimistic reply says is what was confirmed: the
// digest alone tells, whoever sent either, and to whichever attempt. Otherwise
// the whole reply comes, or the next copy is answered by it.
func (c *Core) join(call *call, m *optimistic.Reply) bool {
	if partition.Content(m.Command, m.Outcome, m.Value, m.ErrorName, m.ErrorText) != call.confirmed.Digest {
		return false
	}
	c.Stats.Joined++
	c.finish(call, Result{Reply: call.confirmed.Reply(m.Outcome, m.Value, m.ErrorName, m.ErrorText)})
	return true
}

// handle is what Submit returned.
func (c *call) handle() ids.Sequence {
	if c.read != 0 {
		return readBit | ids.Sequence(c.read)
	}
	return c.seq
}

// compare tells of an optimistic reply whether it was right.
func (c *Core) compare(call *call, r *Result) {
	r.Early = call.early
	r.Agreed = r.Reply != nil && r.Early.Reply.Agrees(r.Reply)
	if r.Reply != nil && !r.Agreed {
		c.Stats.ReplyMistakes++
	}
}

// took is how long ago a command was sent that is given up then.
func (c *Core) took(giveUp time.Duration) time.Duration {
	return c.now.Mono - (giveUp - c.cfg.Tuning.Horizon)
}

// Early drains the optimistic replies that have come, each before its command's
// result; valid until the next call into the core.
func (c *Core) Early() []EarlyReply {
	e := c.early
	c.early = c.early[:0]
	return e
}
