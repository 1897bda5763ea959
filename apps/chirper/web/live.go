package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// live asks the cluster how it is, once a period while somebody watches, and
// tells all who do. Who is slow misses overviews, and gets the newest.
type live struct {
	cfg  Config
	seen *latencies

	asking sync.Mutex // one asks at a time
	before map[int]Counters
	at     time.Time
	newest Overview

	mu       sync.Mutex
	watchers map[chan []byte]bool
	stop     context.CancelFunc // of the one that asks; nil: nobody watches
	last     []byte
	closed   chan struct{}
	ending   sync.Once

	asks sync.WaitGroup // those that ask
}

func newLive(cfg Config, seen *latencies) *live {
	return &live{cfg: cfg, seen: seen, watchers: map[chan []byte]bool{}, closed: make(chan struct{})}
}

// close ends all streams.
func (l *live) close() { l.ending.Do(func() { close(l.closed) }) }

// once is an overview at most half a period old.
func (l *live) once(ctx context.Context) (Overview, error) {
	l.asking.Lock()
	defer l.asking.Unlock()
	since := time.Since(l.at)
	if since < l.cfg.Limits.Every/2 {
		return l.newest, nil
	}
	v, err := l.cfg.Observe(ctx)
	if err != nil {
		return Overview{}, err
	}
	now := time.Now()
	v.rate(l.before, now.Sub(l.at).Seconds())
	v.At, v.Operator, v.Latencies = now.UnixMilli(), l.cfg.Operator != nil, l.seen.sum()
	l.before, l.at, l.newest = v.counters(), now, v
	return v, nil
}

// serve streams overviews as server-sent events: "overview" with one, "trouble"
// when the cluster could not be asked.
func (l *live) serve(w http.ResponseWriter, r *http.Request) {
	events, ok := l.watch()
	if !ok {
		refuse(w, problem(http.StatusServiceUnavailable, "busy", "%d watch already, as many as are allowed; GET /api/v1/overview answers once", l.cfg.Limits.Watchers))
		return
	}
	defer l.leave(events)
	rc := http.NewResponseController(w)
	rc.SetReadDeadline(time.Time{})
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	for {
		select {
		case event := <-events:
			rc.SetWriteDeadline(time.Now().Add(10 * time.Second))
			if _, err := w.Write(event); err != nil || rc.Flush() != nil {
				return
			}
		case <-r.Context().Done():
			return
		case <-l.closed:
			return
		}
	}
}

// watch adds a watcher, who gets the newest event at once.
func (l *live) watch() (chan []byte, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.watchers) >= l.cfg.Limits.Watchers {
		return nil, false
	}
	events := make(chan []byte, 1)
	l.watchers[events] = true
	if l.stop == nil {
		ctx, cancel := context.WithCancel(context.Background())
		l.stop = cancel
		l.asks.Go(func() { l.ask(ctx) })
	} else if l.last != nil {
		events <- l.last
	}
	return events, true
}

func (l *live) leave(events chan []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.watchers, events)
	if len(l.watchers) == 0 {
		l.stop()
		l.stop, l.last = nil, nil
	}
}

// ask asks and tells until ctx ends.
func (l *live) ask(ctx context.Context) {
	ticker := time.NewTicker(l.cfg.Limits.Every)
	defer ticker.Stop()
	for {
		asked, cancel := context.WithTimeout(ctx, 2*l.cfg.Limits.Every)
		v, err := l.once(asked)
		cancel()
		if ctx.Err() != nil {
			return
		}
		l.tell(event(v, err))
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func event(v Overview, err error) []byte {
	if err != nil {
		text, _ := json.Marshal(map[string]any{"message": err.Error()})
		return fmt.Appendf(nil, "event: trouble\ndata: %s\n\n", text)
	}
	text, _ := json.Marshal(v)
	return fmt.Appendf(nil, "event: overview\ndata: %s\n\n", text)
}

func (l *live) tell(event []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = event
	for events := range l.watchers {
		select {
		case <-events: // it has not taken the one before
		default:
		}
		events <- event // tell alone sends to watchers who are there
	}
}
