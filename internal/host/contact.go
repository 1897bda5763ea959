package host

import (
	"context"
	"errors"
	"sync"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/transport"
)

// contact waits for the first process that answers.
type contact struct {
	mu    sync.Mutex
	left  int // processes not yet tried
	tried map[ids.Process]bool
	last  error
	no    error // a refusal
	ended bool
	done  chan error
}

func newContact(processes int) *contact {
	return &contact{left: processes, tried: map[ids.Process]bool{}, done: make(chan error, 1)}
}

// heard is the transport's Linked.
func (f *contact) heard(p ids.Process, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.tried[p] {
		f.tried[p] = true
		f.left--
	}
	if err != nil {
		f.last = err
		if errors.Is(err, transport.ErrRefused) && !errors.Is(err, transport.ErrBusy) {
			f.no = err
		}
	}
	if !f.ended && (err == nil || f.left == 0 && f.no != nil) {
		f.ended = true
		if err != nil {
			err = f.no
		}
		f.done <- err
	}
}

func (f *contact) wait(ctx context.Context) error {
	select {
	case err := <-f.done:
		return err
	case <-ctx.Done():
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(ended(ctx), f.last)
}
