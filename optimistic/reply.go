package optimistic

import (
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
)

// reply sends the optimistic reply of a run that has ended, when every other
// destination has said that it has started the command, optimistically or not:
// these signals hold back nothing else. There is at most one of a command here,
// and none after the conservative one. It may wait for others (speech).
func (m *Machine) reply(e *entry) {
	if e.replied || e.leaving || !e.run.Ended() || e.run.Missing() > 0 {
		return
	}
	r, known := e.run.Result()
	if !known {
		return
	}
	e.replied = true
	m.counters.OptReplies++
	m.observe(EventReplied, e)
	if !e.run.Asks() || !e.leads || !m.r.Answers(e.command, e.run.Dests()) {
		return
	}
	m.counters.RepliesSent++
	e.sent, e.said = true, m.now.Mono
	m.speech.held = append(m.speech.held, &Reply{
		Command: e.command, Attempt: e.attempt, Outcome: r.Outcome,
		Value: r.Value, ErrorName: r.ErrorName, ErrorText: r.ErrorText,
		Stages: partition.Stages{Delivered: e.delivered, Started: e.started, Finished: m.now.Wall},
	})
	if e.turned {
		m.speakNow() // its conservative reply may be next
	}
}

// Told implements partition.Speculator.
func (m *Machine) Told(c ids.Command, a ids.Attempt, r *partition.Reply) bool {
	e := m.table.find(c, a)
	switch {
	case e == nil || !e.sent:
		return false
	case e.digested:
		return e.digest == r.Digest()
	}
	return e.run.Right()
}

// keepDigest keeps what the optimistic reply said of a run whose result is about
// to be lost.
func (m *Machine) keepDigest(e *entry) {
	if e.replied && !e.digested {
		r, _ := e.run.Result()
		e.digest, e.digested = r.Digest(), true
	}
}

// Wrong implements partition.Speculator.
func (m *Machine) Wrong(run *partition.Run) { m.keepDigest(run.Mate.(*entry)) }

// compareReply counts an optimistic reply that said something else than the
// conservative one, whichever replica sent it.
func (m *Machine) compareReply(e *entry, end *partition.Ending) {
	if e.digested && e.digest != end.Reply.Digest() {
		m.counters.ReplyMistakes++
	}
}
