package bench

// Store is the state of a replica that only orders: a value for each key, in an
// array, since a map's hashing and probing at every replica would cost as much
// as ordering does and hide it. All systems that apply what they order
// themselves, peers included, use it.
type Store [Keys][]byte

// Put copies value to a key. A key out of range is left alone.
func (s *Store) Put(key uint32, value []byte) {
	if key >= Keys {
		return
	}
	if b := s[key]; len(b) == len(value) {
		copy(b, value)
	} else {
		s[key] = append(b[:0], value...)
	}
}
