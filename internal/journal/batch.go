package journal

import (
	"errors"
	"fmt"
	"slices"
)

// maxSpare bounds the buffers that are kept for later batches.
const maxSpare = 8 << 20

// Batch is what Take or Upkeep returned: IO to be done, by one Commit.
type Batch struct {
	j     *Journal
	buf   []byte
	parts []part
	last  uint64 // sequence of the last record
	base  uint64 // all up to here is durable
	wrote int    // parts that are
	run   func() error
	done  func() // of an upkeep, at Done
	state batchState
	err   error
}

type batchState uint8

const (
	filling batchState = iota
	taken
	committed
)

// part is the bytes of a batch that go into one segment.
type part struct {
	file       *segmentFile
	size       int64 // of the segment
	oldest     uint32
	offset     int64
	start, end int // in buf
}

// grow makes room for a record of size bytes at the end of segment s.
func (b *Batch) grow(s *segment, size int) []byte {
	start := len(b.buf)
	if n := len(b.parts); n == 0 || b.parts[n-1].file != s.file {
		b.parts = append(b.parts, part{s.file, s.size, b.j.segments[0].number, s.end, start, start})
	}
	b.buf = slices.Grow(b.buf, size)[:start+size]
	b.parts[len(b.parts)-1].end = len(b.buf)
	rec := b.buf[start:]
	clear(rec)
	return rec
}

// Pending is the number of bytes that wait for Take.
func (j *Journal) Pending() int { return len(j.pending.buf) }

// Take hands out all that is pending. It returns nil when nothing is, or while
// an earlier batch is not Done. A dead journal's batch returns its error.
func (j *Journal) Take() *Batch {
	if j.err != nil {
		return &Batch{j: j, state: taken, run: func() error { return j.err }}
	}
	if len(j.pending.buf) == 0 || j.flying != nil {
		return nil
	}
	b := j.pending
	b.state, b.base, b.last = taken, j.durable, j.seq
	j.flying, j.pending = b, j.free
	j.free = nil
	if j.pending == nil {
		j.pending = &Batch{j: j}
	}
	return b
}

// Commit makes the batch durable, or fails. It may be called once, but again as long
// as it returns ErrNoRoom: then what could not be written has not been begun, and
// nothing is lost. Who calls Done after that has given the batch up, and with it
// the journal.
func (b *Batch) Commit() error {
	if b.state != taken && !errors.Is(b.err, ErrNoRoom) {
		return fmt.Errorf("%w: Commit twice, or before Take", ErrMisuse)
	}
	b.state = committed
	if b.run != nil {
		b.err = b.run()
	} else {
		b.err = b.write()
	}
	return b.err
}

// write syncs part by part: nothing goes into a segment before all that is
// older is durable, and before the frontier says so.
func (b *Batch) write() error {
	for ; b.wrote < len(b.parts); b.wrote++ {
		p := b.parts[b.wrote]
		if p.offset == 0 {
			if err := p.file.ensure(p.size, true); err != nil {
				return err
			}
			if err := b.j.frontier.raise(mark{b.base, p.oldest, p.file.number, p.size}, 1); err != nil {
				return err
			}
			b.j.scrub.add(p.file)
		}
		last, buf := uint64(0), b.buf[p.start:p.end]
		for at := 0; at < len(buf); {
			n, _ := bodyLen(buf[at:])
			rec := buf[at : at+span(n)]
			seal(rec, p.offset+int64(at), b.base)
			last = le.Uint64(rec[8:])
			at += len(rec)
		}
		if err := p.file.write(buf, p.offset); err != nil {
			return err
		}
		b.base = last
	}
	return nil
}

// Done tells the journal that Commit has returned, and returns the sequence up
// to which all is durable now. The batch must not be used afterwards.
func (j *Journal) Done(b *Batch) (uint64, error) {
	if j.err == nil && (b != j.flying && b != j.chore || b.state != committed) {
		j.err = fmt.Errorf("%w: Done of a batch that is not committed", ErrMisuse)
	}
	if j.err == nil {
		j.err = b.err
	}
	if j.err != nil {
		return j.durable, j.err
	}
	if b == j.chore {
		j.chore = nil
		b.done()
		return j.durable, j.err
	}
	j.flying = nil
	j.durable = b.last
	if cap(b.buf) <= maxSpare {
		*b = Batch{j: j, buf: b.buf[:0], parts: b.parts[:0]}
		j.free = b
	}
	return j.durable, nil
}
