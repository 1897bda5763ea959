package host

import (
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/transport"
)

// reasons remembers why processes cannot be reached where that does not pass: waiting
// does not help, and a person has to look.
type reasons struct {
	mu sync.Mutex
	by map[ids.Process]error
}

func (r *reasons) set(p ids.Process, why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil {
		r.by = map[ids.Process]error{}
	}
	r.by[p] = why
}

func (r *reasons) clear(p ids.Process) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.by, p)
}

// of is why process p cannot be reached, or nil.
func (r *reasons) of(p ids.Process) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.by[p]
}

func (r *reasons) all() map[ids.Process]error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.by)
}

// strangers are the processes at whose addresses other programs answer.
type strangers struct{ reasons }

// heard is the transport's Linked.
func (s *strangers) heard(p ids.Process, err error) {
	if errors.Is(err, transport.ErrStranger) {
		s.set(p, err)
	} else {
		s.clear(p)
	}
}

// add adds to an error those that it does not tell of.
func (s *strangers) add(err error) error {
	by := s.all()
	for _, p := range slices.Sorted(maps.Keys(by)) {
		if e := by[p]; !errors.Is(err, e) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// refusals are the processes that refuse a connection for a reason that does not pass.
type refusals struct{ reasons }

// heard is the transport's Linked.
func (r *refusals) heard(p ids.Process, err error) {
	switch {
	case !errors.Is(err, transport.ErrRefused):
		r.clear(p) // it is connected, or away: perhaps to come back as another
	case errors.Is(err, transport.ErrBusy), errors.Is(err, transport.ErrDuplicate):
	default:
		r.set(p, err)
	}
}

// now are those that refuse, with what they said.
func (r *refusals) now() map[ids.Process]string {
	by := r.all()
	said := make(map[ids.Process]string, len(by))
	for p, err := range by {
		said[p] = err.Error()
	}
	return said
}
