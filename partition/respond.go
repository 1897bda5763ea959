package partition

import (
	"github.com/cespare/xxhash/v2"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// conclude makes the reply of a command whose outcome is fixed, keeps it in
// the table and, if it falls to this replica, sends it.
func (r *Replica) conclude(c *command, e *entry) {
	t := &c.tx
	m := &Reply{
		Command: c.Command, Attempt: c.Attempt, Outcome: t.outcome,
		Value: t.value, ErrorName: t.errName, ErrorText: t.errText, Needed: t.needed,
		MapVersion: r.version(), Time: r.last.T,
		Stages: Stages{c.proposed, c.delivered, c.startedAt, r.now.Wall},
	}
	r.counters.Finished++
	if t.outcome == OutcomeRetry {
		r.counters.Retries++
	}
	again := false
	if e != nil {
		e.reply = m
		again, e.again = e.again, false
	}
	r.observeFinish(c, m)
	if again {
		r.counters.Reanswered++
	}
	if again || r.answerer(c.Command, c.dests, c.nearest) == r.config.Self {
		r.sends = append(r.sends, Send{ids.ToClient(c.Command.Client), m})
	}
}

// answers says whether this partition is the one that answers a command.
func (r *Replica) answers(c ids.Command, dests ids.Set) bool {
	if len(dests) <= 1 {
		return true
	}
	return dests[hash(c)>>32%uint64(len(dests))] == r.config.Partition
}

// answerer is the process that answers a command, or zero if another
// partition does. For a command of one partition it is the replica beside the
// last acceptor, which learns of the order first.
func (r *Replica) answerer(c ids.Command, dests ids.Set, nearest ids.Process) ids.Process {
	if !r.answers(c, dests) {
		return 0
	}
	if len(dests) <= 1 && nearest != 0 && !r.suspected(nearest) {
		if p, ok := r.peers[nearest]; ok && p == r.config.Partition {
			return nearest
		}
	}
	return r.speaker(hash(c))
}

// digest covers what the client is told and all replicas agree on.
func (m *Reply) digest() uint64 {
	b := append([]byte(nil), byte(m.Outcome))
	b = wire.AppendBytes(b, m.Value)
	b = wire.AppendString(b, m.ErrorName)
	b = wire.AppendString(b, m.ErrorText)
	b = wire.AppendSet(b, m.Needed)
	b = wire.AppendUvarint(b, m.MapVersion)
	return xxhash.Sum64(b)
}
