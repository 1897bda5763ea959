// Package journal keeps an acceptor's promises and votes: one append-only
// journal for all ensembles of a process, that never takes loss for absence.
//
// A record is named by (ensemble, instance); the newest one holds. Instance 0
// is the ensemble's state. The caller is a loop that does no IO:
//
//	j.Append(...)           any number of times: memory only
//	b := j.Take()           all that is pending, nil if a batch is under way
//	err := b.Commit()       on any goroutine: one write and one sync
//	durable, err := j.Done(b)
//	u := j.Upkeep(now)      chores, nil mostly; Commit and Done like a batch
//
// Append, Take, Done, Upkeep, Trim, Forget, Mend, Close and the figures belong to one
// goroutine. Commit may run on another; a batch and an upkeep may run at once.
// Scrub, Rot and Room may be called from anywhere. After the first error of
// these but Scrub the journal is dead: every call returns it, and nothing is tried again, since
// the kernel forgets pages that it could not write. The process has to end. A disk
// that is full is another matter while a segment is made, before anything is written
// to it: Commit says ErrNoRoom, and may be called again.
//
// On disk (record.go, frontier.go): segments of dense records that prove
// themselves, and a frontier file that says how far the journal reached at
// least. Rules that recovery (open.go, tail.go) relies on:
//
//  1. One batch is written at a time, and synced before the next is taken:
//     all that is not durable is one batch, whose records carry as Synced the
//     sequence before its first.
//  2. A segment's bytes are written only when all before is durable and the
//     frontier says so: only the newest segment can end in a torn record.
//  3. A segment is zeros before it is written to, is written once, and each
//     sector of a record holds bytes that are not zero.
//  4. Segments go oldest first, when each of their records is dead and what
//     made it so is durable. Every segment begins with all ensembles' states.
package journal

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/eyrie-dev/eyrie/internal/vfs"
)

// Options are a journal's bounds. Zero values mean the defaults.
type Options struct {
	// SegmentSize in bytes; 32 MiB. A record that is larger has a segment of its own.
	// A journal begins with smaller ones, see nextSize.
	SegmentSize int64
	// Keep is how many segments there may be before the oldest one's few live
	// records are copied forward; 4.
	Keep int
	// FrontierEvery is how often the frontier is written while there is
	// something new to say; a second. It bounds what can be lost unnoticed if
	// the disk loses what it said it had written. As often Upkeep tries to prepare
	// a segment for which there was no room.
	FrontierEvery time.Duration
	// Reserve is the room, in bytes, that Room leaves out.
	Reserve int64
}

func (o Options) defaults() Options {
	if o.SegmentSize == 0 {
		o.SegmentSize = 32 << 20
	}
	o.SegmentSize = min(max((o.SegmentSize+sector-1)&^(sector-1), minSegment), MaxBody)
	if o.Keep == 0 {
		o.Keep = 4
	}
	o.Keep = max(o.Keep, 2)
	if o.FrontierEvery == 0 {
		o.FrontierEvery = time.Second
	}
	return o
}

// Journal is an open journal.
type Journal struct {
	fs   vfs.FS
	dir  string
	id   ID
	opts Options
	lock io.Closer
	err  error

	seq       uint64 // of the last appended record
	durable   uint64
	ensembles []*ensemble
	recent    *ensemble
	spare     []*chunk
	segments  []*segment // oldest first, numbers without gaps; the last one is appended to
	nextNum   uint32
	next      *segmentFile // made ahead of need

	frontier *frontier
	pending  *Batch // being filled
	flying   *Batch // taken, not Done
	free     *Batch
	chore    *Batch // upkeep under way
	care     upkeep

	scrub scrubber
}

// Create makes an empty journal in dir, durably. It is refused with ErrExists
// wherever a journal or a part of one is found.
func Create(fsys vfs.FS, dir string, id ID) (err error) {
	if err := fsys.MkdirAll(dir); err != nil {
		return fmt.Errorf("create journal: %w", err)
	}
	lock, err := fsys.Lock(dir + "/" + lockName)
	if err != nil {
		return fmt.Errorf("create journal: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	names, err := fsys.List(dir)
	if err != nil {
		return fmt.Errorf("create journal: %w", err)
	}
	for _, name := range names {
		switch name {
		case lockName:
		case frontierTemp: // of a Create that did not come to its end
			if err := fsys.Remove(dir + "/" + name); err != nil {
				return fmt.Errorf("create journal: %w", err)
			}
		default:
			return fmt.Errorf("create journal in %s: found %s: %w", dir, name, ErrExists)
		}
	}
	if err := createFrontier(fsys, dir, id); err != nil {
		return fmt.Errorf("create journal: %w", err)
	}
	return nil
}

// Append adds a record, whose body is the concatenation of the parts, and
// returns its sequence. The parts are copied. It does no IO; the record counts
// when Done has returned its sequence or a higher one. Instance 0 is the
// ensemble's state. A dead journal returns 0.
func (j *Journal) Append(ensemble uint32, instance uint64, body ...[]byte) uint64 {
	if j.err != nil {
		return 0
	}
	size := 0
	for _, p := range body {
		size += len(p)
	}
	if size > MaxBody {
		j.err = fmt.Errorf("%w: %d bytes", ErrTooLarge, size)
		return 0
	}
	need := int64(span(size))
	if s := j.tail(); s == nil || s.end+need > s.size {
		if !j.rotate(need) {
			return 0
		}
	}
	e := j.of(ensemble)
	j.add(e, instance, body, size)
	if instance == 0 {
		e.state = e.state[:0]
		for _, p := range body {
			e.state = append(e.state, p...)
		}
	}
	return j.seq
}

func (j *Journal) tail() *segment {
	if len(j.segments) == 0 {
		return nil
	}
	return j.segments[len(j.segments)-1]
}

// add encodes a record into the pending batch; it fits into the tail.
func (j *Journal) add(e *ensemble, instance uint64, body [][]byte, size int) {
	s := j.tail()
	j.seq++
	put(j.pending.grow(s, span(size)), &j.id, j.seq, s.number, e.id, instance, body, size)
	j.note(e, instance, s, int64(span(size)))
}

// note enters the record of sequence j.seq, at the end of s, into the index.
func (j *Journal) note(e *ensemble, instance uint64, s *segment, size int64) {
	p := place{s.number, uint32(s.end), uint32(size)}
	if s.end == 0 {
		s.first = j.seq
	}
	s.end += size
	s.last = j.seq
	if instance != 0 && instance <= e.trimmed {
		s.deadAt = j.seq
		return
	}
	s.live += size
	j.bury(j.set(e, instance, p))
}

// rotate begins a segment that has room for all states and need bytes more.
func (j *Journal) rotate(need int64) bool {
	for _, e := range j.ensembles {
		if e.at.span != 0 {
			need += int64(span(len(e.state)))
		}
	}
	if need > 1<<32-1 {
		j.err = fmt.Errorf("%w: %d bytes with all ensembles' states", ErrTooLarge, need)
		return false
	}
	file := j.next
	if j.next = nil; file == nil {
		file = j.newFile()
	}
	s := &segment{number: file.number, size: max(j.nextSize(), need), file: file}
	j.segments = append(j.segments, s)
	for _, e := range j.ensembles {
		if e.at.span != 0 {
			j.add(e, 0, [][]byte{e.state}, len(e.state))
		}
	}
	return true
}

// nextSize is the size of the segment after the tail: twice its size, up to
// SegmentSize. A segment is zeroed before anything is written to it, so what a new
// process promises first would wait for the whole of a large one, and for those of
// all others that start on the same disk. Nor does a start read what is all zeros.
func (j *Journal) nextSize() int64 {
	size := max(j.opts.SegmentSize/firstShare&^(sector-1), minSegment)
	if s := j.tail(); s != nil {
		size = max(2*s.size, size)
	}
	return min(size, j.opts.SegmentSize)
}

// The first segment has one in firstShare of SegmentSize; none is smaller than
// minSegment, in bytes.
const (
	firstShare = 32
	minSegment = 8 * sector
)

func (j *Journal) newFile() *segmentFile {
	j.nextNum++
	return &segmentFile{fs: j.fs, dir: j.dir, number: j.nextNum - 1}
}

// Trim tells that an ensemble's instances up to upTo, inclusive, are dead.
// The journal does not remember it: the caller's state record, appended
// before, says where it trimmed, and the caller ignores what Open shows below.
func (j *Journal) Trim(ensemble uint32, upTo uint64) {
	if j.err == nil {
		j.trim(j.of(ensemble), upTo)
	}
}

// Durable is the sequence up to which everything is durable.
func (j *Journal) Durable() uint64 { return j.durable }

// Err is not nil when the journal is dead.
func (j *Journal) Err() error { return j.err }

// Segments is how many there are.
func (j *Journal) Segments() int { return len(j.segments) }

// Size is the room taken by segments, Live that of records which count, in bytes.
func (j *Journal) Size() (size int64) {
	for _, s := range j.segments {
		size += s.size
	}
	return size
}

// Live is the room taken by records that are the newest of their instance.
func (j *Journal) Live() (live int64) {
	for _, s := range j.segments {
		live += s.live
	}
	return live
}

// Room is how many bytes may be written before the reserve is touched;
// negative when it has been. It asks the file system: once a second is enough.
// Callers refuse new work in time, since a batch that needs another segment waits
// for room (ErrNoRoom). Others may fill the disk faster than that: see Cramped.
func (j *Journal) Room() (int64, error) {
	free, err := j.fs.Free(j.dir)
	if err != nil {
		return 0, err
	}
	return int64(min(free, 1<<62)) - j.opts.Reserve, nil
}

// Close commits what is pending and writes the frontier. No batch and no
// upkeep may be under way. It returns the error of a dead journal.
func (j *Journal) Close() error {
	if j.err == nil && (j.flying != nil || j.chore != nil) {
		j.err = fmt.Errorf("%w: Close with a batch under way", ErrMisuse)
	}
	if b := j.Take(); b != nil && j.err == nil {
		b.Commit()
		j.Done(b)
	}
	if j.err == nil {
		j.err = j.frontier.raise(mark{durable: j.durable}, 1)
	}
	err := errors.Join(j.err, j.release())
	if j.err == nil {
		j.err = ErrClosed
	}
	return err
}

// release closes all files and gives up the lock.
func (j *Journal) release() error {
	j.scrub.mu.Lock()
	defer j.scrub.mu.Unlock()
	var errs []error
	for _, s := range j.segments {
		errs = append(errs, s.file.close())
	}
	j.scrub.files = nil
	if j.next != nil {
		errs = append(errs, j.next.close())
	}
	if j.frontier != nil {
		errs = append(errs, j.frontier.file.Close())
	}
	return errors.Join(append(errs, j.lock.Close())...)
}
