package store

// Rebuild leaves the store with one checkpoint alone, in a new database, and
// with none if number is zero: then the old database is set aside. It is for a
// driver that has found a checkpoint damaged: nothing is to be built upon the
// database that it was in.
func (s *Badger) Rebuild(number uint64) error {
	s.mu.Lock()
	old := s.current
	s.mu.Unlock()
	if old == nil {
		return nil
	}
	if number != 0 {
		return s.copyOf(number)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.users > 0 {
		s.idle.Wait()
	}
	s.current = nil
	_ = old.close() // damaged as it is
	return s.setAside(old)
}

// copyOf writes a checkpoint, under its own number, as a whole one.
func (s *Badger) copyOf(number uint64) error {
	_, m, err := s.use(number)
	if err != nil {
		return err
	}
	s.done()
	w, err := s.receive(number)
	if err != nil {
		return err
	}
	defer w.Abort()
	if err := s.Load(number, w.Add); err != nil {
		return err
	}
	return w.Commit(m.Sum, m.Manifest, number)
}
