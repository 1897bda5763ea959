package journal

import "fmt"

// mend examines where the journal ends. Only one batch can have been under way
// (rule 1), in the last segment (rule 2), and each of its sectors was written
// or is zeros (rule 3). So the record that is missing there was torn, or never
// written, exactly if
//
//   - its sequence is above the frontier, and no record says that it was durable;
//   - its first sector is zeros from there on, or its first word is true and a
//     sector that begins within it is zeros;
//   - what can be read behind it belongs to the same batch.
//
// All else is damage. The rest is then zeroed, and records that may be only in
// the kernel's memory, since no later record says they were durable, are
// written again: the sync of a process before may have failed.
func (r *recovery) mend() error {
	s := r.tail()
	if s == nil {
		return nil
	}
	if r.expect <= r.mark.durable {
		return r.damage(s.number, s.end, "the journal ends here, but it has been longer")
	}
	if err := r.read(s.file); err != nil {
		return err
	}
	if err := r.torn(s); err != nil {
		return err
	}
	from := r.unsure(s)
	to := s.size
	for to > s.end && zero(r.buf[max(s.end, to-sector):to]) {
		to = max(s.end, to-sector)
	}
	clear(r.buf[s.end:])
	if from < to {
		if err := s.file.write(r.buf[from:to], from); err != nil {
			return err
		}
	}
	if s.end == 0 { // nothing of it was whole
		r.segments = r.segments[:len(r.segments)-1]
		r.unused = append(r.unused, s.number)
		if err := s.file.close(); err != nil {
			return err
		}
		return r.mend() // the one before must end well, too
	}
	return nil
}

// torn proves that no record that was durable belongs at s.end.
func (r *recovery) torn(s *segment) error {
	rest := r.buf[s.end:]
	if len(rest) < 8 {
		return nil
	}
	size, ok := bodyLen(rest)
	switch {
	case le.Uint64(rest) == 0:
		if !zero(rest[:min(int64(len(rest)), sector-s.end%sector)]) {
			return r.damage(s.number, s.end, "a record's first bytes are gone, but not their sector")
		}
	case !ok:
		return r.damage(s.number, s.end, "a record's first bytes are wrong")
	case span(size) > len(rest) || !r.holed(s.end, span(size)):
		what := "a record does not prove itself, and all of its sectors have been written"
		if rec, n := decode(rest, false); n != 0 {
			what = fmt.Sprintf("the record found here has sequence %d", rec.Seq)
		}
		return r.damage(s.number, s.end, what)
	}
	return r.behind(s)
}

// holed looks for a sector of zeros that begins within a record.
func (r *recovery) holed(off int64, size int) bool {
	for at := (off + sector - 1) &^ (sector - 1); at < off+int64(size); at += sector {
		if at > off && zero(r.buf[at:min(at+sector, int64(len(r.buf)))]) {
			return true
		}
	}
	return false
}

// behind looks at what lies behind the end. A record that says that the
// missing one was durable, or that does not belong there, is proof of damage.
// The id is compared before a sum is formed, lest bytes that a client chose
// make this long.
func (r *recovery) behind(s *segment) error {
	for at := s.end + 8; at+headSize+endSize <= s.size; at += 8 {
		b := r.buf[at:]
		if b[7] != headMark || ID(b[24:40]) != r.id {
			continue
		}
		rec, n := decode(b, false)
		if n != 0 && (rec.Synced >= r.expect || rec.Seq <= r.expect || rec.segment != s.number) {
			return r.damage(s.number, s.end, fmt.Sprintf(
				"the record is missing, but there is one of sequence %d at offset %d, written when %d was durable", rec.Seq, at, rec.Synced))
		}
	}
	return nil
}

// unsure is where the first record begins that nothing proves durable.
func (r *recovery) unsure(s *segment) int64 {
	for at := int64(0); at < s.end; {
		if le.Uint64(r.buf[at+8:]) > r.proven {
			return at
		}
		n, _ := bodyLen(r.buf[at:])
		at += int64(span(n))
	}
	return s.end
}

func zero(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if le.Uint64(b) != 0 {
			return false
		}
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
