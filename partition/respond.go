package partition

import (
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// conclude keeps the outcome of a command, which is fixed, in the table and, if
// it falls to this replica, sends the reply.
func (r *Replica) conclude(c *command, e *entry) {
	t := &c.tx
	r.counters.Finished++
	if r.state.changes.on {
		r.foldOutcome(c)
	}
	if t.outcome == OutcomeRetry {
		r.counters.Retries++
	}
	again := false
	if e != nil {
		again, e.again = e.again, false
	}
	if again {
		r.counters.Reanswered++
	}
	tells := r.tells(c, again)
	var m *Reply
	if tells == tellAll || t.outcome != OutcomeOK || r.config.Observe != nil {
		m = r.newReply(t.outcome)
		*m = Reply{
			Command: c.Command, Attempt: c.Attempt, Outcome: t.outcome,
			Value: t.value, ErrorName: t.errName, ErrorText: t.errText, Needed: t.needed,
			MapVersion: r.version(), Time: r.present,
			Stages: Stages{c.proposed, c.delivered, c.startedAt, r.now.Wall},
		}
		r.observeFinish(c, m)
	}
	if e != nil {
		e.outcome, e.value, e.version = t.outcome, t.value, r.version()
		if t.outcome != OutcomeOK {
			e.other = m
		}
		r.table.keep(c.Command.Client, e)
	}
	switch tells {
	case tellAll:
		r.sends = append(r.sends, Send{ids.ToClient(c.Command.Client), m})
	case tellDigest:
		r.sendDigest(c)
	}
}

// fewReplies are made at a time. They live as long as one of them does, so those
// that stay in the table are made alone.
const fewReplies = 8

func (r *Replica) newReply(o Outcome) *Reply {
	if o != OutcomeOK {
		return new(Reply)
	}
	if len(r.replies) == 0 {
		r.replies = make([]Reply, fewReplies)
	}
	m := &r.replies[0]
	r.replies = r.replies[1:]
	return m
}

// reply is what the client is told of an attempt that has ended, but for the
// times and who it is for.
func (e *entry) reply() Reply {
	m := Reply{Outcome: e.outcome, Value: e.value, MapVersion: e.version}
	if e.other != nil {
		m.ErrorName, m.ErrorText, m.Needed = e.other.ErrorName, e.other.ErrorText, e.other.Needed
	}
	return m
}

// answers says whether this partition is the one that answers a command.
func (r *Replica) answers(c ids.Command, dests ids.Set) bool {
	if len(dests) <= 1 {
		return true
	}
	return dests[hash(c)>>32%uint64(len(dests))] == r.config.Partition
}

// answerer is the process that answers a command, or zero if another
// partition does: the one that beside named at its delivery, if it is of this
// partition.
func (r *Replica) answerer(c ids.Command, dests ids.Set, beside ids.Process) ids.Process {
	if !r.answers(c, dests) {
		return 0
	}
	if beside == r.config.Self || r.own(beside) && !r.slow(beside) {
		return beside
	}
	return r.speaker(hash(c))
}

// beside is the replica of this partition that answers a command if this partition
// does: the one beside the last acceptor, which learns of the order first. Of
// commands of several partitions that may be elsewhere; then it is the one that
// was beside it for the last command of this partition alone. Replicas that are
// not in the chain are told lazily, and may be slow without anybody's noticing.
//
// Replicas need not agree: one that has just started, or had that command from
// another's log, knows nothing. So what is known is forgotten soon, by all at one
// position; if it were kept, and no more such commands came, nobody might answer
// until the clients ask again, each time.
func (r *Replica) beside(d *Delivery) ids.Process {
	if r.own(d.Nearest) {
		if len(d.Dests) == 1 {
			r.near, r.nearAt = d.Nearest, d.Position.T
		}
		return d.Nearest
	}
	if len(d.Dests) > 1 && d.Position.T <= r.nearAt.Add(nearFor) {
		return r.near
	}
	return 0
}

// nearFor is how long, in merged time, it is known who was beside the last acceptor.
const nearFor = time.Second

// own says whether p is a replica of this partition.
func (r *Replica) own(p ids.Process) bool {
	return p != 0 && slices.Contains(r.config.Replicas[r.config.Partition], p)
}

// Digest covers what the client is told and all replicas agree on.
func (m Reply) Digest() uint64 {
	b := append(make([]byte, 0, 128), byte(m.Outcome))
	b = wire.AppendBytes(b, m.Value)
	b = wire.AppendString(b, m.ErrorName)
	b = wire.AppendString(b, m.ErrorText)
	b = wire.AppendSet(b, m.Needed)
	b = wire.AppendUvarint(b, m.MapVersion)
	return xxhash.Sum64(b)
}
