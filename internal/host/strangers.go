package host

import (
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/transport"
)

// strangers remembers at which processes' addresses other programs answer: waiting does
// not help, and a person has to look.
type strangers struct {
	mu sync.Mutex
	by map[ids.Process]error
}

// heard is the transport's Linked.
func (s *strangers) heard(p ids.Process, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !errors.Is(err, transport.ErrStranger) {
		delete(s.by, p)
		return
	}
	if s.by == nil {
		s.by = map[ids.Process]error{}
	}
	s.by[p] = err
}

func (s *strangers) at(p ids.Process) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.by[p]
}

// add adds to an error those that it does not tell of.
func (s *strangers) add(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range slices.Sorted(maps.Keys(s.by)) {
		if e := s.by[p]; !errors.Is(err, e) {
			err = errors.Join(err, e)
		}
	}
	return err
}
