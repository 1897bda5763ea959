package host

import (
	"errors"
	"maps"
	"sync"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/transport"
)

// refusals remembers which processes refuse a connection for a reason that does
// not pass: waiting does not help, and their operator should know.
type refusals struct {
	mu sync.Mutex
	by map[ids.Process]string
}

// heard is the transport's Linked.
func (r *refusals) heard(p ids.Process, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case !errors.Is(err, transport.ErrRefused):
		delete(r.by, p) // it is connected, or away: perhaps to come back as another
	case errors.Is(err, transport.ErrBusy), errors.Is(err, transport.ErrDuplicate):
	default:
		if r.by == nil {
			r.by = map[ids.Process]string{}
		}
		r.by[p] = err.Error()
	}
}

// now are those that refuse, with what they said.
func (r *refusals) now() map[ids.Process]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.by)
}
