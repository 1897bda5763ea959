package bench

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// measureWorkers is measure for callers that wait: as many goroutines as
// operations outstanding, each submitting one and sleeping until it is done.
// That is how most programs call a service, and what it costs in wake-ups and
// in smaller batches is in the figures.
func measureWorkers(ctx context.Context, sys System, c Case, ph Phases, seed uint64) *Result {
	w := &workers{sys: sys, c: c, base: time.Now(), shards: make([]shard, runtime.GOMAXPROCS(0))}
	all, value := make([]chan error, c.Outstanding), makeValue(c, seed)
	ended := make(chan struct{})
	w.left.Store(int64(c.Outstanding))
	for slot := range all {
		all[slot] = make(chan error, 1)
		go func() {
			w.work(slot, all[slot], newDraws(sys, &c, rand.New(rand.NewPCG(seed, uint64(slot))), value))
			if w.left.Add(-1) == 0 {
				close(ended)
			}
		}()
	}
	pass := func(d time.Duration) {
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
	}
	pass(ph.Warm)
	res := window(sys, func() {
		w.phase.Store(inWindow)
		pass(ph.Measure)
		w.phase.Store(draining)
	})
	select {
	case <-ended:
	case <-time.After(ph.Drain):
		if _, ok := sys.(Doer); ok { // whoever still waits does so until the system ends
			res.Errors, res.First = uint64(w.left.Load()), errLost
			break
		}
		for _, ch := range all { // whoever still waits is told that its operation is lost
			select {
			case ch <- errLost:
			default:
			}
		}
		<-ended
	}
	for i := range w.shards {
		s := &w.shards[i]
		s.mu.Lock()
		defer s.mu.Unlock()
		res.Latency.add(&s.latency)
		res.Errors += s.errors
		if res.First == nil {
			res.First = s.first
		}
	}
	return res
}

// workers is what the goroutines share. The shards' locks guard their shards.
type workers struct {
	sys    System
	c      Case
	base   time.Time
	phase  atomic.Int32
	left   atomic.Int64 // goroutines
	shards []shard
}

const (
	warming = iota
	inWindow
	draining
)

type shard struct {
	mu      sync.Mutex
	latency Histogram
	errors  uint64
	first   error
}

func (w *workers) work(slot int, ch chan error, draws draws) {
	shard := &w.shards[slot%len(w.shards)]
	var op Op
	done := func(err error) {
		select {
		case ch <- err:
		default: // it was given up as lost
		}
	}
	for w.phase.Load() != draining {
		draws.next(&op, slot)
		start := time.Since(w.base)
		var err error
		if doer, ok := w.sys.(Doer); ok {
			err = doer.Do(op)
		} else {
			w.sys.Submit(op, done)
			w.sys.Flush()
			err = <-ch
		}
		took, now := time.Since(w.base)-start, w.phase.Load()
		shard.mu.Lock()
		if err == nil && now == inWindow {
			shard.latency.Record(took)
		} else if err != nil {
			shard.errors++
			if shard.first == nil {
				shard.first = err
			}
		}
		shard.mu.Unlock()
		if err != nil {
			time.Sleep(pause)
		}
	}
}
