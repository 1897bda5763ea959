package bench

import (
	"strings"
	"testing"
	"time"
)

// A steady load, a fault at 1 s, nothing for 400 ms, half for 300 ms, and then
// all of it again.
func TestFailureThroughput(t *testing.T) {
	const fault, end = time.Second, 3 * time.Second
	var at []time.Duration
	for now := time.Duration(0); now < end; now += time.Millisecond {
		since := now - fault
		if since >= 0 && (since < 400*time.Millisecond || since < 700*time.Millisecond && now%(2*time.Millisecond) != 0) {
			continue
		}
		at = append(at, now)
	}
	f := &Failure{SlotMS: 50}
	f.throughput(at, 100*time.Millisecond, fault, end)
	if f.Fault != 18 || len(f.Slots) != 58 || f.Before != 1000 || f.After != 1000 {
		t.Errorf("%+v", f)
	}
	if f.RecoveryMS != 600 || f.GapMS != 400 {
		t.Errorf("back after %v ms, gap %v ms", f.RecoveryMS, f.GapMS)
	}
	f = &Failure{SlotMS: 50}
	f.throughput(at[:1000], 100*time.Millisecond, fault, end)
	if f.RecoveryMS >= 0 || f.GapMS < 1999 {
		t.Errorf("back after %v ms, gap %v ms, although nothing came", f.RecoveryMS, f.GapMS)
	}
	var out strings.Builder
	if err := writeFailures(&out, []*Failure{f}); err != nil || !strings.Contains(out.String(), "never") {
		t.Errorf("%v %s", err, out.String())
	}
}

// Every scenario runs, and the service goes on.
func TestFailover(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds of load")
	}
	for _, sc := range scenarios {
		if !patiently(2*time.Second, func(window time.Duration) bool {
			f, err := fail(t.Context(), sc, Case{Partitions: 1, Replicas: 3, Size: 100, Outstanding: 8}, 300*time.Millisecond, window)
			if err != nil {
				t.Fatalf("%s: %v", sc.name, err)
			}
			if f.LogMost == 0 || f.HeapMost == 0 {
				t.Errorf("%s: %+v", sc.name, f)
			}
			return f.After > 0
		}) {
			t.Errorf("%s: the service does not go on", sc.name)
		}
	}
}
