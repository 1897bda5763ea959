package journal

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"time"
)

// copyWindow is how much of a segment is read at once to copy what lives in
// it forward, and maxBacklog how much may be pending for that to go on.
const (
	copyWindow = 1 << 20
	maxBacklog = 4 << 20
)

// upkeep is the caller's side of the chores.
type upkeep struct {
	wrote   time.Duration // when the frontier was written last
	written uint64        // what it said
	number  uint32        // segment that is copied forward
	offset  int64         // up to where it has been
	cramped bool          // there was no room for the next segment
	tried   bool          // that has just been found
	again   time.Duration // it is tried again then
}

// Upkeep returns the next chore, or nil: it prepares the next segment, writes
// the frontier, removes segments, or copies live records of the oldest segment
// forward. Its Commit and Done are those of a batch; it may run beside one.
// now is any clock that only rises. It is to be called after every Done and
// a few times a second; a journal without it stays correct, and never shrinks.
func (j *Journal) Upkeep(now time.Duration) *Batch {
	if j.err != nil || j.chore != nil {
		return nil
	}
	if j.care.tried { // from the end of it: a disk may take long to find that it is full, and there is more to do
		j.care.tried, j.care.again = false, now+j.opts.FrontierEvery
	}
	switch {
	case j.prepare(now):
	case j.drop():
	case j.durable > j.care.written && now-j.care.wrote >= j.opts.FrontierEvery:
		m := mark{durable: j.durable}
		j.begin(func() error { return j.frontier.raise(m, 1) }, func() {
			j.care.wrote, j.care.written = now, m.durable
		})
	case j.crowded():
		j.copyForward()
	}
	return j.chore
}

func (j *Journal) begin(run func() error, done func()) {
	j.chore = &Batch{j: j, state: taken, run: run, done: done}
}

// prepare makes the next segment when the tail is half full; at once if it is to be
// larger than the tail, which may be full sooner than it is zeroed. If the disk has
// no room for it, the tail is still there; it is tried again, now and then, whoever
// has made which segment meanwhile, until there is one ahead. The tail may not be
// made yet itself, before it has a durable record: it comes first.
func (j *Journal) prepare(now time.Duration) bool {
	size, s := j.nextSize(), j.tail()
	if s != nil && s.first > j.durable {
		return false
	}
	if j.care.cramped {
		if now < j.care.again {
			return false
		}
	} else if j.next != nil || s != nil && s.size >= size && s.end < s.size/2 {
		return false
	}
	if j.next == nil {
		j.next = j.newFile()
	}
	file, cramped := j.next, false
	j.begin(func() error {
		err := file.ensure(size, false)
		if cramped = errors.Is(err, ErrNoRoom); cramped {
			return nil
		}
		return err
	}, func() {
		j.care.cramped, j.care.tried = cramped, cramped
	})
	return true
}

// Cramped: there was no room for the next segment. What is appended goes into the
// one before while that has room, then Commit returns ErrNoRoom: callers refuse new
// work until this is over. Upkeep tries again.
func (j *Journal) Cramped() bool { return j.care.cramped }

// maxDropped bounds the segments that one chore removes.
const maxDropped = 64

// drop removes the oldest segments in which nothing lives, if all that
// superseded their records is durable: all that there are at once, since a slow
// disk might otherwise fall behind what is written. The frontier says so first, in
// both slots: a segment that it knows and that is not there is amnesia.
func (j *Journal) drop() bool {
	n := 0
	for n < min(len(j.segments)-1, maxDropped) {
		s := j.segments[n]
		if s.live > 0 || s.deadAt > j.durable || j.segments[n+1].first > j.durable {
			break
		}
		n++
	}
	if n == 0 {
		return false
	}
	dead := slices.Clone(j.segments[:n])
	m := mark{durable: j.durable, oldest: dead[n-1].number + 1}
	j.begin(func() error {
		if err := j.frontier.raise(m, 2); err != nil {
			return err
		}
		for _, s := range dead {
			if err := j.scrub.remove(s.file); err != nil {
				return err
			}
		}
		return j.fs.SyncDir(j.dir)
	}, func() {})
	j.segments = j.segments[n:]
	return true
}

// crowded: the oldest segment stands in the way, since few of its bytes live,
// or few of all segments'. So the room taken is bounded by a multiple of what lives.
// Where there is no room for another segment what lives has to fit into the tail.
func (j *Journal) crowded() bool {
	if len(j.segments) <= j.opts.Keep || len(j.pending.buf) > maxBacklog {
		return false
	}
	s, t := j.segments[0], j.tail()
	if j.care.cramped && s.live > t.size-t.end {
		return false
	}
	if s.number <= j.scrub.damage() {
		return false // Mend does that
	}
	return s.live > 0 && s.last <= j.durable && (s.live <= s.size/4 || j.Live() <= j.Size()/4)
}

// copyForward appends again what lives in one window of the oldest segment
// [C6]. Copies are records like others; the segment goes when they are durable.
func (j *Journal) copyForward() {
	s := j.segments[0]
	if j.care.number != s.number {
		j.care.number, j.care.offset = s.number, 0
	}
	from, end := j.care.offset, s.end
	var recs []Record
	var at []int64
	next := from
	bad := false
	run := func() (err error) {
		if recs, at, next, err = s.file.readRecords(from, end, copyWindow); err != nil {
			j.scrub.mu.Lock()
			j.scrub.damaged(s.file)
			j.scrub.mu.Unlock()
			bad = true
		}
		return nil
	}
	j.begin(run, func() {
		if bad {
			return
		}
		j.care.offset = next
		for i, r := range recs {
			e := j.of(r.Ensemble)
			if p := e.find(r.Instance); p.segment == s.number && int64(p.offset) == at[i] {
				j.Append(r.Ensemble, r.Instance, r.Body)
			}
		}
		if next >= end && s.live > 0 && j.err == nil {
			j.err = &Damage{ErrAmnesia, s.file.name(), end, s.last, j.durable, "live records are not where they were written"}
		}
	})
}

// readRecords reads and verifies the records in about limit bytes from an
// offset, at least one, and returns where each begins and where to go on.
func (f *segmentFile) readRecords(from, end int64, limit int) (recs []Record, at []int64, next int64, err error) {
	buf, err := f.read(from, min(end-from, max(int64(limit), sector)))
	if err != nil {
		return nil, nil, from, err
	}
	if n, ok := bodyLen(buf); ok && span(n) > len(buf) && int64(span(n)) <= end-from {
		if buf, err = f.read(from, int64(span(n))); err != nil {
			return nil, nil, from, err
		}
	}
	for next = from; next < end; {
		rest := buf[next-from:]
		r, n := decode(rest, true)
		if n == 0 || r.segment != f.number {
			if size, ok := bodyLen(rest); len(recs) > 0 && (ok && span(size) > len(rest) || len(rest) < 8) {
				break // its end is in the next window
			}
			return nil, nil, from, &Damage{Kind: ErrAmnesia, File: f.name(), Offset: next, What: "a record that was durable does not prove itself"}
		}
		recs, at = append(recs, r), append(at, next)
		next += int64(n)
	}
	return recs, at, next, nil
}

func (f *segmentFile) read(from, size int64) ([]byte, error) {
	buf := make([]byte, size)
	if _, err := f.file.ReadAt(buf, from); err != nil {
		return nil, fmt.Errorf("segment %s: %w", path.Base(f.name()), err)
	}
	return buf, nil
}
