package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"

	"github.com/eyrie-dev/eyrie/internal/vfs"
)

// Open recovers the journal in dir and calls visit with every record that is
// the newest of its instance, in sequence order. What Open has shown is
// durable. Where there is no journal the error wraps fs.ErrNotExist; Open
// never makes one. Other errors wrap ErrAmnesia, ErrForeign, ErrNewer,
// vfs.ErrLocked, that of visit, or are the file system's.
func Open(fsys vfs.FS, dir string, id ID, opts Options, visit func(Record) error) (*Journal, error) {
	lock, err := fsys.Lock(path.Join(dir, lockName))
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	j := &Journal{fs: fsys, dir: dir, id: id, opts: opts.defaults(), lock: lock}
	j.pending = &Batch{j: j}
	r := recovery{Journal: j, visit: visit}
	if err := r.run(); err != nil {
		return nil, fmt.Errorf("open journal: %w", errors.Join(err, j.release()))
	}
	return j, nil
}

// recovery reads every segment twice: first to prove that nothing is missing
// and to learn which records are the newest, then to show those.
type recovery struct {
	*Journal
	visit  func(Record) error
	mark   mark
	buf    []byte
	expect uint64 // sequence that comes next, 0 when not known yet
	proven uint64 // up to here all was durable, as frontier or records say
	unused []uint32
}

func (r *recovery) run() error {
	names, err := r.fs.List(r.dir)
	if err != nil {
		return err
	}
	var numbers []uint32
	for _, name := range names {
		if n, ok := segmentNumber(name); ok {
			numbers = append(numbers, n)
		}
	}
	if r.frontier, err = openFrontier(r.fs, r.dir, r.id); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return missingFrontier(r.dir, len(numbers))
		}
		return err
	}
	r.mark = r.frontier.mark
	r.proven = r.mark.durable
	if err := r.scan(numbers); err != nil {
		return err
	}
	if err := r.mend(); err != nil {
		return err
	}
	if err := r.tidy(numbers); err != nil {
		return err
	}
	return r.show()
}

// scan walks through all segments, which must follow each other without gaps.
func (r *recovery) scan(numbers []uint32) error {
	if r.mark.oldest == 1 {
		r.expect = 1
	}
	for n := r.mark.oldest; n <= r.mark.newest; n++ {
		if _, found := slices.BinarySearch(numbers, n); !found {
			return r.damage(n, 0, "the file is missing")
		}
	}
	var last *segment // the last one that is not all zeros
	for _, n := range numbers {
		if n < r.mark.oldest {
			r.unused = append(r.unused, n) // its removal was under way
			continue
		}
		s, err := r.load(n)
		if err != nil {
			return err
		}
		if zero(r.buf) {
			r.unused = append(r.unused, n)
			if err := s.file.close(); err != nil {
				return err
			}
			continue
		}
		if last != nil && (s.number != last.number+1 || last.end == 0) {
			return r.damage(last.number, last.end, "what follows is missing or wrong, but there is a later segment")
		}
		r.segments, last = append(r.segments, s), s
		if err := r.walk(s); err != nil {
			return err
		}
		if rec, n := decode(r.buf, false); s.end == 0 && n != 0 && len(r.segments) > 1 {
			before := r.segments[len(r.segments)-2]
			return r.damage(before.number, before.end, fmt.Sprintf("no true record here, and the next segment begins with sequence %d", rec.Seq))
		}
	}
	if len(r.segments) == 0 && (r.mark.oldest > 1 || r.mark.durable > 0) || len(r.segments) > 0 && r.segments[0].number != r.mark.oldest {
		return r.damage(r.mark.oldest, 0, "there are no records in it")
	}
	return nil
}

// load opens a segment and reads the whole of it.
func (r *recovery) load(number uint32) (*segment, error) {
	file := &segmentFile{fs: r.fs, dir: r.dir, number: number}
	var err error
	if file.file, err = r.fs.Open(file.name()); err != nil {
		return nil, err
	}
	if file.size, err = file.file.Size(); err == nil {
		err = r.read(file)
	}
	if err != nil {
		return nil, errors.Join(err, file.close())
	}
	if d := r.size(file); d != nil {
		return nil, errors.Join(d, file.close())
	}
	return &segment{number: number, size: file.size, file: file}, nil
}

func (r *recovery) size(f *segmentFile) error {
	if f.number == r.mark.newest && f.size < r.mark.size || f.number < r.mark.newest && f.size == 0 {
		return r.damage(f.number, f.size, fmt.Sprintf("the file has been cut off; it had %d bytes", r.mark.size))
	}
	return nil
}

func (r *recovery) read(f *segmentFile) error {
	if f.size > 1<<32-1 {
		return r.damage(f.number, 0, fmt.Sprintf("no segment can have %d bytes", f.size))
	}
	r.buf = slices.Grow(r.buf[:0], int(f.size))[:f.size]
	_, err := f.file.ReadAt(r.buf, 0)
	if err == io.EOF {
		err = nil
		if f.size > 0 {
			err = io.ErrUnexpectedEOF
		}
	}
	return err
}

// walk takes records from the beginning of s, as far as each proves itself and
// continues the sequence.
func (r *recovery) walk(s *segment) error {
	for s.end < s.size {
		rec, n := decode(r.buf[s.end:], false)
		if n == 0 {
			return nil
		}
		switch {
		case rec.id != r.id:
			return &Damage{ErrForeign, s.file.name(), s.end, rec.Seq, r.proven, fmt.Sprintf("a record of journal %x, this process's is %x", rec.id, r.id)}
		case rec.segment != s.number:
			return r.damage(s.number, s.end, fmt.Sprintf("a record of segment %d: the file has got another's name", rec.segment))
		case rec.Seq == 0, rec.Synced >= rec.Seq:
			return r.damage(s.number, s.end, "a record that cannot be")
		case r.expect != 0 && rec.Seq != r.expect:
			return nil // tail.go says what it means
		}
		r.seq = rec.Seq
		r.expect = rec.Seq + 1
		r.proven = max(r.proven, rec.Synced)
		r.note(r.of(rec.Ensemble), rec.Instance, s, int64(n))
	}
	return nil
}

// tidy has the frontier say what has been found and then removes files that
// hold nothing. Both slots are written: the one that was read may never have
// reached the disk, if the process before failed at its sync.
func (r *recovery) tidy(numbers []uint32) error {
	f := r.frontier
	r.durable = r.seq
	r.care.written = r.seq
	f.mark = mark{durable: r.seq, oldest: r.mark.oldest, newest: r.mark.oldest - 1}
	if s := r.tail(); s != nil {
		f.mark.newest, f.mark.size = s.number, s.size
	}
	r.nextNum = f.mark.newest + 1
	if err := f.write(2); err != nil {
		return fmt.Errorf("frontier: %w", err)
	}
	for _, n := range r.unused {
		if err := r.fs.Remove(path.Join(r.dir, segmentName(n))); err != nil {
			return err
		}
	}
	if len(numbers) == 0 {
		return nil
	}
	return r.fs.SyncDir(r.dir)
}

// show calls visit.
func (r *recovery) show() error {
	for _, s := range r.segments {
		r.scrub.files = append(r.scrub.files, s.file)
		s.file.written = s.end
		if err := r.read(s.file); err != nil {
			return err
		}
		for at := int64(0); at < s.end; {
			rec, n := decode(r.buf[at:], true)
			if n == 0 {
				return r.damage(s.number, at, "a record could be read once, and not again")
			}
			e := r.of(rec.Ensemble)
			if p := e.find(rec.Instance); p.segment == s.number && int64(p.offset) == at {
				if rec.Instance == 0 {
					e.state = slices.Clone(rec.Body)
				}
				if err := r.visit(rec); err != nil {
					return err
				}
			}
			at += int64(n)
		}
	}
	return nil
}

func (r *recovery) damage(number uint32, off int64, what string) error {
	return &Damage{ErrAmnesia, path.Join(r.dir, segmentName(number)), off, r.expect, r.proven, what}
}
