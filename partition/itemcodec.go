package partition

import (
	"math"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// checkpointFormat is that of the items' values.
const checkpointFormat = 2

func (m *meta) append(b []byte) []byte {
	b = wire.AppendUint16(append(b, checkpointFormat), uint16(m.partition))
	b = wire.AppendUint64(b, m.fingerprint)
	b = wire.AppendUint32(wire.AppendUvarint(b, m.version), m.inForce)
	b = wire.AppendPosition(b, m.last)
	b = wire.AppendTimestamp(b, m.present)
	b = wire.AppendUvarint(b, m.delivered)
	b = wire.AppendUint64(b, m.outcomes)
	b = wire.AppendPosition(b, m.dropped)
	b = wire.AppendUint64(wire.AppendUint64(b, m.before.sum.Count), m.before.sum.Hash)
	b = wire.AppendPosition(b, m.before.below)
	b = wire.AppendUvarint(b, uint64(len(m.before.except)))
	for _, p := range m.before.except {
		b = wire.AppendPosition(b, p)
	}
	return b
}

func decodeMeta(b []byte) (m meta, err error) {
	r := wire.NewReader(b)
	if r.Byte() != checkpointFormat {
		r.Fail("another format of checkpoints")
	}
	m = meta{
		partition: ids.Partition(r.Uint16()), fingerprint: r.Uint64(), version: r.Uvarint(), inForce: r.Uint32(),
		last: r.Position(), present: r.Timestamp(), delivered: r.Uvarint(), outcomes: r.Uint64(),
		dropped: r.Position(),
	}
	m.before.sum = Sum{r.Uint64(), r.Uint64()}
	told := Progress{Below: r.Position()}
	if n := r.Count(10); n > maxExcept {
		r.Fail("too many exceptions")
	} else {
		for range n {
			told.Except = append(told.Except, r.Position())
		}
	}
	if !told.ordered() || after(m.last).Less(told.Below) {
		r.Fail("another past than its own")
	}
	m.before.below, m.before.except = told.Below, told.Except
	if m.last.T < 0 || m.last.Less(m.dropped) {
		r.Fail("dropped what was not delivered")
	}
	return m, r.Done()
}

// againBit is set in an entry's outcome if a copy waits for it, goneBit if the rest
// of its reply was dropped.
const (
	againBit = 1 << 7
	goneBit  = 1 << 6
)

func (c *clientRecord) append(b []byte) []byte {
	b = wire.AppendUvarint(b, uint64(c.mark))
	b = wire.AppendTimestamp(b, c.expires)
	b = wire.AppendUvarint(b, uint64(len(c.entries)))
	for i := range c.entries {
		b = c.entries[i].append(b)
	}
	return b
}

func (e *entry) append(b []byte) []byte {
	b = wire.AppendUvarint(b, uint64(e.seq))
	b = wire.AppendUvarint(b, uint64(e.attempt))
	b = wire.AppendTimestamp(b, e.expires)
	flags := byte(e.outcome)
	if e.again {
		flags |= againBit
	}
	if e.gone {
		flags |= goneBit
	}
	b = append(b, flags)
	if e.outcome == 0 {
		return b
	}
	m := e.reply()
	b = wire.AppendUvarint(b, m.MapVersion)
	if b = wire.AppendBytes(b, m.Value); m.Outcome == OutcomeOK {
		return b
	}
	b = wire.AppendString(b, m.ErrorName)
	b = wire.AppendString(b, m.ErrorText)
	return wire.AppendSet(b, m.Needed)
}

// minEntry is the least that an entry takes.
const minEntry = 1 + 1 + 8 + 1

func decodeClient(c ids.Client, b []byte) (*record, error) {
	r := wire.NewReader(b)
	rec := &record{client: c, mark: ids.Sequence(r.Uvarint()), expires: r.Timestamp()}
	if n := r.Count(minEntry); n > 0 {
		rec.entries = make([]entry, n)
	}
	below := rec.mark
	for i := range rec.entries {
		e := &rec.entries[i]
		decodeEntry(&r, e)
		if e.seq < below || e.seq == math.MaxUint64 {
			r.Fail("commands out of order")
		}
		if e.expires > rec.expires {
			r.Fail("a command outlives its client")
		}
		below = e.seq + 1
	}
	if c.IsZero() {
		r.Fail("no client")
	}
	return rec, r.Done()
}

func decodeEntry(r *wire.Reader, e *entry) {
	e.seq = ids.Sequence(r.Uvarint())
	attempt := r.Uvarint()
	e.attempt, e.expires = ids.Attempt(attempt), r.Timestamp()
	flags := r.Byte()
	e.outcome, e.again, e.gone = Outcome(flags&^(againBit|goneBit)), flags&againBit != 0, flags&goneBit != 0
	switch {
	case attempt == 0 || attempt > math.MaxUint32:
		r.Fail("attempt out of range")
	case e.outcome > OutcomeRetry || e.outcome != 0 && e.again || e.gone && !e.outcome.Final():
		r.Fail("outcome out of range")
	case e.outcome != 0:
		e.version, e.value = r.Uvarint(), r.Bytes()
		if e.outcome != OutcomeOK {
			e.other = &Reply{ErrorName: r.String(), ErrorText: r.String(), Needed: r.Set()}
		}
		if e.gone && e.bytes() > 0 {
			r.Fail("a reply that was dropped is there")
		}
	}
}

// append appends what others may ask of a finished command, but for its
// position.
func (o *outgoing) append(b []byte) []byte {
	b = wire.AppendCommand(b, o.Command)
	b = wire.AppendUint32(b, uint32(o.Attempt))
	b = wire.AppendSet(b, o.dests)
	return appendValues(b, o.vars, o.parts)
}

func decodeOutgoing(p ids.Position, b []byte) (*outgoing, error) {
	r := wire.NewReader(b)
	o := &outgoing{Tag: readTagAt(&r, p), dests: r.Set()}
	var x Exchange
	x.readValues(&r, make([]Var, 1))
	o.vars, o.parts = x.Vars, x.Parts
	o.signal, o.finished, o.kept = true, true, true
	o.sentSignal, o.sentVars, o.sentParts = true, len(o.vars), len(o.parts)
	for i := range o.vars {
		o.bytes += o.vars[i].bytes()
	}
	for i := range o.parts {
		o.bytes += o.parts[i].bytes()
	}
	return o, r.Done()
}

func readTagAt(r *wire.Reader, p ids.Position) Tag {
	t := Tag{Position: p, Command: r.Command(), Attempt: ids.Attempt(r.Uint32())}
	if t.Command.Client.IsZero() || t.Attempt == 0 {
		r.Fail("no command")
	}
	return t
}

func (q *queued) append(b []byte) []byte {
	b = wire.AppendCommand(b, q.Command)
	b = wire.AppendUint32(b, uint32(q.Attempt))
	b = wire.AppendSet(b, q.dests)
	b = wire.AppendTimestamp(b, q.proposed)
	b = wire.AppendUint16(b, uint16(q.nearest))
	b = wire.AppendUint32(wire.AppendBool(b, q.sent), q.version)
	b = wire.AppendBytes(b, q.body)
	for i := range q.peers {
		p := &q.peers[i]
		b = appendValues(wire.AppendBool(b, p.Signal), p.Vars, p.Parts)
	}
	return b
}

func decodeQueued(p ids.Position, b []byte) (*queued, error) {
	r := wire.NewReader(b)
	q := &queued{
		Tag: readTagAt(&r, p), dests: r.Set(), proposed: r.Timestamp(),
		nearest: ids.Process(r.Uint16()), sent: r.Bool(), version: r.Uint32(), body: r.Bytes(),
	}
	for i := 1; i < len(q.dests) && r.Err() == nil; i++ {
		x := Exchange{Tag: q.Tag, Signal: r.Bool()}
		x.readValues(&r, make([]Var, 1))
		q.peers = append(q.peers, x)
	}
	return q, r.Done()
}
