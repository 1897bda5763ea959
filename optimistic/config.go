package optimistic

import (
	"errors"
	"fmt"
)

// Config is what a Machine is made of.
type Config struct {
	// Mode is Baseline or Full.
	Mode   Mode
	Tuning Tuning
	// Observe, if not nil, is told what happens, for checkers. It must not call the
	// machine.
	Observe func(Event)
}

// Tuning are a machine's bounds; zero fields take the default.
type Tuning struct {
	// MaxRuns (and the bytes that they keep) may be under way. Beyond it all are
	// given up, and commands wait for their turn until most of those that were
	// opt-delivered meanwhile have had it.
	MaxRuns     int
	MaxRunBytes int
	// MaxEarly messages (and their bytes) are kept of commands that are not yet
	// opt-delivered; then the oldest leave.
	MaxEarly      int
	MaxEarlyBytes int
}

// DefaultTuning gives values that serve.
func DefaultTuning() Tuning {
	return Tuning{MaxRuns: 4096, MaxRunBytes: 64 << 20, MaxEarly: 1 << 13, MaxEarlyBytes: 16 << 20}
}

func (t *Tuning) defaults() {
	d := DefaultTuning()
	for _, f := range []struct {
		v *int
		d int
	}{{&t.MaxRuns, d.MaxRuns}, {&t.MaxRunBytes, d.MaxRunBytes}, {&t.MaxEarly, d.MaxEarly}, {&t.MaxEarlyBytes, d.MaxEarlyBytes}} {
		if *f.v == 0 {
			*f.v = f.d
		}
	}
}

// Validate reports every complaint at once.
func (t Tuning) Validate() error {
	var errs []error
	for _, f := range []struct {
		name string
		v    int
	}{{"MaxRuns", t.MaxRuns}, {"MaxRunBytes", t.MaxRunBytes}, {"MaxEarly", t.MaxEarly}, {"MaxEarlyBytes", t.MaxEarlyBytes}} {
		if f.v < 0 {
			errs = append(errs, fmt.Errorf("optimistic: %s must not be negative, is %d", f.name, f.v))
		}
	}
	return errors.Join(errs...)
}
