package partition

import (
	"slices"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Signals are the signals of several commands, each of which says what an Exchange
// with nothing else does. With many partitions most of what they say to each other is
// that: of the values of a command, one partition has most.
type Signals struct{ Tags []Tag }

// maxSignals bounds the tags of one message.
const maxSignals = 1 << 10

// Kind implements wire.Message.
func (*Signals) Kind() wire.Kind { return KindSignals }

// minSignal is the least that a tag takes: a flag, the position, a sequence, an attempt.
const minSignal = 1 + 10 + 1 + 1

// Append implements wire.Message. Most tags are of commands of the client before.
func (m *Signals) Append(b []byte) []byte {
	b = wire.AppendUvarint(b, uint64(len(m.Tags)))
	var client ids.Client
	for i := range m.Tags {
		t := &m.Tags[i]
		other := t.Command.Client != client
		if b = wire.AppendPosition(wire.AppendBool(b, other), t.Position); other {
			client = t.Command.Client
			b = append(b, client[:]...)
		}
		b = wire.AppendUvarint(wire.AppendUvarint(b, uint64(t.Command.Sequence)), uint64(t.Attempt))
	}
	return b
}

func decodeSignals(r *wire.Reader) *Signals {
	n := r.Count(minSignal)
	if n > maxSignals {
		r.Fail("too many signals")
		return nil
	}
	m := &Signals{Tags: make([]Tag, n)}
	var client ids.Client
	for i := range m.Tags {
		t := &m.Tags[i]
		other := r.Bool()
		if t.Position = r.Position(); other {
			before := client
			if client = r.Client(); client == before {
				r.Fail("a client named twice")
			}
		}
		t.Command = ids.Command{Client: client, Sequence: ids.Sequence(r.Uvarint())}
		attempt := r.Uvarint()
		if t.Attempt = ids.Attempt(attempt); uint64(t.Attempt) != attempt {
			r.Fail("attempt out of range")
		}
	}
	return m
}

// signalling gathers signals until what there is to send is drained: the commands of a
// batch start one by one. They are told in this order, and so mostly finish in it,
// whether there are values to be told before or not: updates of one variable that
// come in order cost less.
type signalling struct {
	to    [][]Tag // by partition
	count int     // commands
	with  *Exchange
}

// add notes the signal of a command for its other destinations. with, if not nil,
// has values of it and leaves with the same drain.
func (s *signalling) add(o *outgoing, self ids.Partition, with *Exchange) {
	for _, q := range o.dests {
		if q != self {
			s.to[q] = append(s.to[q], o.Tag)
		}
	}
	s.count++
	s.with = with
}

// tellSignals sends what has gathered. A single one goes with its command's values, if
// there are any; to partitions that are told the same goes the same message.
func (r *Replica) tellSignals() {
	s := &r.signalling
	if s.count == 0 {
		return
	}
	if s.count == 1 && s.with != nil {
		s.with.Signal = true
	} else {
		r.heed()
		var same []wire.Message
		var of []Tag
		for q, tags := range s.to {
			if len(tags) == 0 {
				continue
			}
			if !slices.Equal(tags, of) {
				same, of = signals(tags), tags
			}
			for _, m := range same {
				r.sendToHearers(ids.Set{ids.Partition(q)}, m)
			}
		}
	}
	for q, tags := range s.to {
		if s.to[q] = tags[:0]; cap(tags) > maxSignals {
			s.to[q] = nil
		}
	}
	s.count, s.with = 0, nil
}

// signals are messages with so many tags.
func signals(tags []Tag) (ms []wire.Message) {
	if len(tags) == 1 {
		return append(ms, &Exchange{Tag: tags[0], Signal: true})
	}
	for some := range slices.Chunk(slices.Clone(tags), maxSignals) {
		ms = append(ms, &Signals{some})
	}
	return ms
}

// onSignal takes the signal of one command.
func (r *Replica) onSignal(from ids.Process, q ids.Partition, tag *Tag) {
	if r.last.Less(tag.Position) {
		r.keep(foretoldExchange{from: q, tag: *tag})
		if r.speculator != nil {
			r.speculator.Heard(q, &Exchange{Tag: *tag, Signal: true})
		}
		return
	}
	if c := r.addressee(from, q, tag, true); c != nil {
		r.signalled(c, q)
		if c.started {
			r.proceed(c)
		}
	}
}

// signalled takes note that a partition has started a command.
func (r *Replica) signalled(c *command, q ids.Partition) {
	p := c.in.peer(q)
	if p == nil {
		r.counters.Invalid++
		return
	}
	c.changed = true
	if !p.signalled {
		p.signalled = true
		c.in.missing--
	}
}
