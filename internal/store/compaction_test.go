package store

import (
	"sync"
	"testing"
	"time"
)

// TestPacer: a compaction rests after each table, no two at a time, and not when
// the database is to be closed.
func TestPacer(t *testing.T) {
	p := newPacer()
	p.Debugf("Discard stats: %v", nil)
	p.Debugf(mergedTable) // without what it took
	if p.rests != 0 {
		t.Fatal("rested for another line")
	}
	begin := time.Now()
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			p.Debugf(mergedTable+" %d keys. Skipped %d keys. Iteration took: %v", 1, 2, 3, 4*time.Millisecond)
		})
	}
	all.Wait()
	if d := time.Since(begin); p.rests != 3 || d < 3*restShare*4*time.Millisecond {
		t.Errorf("%d rests in %v", p.rests, d)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.rest(time.Hour)
	}()
	p.close()
	<-done
	p.rest(time.Hour)
}
