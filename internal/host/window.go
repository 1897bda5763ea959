package host

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// window bounds the commands outstanding. Who finds it full waits in line;
// a result hands its place to the first. The lock is the callers' and the
// loop's, which takes it once for all results of a round.
type window struct {
	mu    sync.Mutex
	free  int
	taken int // places
	// most were taken at a time since none was, and before that.
	most, before int
	line         []*waiter
	closed       error
}

// waiter waits in line. Guarded by window.mu until its channel is closed.
type waiter struct {
	ready chan struct{}
	gone  bool // stopped waiting
}

// enter takes a place, and waits for one until ctx ends. alone: nobody else
// has one, nor had when this was the case before. The first of many that come
// again together, having been answered together, is not alone.
func (w *window) enter(ctx context.Context) (alone bool, err error) {
	w.mu.Lock()
	switch {
	case w.closed != nil:
		defer w.mu.Unlock()
		return false, w.closed
	case ctx.Err() != nil:
		w.mu.Unlock()
		return false, ended(ctx)
	case w.free > 0:
		w.free--
		w.taken++
		w.most = max(w.most, w.taken)
		alone = w.taken == 1 && w.before <= 1
		w.mu.Unlock()
		return alone, nil
	}
	me := &waiter{ready: make(chan struct{})}
	w.line = append(w.line, me)
	w.mu.Unlock()
	select {
	case <-me.ready:
	case <-ctx.Done():
		w.mu.Lock()
		defer w.mu.Unlock()
		select {
		case <-me.ready:
			w.pass(1) // the place came too late: to the next
		default:
			me.gone = true
		}
		return false, ended(ctx)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return false, w.closed
}

// ended is why ctx has ended: both its Err and its Cause.
func ended(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// leave gives n places back.
func (w *window) leave(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pass(n)
}

func (w *window) pass(n int) {
	for ; n > 0; n-- {
		for len(w.line) > 0 && w.line[0].gone {
			w.line[0] = nil
			w.line = w.line[1:]
		}
		if len(w.line) == 0 {
			w.free += n
			if w.taken -= n; w.taken == 0 {
				w.most, w.before = 0, w.most
			}
			return
		}
		close(w.line[0].ready)
		w.line[0] = nil
		w.line = w.line[1:]
	}
}

// close makes everybody leave with err.
func (w *window) close(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = err
	for _, me := range w.line {
		close(me.ready)
	}
	w.line = nil
}
