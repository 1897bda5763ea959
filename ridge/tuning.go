package ridge

import (
	"errors"
	"fmt"
	"time"
)

// DefaultTuning serves a local network and a state in memory.
func DefaultTuning() Tuning {
	return Tuning{
		FailureTimeout: 500 * time.Millisecond,
		Heartbeat:      125 * time.Millisecond,
		Window:         100 * time.Millisecond,
		Lead:           200 * time.Millisecond,
		MaxAhead:       1200 * time.Millisecond,
		Horizon:        60 * time.Second,
		MaxBatchBytes:  256 << 10,
		MaxBatchCount:  256,
		Pipeline:       4,
		MaxWaiting:     8192,
		MaxWaitingSize: 16 << 20,
		MaxLogBytes:    64 << 20,
		MaxLogCount:    1 << 16,
		MaxMessage:     4 << 20,
		MaxHeld:        1 << 16,
		MaxHeldSize:    32 << 20,
	}
}

// Validate reports every complaint about t, joined.
func (t Tuning) Validate() error {
	var errs []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("ridge tuning: "+format, args...))
		}
	}
	need(t.FailureTimeout >= time.Millisecond, "FailureTimeout %v is below 1ms", t.FailureTimeout)
	need(t.Heartbeat > 0 && t.Heartbeat <= t.FailureTimeout/2,
		"Heartbeat %v is not within (0, FailureTimeout/2 = %v]", t.Heartbeat, t.FailureTimeout/2)
	need(t.Window >= time.Millisecond, "Window %v is below 1ms", t.Window)
	need(t.Window < t.Lead, "Lead %v is not above Window %v", t.Lead, t.Window)
	need(t.Lead < t.MaxAhead, "MaxAhead %v is not above Lead %v", t.MaxAhead, t.Lead)
	need(t.Horizon > t.MaxAhead+t.Window, "Horizon %v is not above MaxAhead + Window = %v", t.Horizon, t.MaxAhead+t.Window)
	need(t.MaxBatchBytes > 0, "MaxBatchBytes %d is not positive", t.MaxBatchBytes)
	need(t.MaxBatchCount > 0, "MaxBatchCount %d is not positive", t.MaxBatchCount)
	need(t.Pipeline > 0 && t.Pipeline <= 1024, "Pipeline %d is not within 1..1024", t.Pipeline)
	need(t.MaxWaiting > 0, "MaxWaiting %d is not positive", t.MaxWaiting)
	need(t.MaxMessage > 0, "MaxMessage %d is not positive", t.MaxMessage)
	need(t.MaxWaitingSize >= t.MaxMessage, "MaxWaitingSize %d is below MaxMessage %d: a message of that size could never wait", t.MaxWaitingSize, t.MaxMessage)
	need(t.MaxLogBytes >= 4*t.MaxMessage && t.MaxLogBytes >= 4*t.MaxBatchBytes,
		"MaxLogBytes %d is below four times MaxMessage %d or MaxBatchBytes %d", t.MaxLogBytes, t.MaxMessage, t.MaxBatchBytes)
	need(t.MaxHeld > 0 && t.MaxHeldSize > 0, "MaxHeld %d or MaxHeldSize %d is not positive", t.MaxHeld, t.MaxHeldSize)
	need(t.MaxLogCount >= 4*t.Pipeline, "MaxLogCount %d is below four times Pipeline %d", t.MaxLogCount, t.Pipeline)
	return errors.Join(errs...)
}
