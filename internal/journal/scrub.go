package journal

import "slices"

// Scrub reads and verifies about limit bytes of what is durable, and goes on
// there the next time, round robin. It may be called from any goroutine,
// beside all else. Its error is one like Commit's: the process has to end.
func (j *Journal) Scrub(limit int) error {
	s := &j.scrub
	s.mu.Lock()
	defer s.mu.Unlock()
	for turns := 0; limit > 0 && turns <= len(s.files); {
		i := slices.IndexFunc(s.files, func(f *segmentFile) bool { return f.number >= s.number })
		if i < 0 {
			s.number, s.offset = 0, 0
			turns++
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
			return err
		}
		limit -= int(next - s.offset)
		s.offset = next
	}
	return nil
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
	return f.remove()
}
