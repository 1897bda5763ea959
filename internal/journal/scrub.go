package journal

import (
	"maps"
	"slices"
	"sync"
)

// scrubber is what Scrub shares with the other goroutines.
type scrubber struct {
	mu     sync.Mutex // held while files are read or taken away
	files  []*segmentFile
	number uint32 // where to go on
	offset int64
	bad    uint32 // the newest segment that does not prove itself; 0: none
	found  uint64 // segments found so
}

// Scrub reads and verifies about limit bytes of what is durable, and goes on
// there the next time, round robin. It may be called from any goroutine,
// beside all else. Its error says what it has found; the process need not end,
// since it knows what it has written: Mend writes it anew. One that starts
// with such a journal would be refused.
func (j *Journal) Scrub(limit int) error {
	s := &j.scrub
	s.mu.Lock()
	defer s.mu.Unlock()
	for turns := 0; limit > 0 && turns <= len(s.files); {
		i := slices.IndexFunc(s.files, func(f *segmentFile) bool { return f.number >= s.number && f.number > s.bad })
		if i < 0 {
			s.number, s.offset = 0, 0
			if turns++; s.bad > 0 {
				return nil // what follows is new
			}
			continue
		}
		f := s.files[i]
		if f.number != s.number {
			s.number, s.offset = f.number, 0
		}
		end := f.synced()
		if s.offset >= end {
			s.number, s.offset = s.number+1, 0
			turns++
			continue
		}
		_, _, next, err := f.readRecords(s.offset, end, limit)
		if err != nil {
			s.damaged(f)
			return err
		}
		limit -= int(next - s.offset)
		s.offset = next
	}
	return nil
}

// damaged notes that a segment does not prove itself. The lock is held.
func (s *scrubber) damaged(f *segmentFile) {
	s.found++
	s.bad = max(s.bad, f.number)
}

// damage is the newest damaged segment, or 0.
func (s *scrubber) damage() uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bad
}

// Rot counts the segments that were found damaged while the journal was open,
// and says whether one of them is still there.
func (j *Journal) Rot() (found uint64, there bool) {
	s := &j.scrub
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.found, s.bad > 0
}

// Name is what a record is about.
type Name struct {
	Ensemble uint32
	Instance uint64
}

// Mend names records that live in a damaged segment, or before it, about limit
// bytes of them: the caller is to append them again, from memory. Nil if there
// are none, or no longer any; then the segments go by Upkeep. States are
// appended by Mend itself. It is called again until Rot says that all is well.
func (j *Journal) Mend(limit int) (names []Name) {
	bad := j.scrub.damage()
	if bad == 0 || j.err != nil {
		return nil
	}
	if s := j.tail(); s.number <= bad {
		s.size = s.end // the next record, of which there must be one, begins another
	}
	for _, e := range j.ensembles {
		if p := e.at; p.span != 0 && p.segment <= bad {
			j.Append(e.id, 0, slices.Clone(e.state))
		}
		for _, key := range slices.Sorted(maps.Keys(e.chunks)) {
			for i, p := range e.chunks[key].at {
				if p.span != 0 && p.segment <= bad && limit > 0 {
					names = append(names, Name{e.id, key<<chunkBits + uint64(i)})
					limit -= int(p.span)
				}
			}
		}
	}
	return names
}

func (s *scrubber) add(f *segmentFile) {
	s.mu.Lock()
	s.files = append(s.files, f)
	s.mu.Unlock()
}

// remove takes a segment away, when nobody reads it.
func (s *scrubber) remove(f *segmentFile) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files = slices.DeleteFunc(s.files, func(g *segmentFile) bool { return g == f })
	if f.number == s.bad {
		s.bad = 0 // all before it are gone, too
	}
	return f.remove()
}
