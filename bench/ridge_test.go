package bench

import (
	"testing"
	"time"
)

// Ridge alone behind the interface: every operation completes, whoever proposes,
// whatever the number of groups, destinations and bytes.
func TestRidge(t *testing.T) {
	for name, c := range map[string]struct {
		make func(Case) System
		c    Case
	}{
		"one group":         {NewRidge, Case{Partitions: 1, Replicas: 3, Size: 100, Outstanding: 8}},
		"waiting":           {NewRidge, Case{Partitions: 1, Replicas: 3, Size: 16, Outstanding: 8, Workers: true}},
		"loopback":          {NewLoopback, Case{Partitions: 1, Replicas: 3, Size: 64_000, Outstanding: 8}},
		"large":             {NewRidge, Case{Partitions: 1, Replicas: 3, Size: 64_000, Outstanding: 8}},
		"remote":            {NewRidgeRemote, Case{Partitions: 1, Replicas: 3, Size: 100, Outstanding: 8}},
		"delayed":           {NewRidgeRemote, Case{Partitions: 1, Replicas: 3, Size: 100, Outstanding: 8, Delay: time.Millisecond}},
		"two groups":        {NewRidge, Case{Partitions: 2, Replicas: 3, Size: 100, Outstanding: 8, MultiShare: 0.5}},
		"three of four":     {NewRidge, Case{Partitions: 4, Replicas: 3, Size: 100, Outstanding: 8, MultiShare: 0.5, Destinations: 3}},
		"learners":          {NewRidge, Case{Partitions: 1, Replicas: 5, Size: 100, Outstanding: 8}},
		"optimistic":        {NewEarly, Case{Partitions: 1, Replicas: 3, Size: 100, Outstanding: 16}},
		"optimistic merge":  {NewEarly, Case{Partitions: 2, Replicas: 3, Size: 100, Outstanding: 16, MultiShare: 0.1, Delay: time.Millisecond / 2}},
		"optimistic to all": {NewEarlyAll, Case{Partitions: 1, Replicas: 3, Size: 100, Outstanding: 16}},
		"several remote":    {NewLate, Case{Partitions: 1, Replicas: 3, Size: 100, Outstanding: 16}},
		"two groups remote": {NewRidgeRemote, Case{Partitions: 2, Replicas: 3, Size: 100, Outstanding: 8, MultiShare: 0.5}},
	} {
		t.Run(name, func(t *testing.T) {
			s, r := briefly(t, c.make, c.c)
			if !sooner(s, r) {
				t.Errorf("first answer after %v, certain after %v: %+v", r.Early.Quantile(0.5), r.Latency.Quantile(0.5), r.Order)
			}
			if p50 := time.Duration(r.Latency.Quantile(0.5)); p50 < 3*c.c.Delay {
				t.Errorf("p50 is %v, with three delays of %v", p50, c.c.Delay)
			}
		})
	}
}

// sooner says whether first answers, if there are any, came before the certain ones,
// and mostly before the order, at the replicas that get copies: all, or one of three.
func sooner(s System, r *Result) bool {
	early, ok := s.(*earlyRidge)
	if !ok {
		return true
	}
	o := r.Order
	before, copies := o.Compared-o.Forced, o.Compared
	if !early.castAll {
		copies /= 3
	}
	return r.Early.Quantile(0.5) < r.Latency.Quantile(0.5) && o.Compared > 0 && before >= copies/2
}

// briefly measures a system that works: it starts, every operation completes,
// and it ends without an error.
func briefly(t *testing.T, make func(Case) System, c Case) (System, *Result) {
	t.Helper()
	s := make(c)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var r *Result
	patiently(200*time.Millisecond, func(window time.Duration) bool {
		r = measure(t.Context(), s, c, Phases{Measure: window, Drain: 10 * time.Second}, 1)
		return r.Errors > 0 || r.Latency.Total() >= fewest && sooner(s, r)
	})
	if r.Errors > 0 || r.Latency.Total() == 0 {
		t.Errorf("%d operations, %d errors: %v", r.Latency.Total(), r.Errors, r.First)
	}
	return s, r
}

// What the coordinator loses is multicast again.
func TestLostIsMulticastAgain(t *testing.T) {
	for _, size := range []int{100, 64_000} {
		s := &Ridge{c: Case{Partitions: 1, Replicas: 3, Size: size, Outstanding: 4}}
		t.Cleanup(func() { s.Close() })
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 4)
		for slot := range 4 {
			s.Submit(Op{Slot: slot, Key: uint32(slot), Value: make([]byte, size)}, func(err error) { done <- err })
		}
		p := s.local[0]
		p.mu.Lock()
		p.batches, p.pending = nil, nil // lost
		p.mu.Unlock()
		for range 4 {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
	}
}
