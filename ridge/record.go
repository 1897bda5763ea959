package ridge

import (
	"fmt"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Record is what an acceptor must not forget: with Instance zero its ensemble's
// promise, trim mark and members, else its vote with the complete value [R6], or
// a value that is decided. Of an
// ensemble and instance the last record counts.
type Record struct {
	Ensemble ids.Ensemble
	Instance ids.Instance
	// Body is in pieces, which alias values: nothing of a batch is copied.
	Body [][]byte
}

// Bytes is the body in one piece.
func (r Record) Bytes() []byte {
	if len(r.Body) == 1 {
		return r.Body[0]
	}
	var b []byte
	for _, p := range r.Body {
		b = append(b, p...)
	}
	return b
}

// Trim says that the records of an ensemble's instances 1..UpTo are needed no
// more.
type Trim struct {
	Ensemble ids.Ensemble
	UpTo     ids.Instance
}

// The formats of records: their first byte.
const (
	recordState = 1 + iota
	recordVote
	// recordMembers is a state with the members and what is held.
	recordMembers
	// recordDecided is a value that is decided, without a vote for it.
	recordDecided
)

// journal is a Core's side of the journal. Records are numbered from 1.
type journal struct {
	made, given, durable uint64
	out, spare           records
}

// records is a batch of records and what their bodies refer to.
type records struct {
	records []Record
	pieces  [][]byte
	heads   []byte
}

func (b *records) reset() {
	clear(b.records)
	clear(b.pieces)
	b.records, b.pieces = b.records[:0], b.pieces[:0]
	if b.heads = b.heads[:0]; cap(b.heads) > pageBytes {
		b.heads = nil // it had a large value
	}
}

// add enters a record whose body is what heads holds from at on, then pieces
// from first on.
func (j *journal) add(e ids.Ensemble, k ids.Instance, first int) uint64 {
	b := &j.out
	b.records = append(b.records, Record{e, k, b.pieces[first:len(b.pieces):len(b.pieces)]})
	j.made++
	return j.made
}

// state enters an ensemble's promise and trim mark; its members, and what is held,
// if there is anything to say of them.
func (j *journal) state(e *ensemble) uint64 {
	b, format := &j.out, byte(recordState)
	if e.version() > 0 {
		format = recordMembers
	}
	at, first := len(b.heads), len(b.pieces)
	b.heads = appendInstance(appendRound(append(b.heads, format), e.promised), e.log.base)
	if format == recordMembers {
		b.heads = e.changes.Append(appendInstance(b.heads, e.held))
	}
	b.pieces = append(b.pieces, b.heads[at:len(b.heads):len(b.heads)])
	return j.add(e.id, 0, first)
}

// vote enters a vote.
func (j *journal) vote(e ids.Ensemble, k ids.Instance, r Round, v *Value) uint64 {
	return j.value(recordVote, e, k, r, v)
}

// decided enters a value that is decided. It takes the place of a vote, whose
// round was promised by it alone (erratum 1), so it names the promised round.
func (j *journal) decided(e *ensemble, k ids.Instance, v *Value) uint64 {
	return j.value(recordDecided, e.id, k, e.promised, v)
}

func (j *journal) value(format byte, e ids.Ensemble, k ids.Instance, r Round, v *Value) uint64 {
	b := &j.out
	at, first := len(b.heads), len(b.pieces)
	b.heads = appendValueID(appendRound(append(b.heads, format), r), v.ID)
	if v.raw == nil {
		b.heads = v.appendFull(b.heads)
	}
	b.pieces = append(b.pieces, b.heads[at:len(b.heads):len(b.heads)])
	at = 0
	for _, c := range v.cuts {
		b.pieces = append(b.pieces, v.raw[at:c.At], c.Tail)
		at = c.At
	}
	if at < len(v.raw) {
		b.pieces = append(b.pieces, v.raw[at:])
	}
	return j.add(e, k, first)
}

// recover takes the state that the journal holds: promised is the highest round of
// all, since a vote promises its round (erratum 1), and votes up to the trim mark
// count no more [R4].
func (c *Core) recover(rs []Record) {
	for _, votes := range []bool{false, true} {
		for i := range rs {
			if r := &rs[i]; votes == (r.Instance > 0) {
				if err := c.recoverOne(r); err != nil {
					c.fail(fmt.Errorf("%w: ensemble %d instance %d: %w", ErrRecord, r.Ensemble, r.Instance, err))
					return
				}
			}
		}
	}
	for _, e := range c.ensembles {
		e.known, e.marked = e.promised, e.log.base
		if !e.known.IsZero() && e.acceptor(e.known.Coordinator) < 0 {
			c.fail(fmt.Errorf("%w: ensemble %d: a round of process %d, which is no acceptor", ErrRecord, e.id, e.known.Coordinator))
		}
	}
}

func (c *Core) recoverOne(rec *Record) error {
	e := c.ensemble(rec.Ensemble, true)
	if e == nil || e.self < 0 {
		return fmt.Errorf("process %d does not accept there", c.cfg.Self)
	}
	r := wire.NewReader(rec.Bytes())
	format, round := r.Byte(), readRound(&r)
	switch {
	case format == recordState && rec.Instance == 0:
		if trim := readInstance(&r); r.Done() == nil {
			e.log.trim(trim)
		}
	case format == recordMembers && rec.Instance == 0:
		trim, held := readInstance(&r), readInstance(&r)
		if ms := ReadMembers(&r); r.Done() == nil && ms.Ensemble == e.id {
			e.log.trim(trim)
			e.held, e.heldSaved, e.heldTold = held, held, held
			e.set(ms)
		}
	case (format == recordVote || format == recordDecided) && rec.Instance > 0:
		if format == recordDecided {
			e.recoverVote(rec.Instance, Round{}, &r, true)
		} else {
			e.recoverVote(rec.Instance, round, &r, rec.Instance <= e.held)
		}
	default:
		r.Fail("unknown format")
	}
	if e.promised.Less(round) {
		e.promised = round
	}
	return r.Err()
}

// recoverVote takes a vote, or what is decided. One beyond the bounds of the log was cast under
// larger ones.
func (e *ensemble) recoverVote(k ids.Instance, round Round, r *wire.Reader, decided bool) {
	v := &Value{ID: readValueID(r)}
	v.readRaw(r, r.Rest())
	if r.Err() != nil || k <= e.log.base {
		return
	}
	if k-e.log.base > ids.Instance(8*e.log.limit) {
		r.Fail("far beyond the trim mark")
		return
	}
	e.log.limit = max(e.log.limit, int(k-e.log.base))
	s := e.log.open(k)
	e.c.former.top = max(e.c.former.top, v.top)
	if s.round, s.value = round, v; !round.IsZero() {
		s.voters = 1 << e.self
	}
	if decided {
		s.decided, s.id, s.chosen, s.kept = true, v.ID, v, true
		e.seen = max(e.seen, k)
	}
	e.log.weigh(s)
}
