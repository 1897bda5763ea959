package finetimer

import (
	"runtime"
	"slices"
	"testing"
	"time"
)

// Short waits last as long as they should, in a program that is idle. Of many
// the shortest counts: another program may have the processor.
func TestPrecise(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("no descriptors for timers here")
	}
	timer := New()
	defer timer.Close()
	for _, d := range []time.Duration{50 * time.Microsecond, 500 * time.Microsecond} {
		var took []time.Duration
		for range 50 {
			begin := time.Now()
			timer.Reset(d)
			<-timer.C
			took = append(took, time.Since(begin))
		}
		least := slices.Min(took)
		if least < d || least > d+400*time.Microsecond {
			t.Errorf("a wait of %v took %v at least", d, least)
		}
	}
}

// A later setting replaces an earlier one, short or long.
func TestReset(t *testing.T) {
	timer := New()
	defer timer.Close()
	for _, c := range []struct{ first, second time.Duration }{
		{time.Hour, time.Millisecond}, {time.Millisecond, 30 * time.Millisecond}, {30 * time.Millisecond, time.Millisecond},
		{2 * time.Millisecond, time.Millisecond}, {time.Hour, 0}, {time.Hour, 10 * time.Millisecond},
	} {
		begin := time.Now()
		timer.Reset(c.first)
		timer.Reset(c.second)
		<-timer.C
		if took := time.Since(begin); took < c.second || took > c.second+10*time.Second {
			t.Errorf("%v, then %v: took %v", c.first, c.second, took)
		}
		select {
		case <-timer.C:
			t.Errorf("%v, then %v: fired twice", c.first, c.second)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func TestClose(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 100 {
		timer := New()
		timer.Reset(time.Millisecond)
		timer.Close()
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before+10; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}
