package web

import (
	"slices"
	"sync"
	"time"
)

// latencies are those of the newest actions of this server's users.
type latencies struct {
	mu      sync.Mutex
	newest  [256]Times // a ring
	next    int
	count   int
	actions uint64
	early   uint64
	wrong   uint64 // optimistic replies that differed
}

// Latencies sums up the newest actions (at most 256) of this server's users.
type Latencies struct {
	// Actions so far; Early of them had an optimistic reply first, of which
	// Wrong differed from the conservative one.
	Actions uint64 `json:"actions"`
	Early   uint64 `json:"early"`
	Wrong   uint64 `json:"wrong"`
	// Milliseconds: medians and 99th percentiles; left out without any.
	Optimistic   *Percentiles `json:"optimistic,omitempty"`
	Conservative *Percentiles `json:"conservative,omitempty"`
}

// Percentiles in milliseconds.
type Percentiles struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}

func newLatencies() *latencies { return &latencies{} }

func (l *latencies) add(t Times) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.newest[l.next] = t
	l.next = (l.next + 1) % len(l.newest)
	l.count = min(l.count+1, len(l.newest))
	l.actions++
	if t.Early {
		l.early++
		if !t.Agreed {
			l.wrong++
		}
	}
}

func (l *latencies) sum() Latencies {
	l.mu.Lock()
	defer l.mu.Unlock()
	var early, late []time.Duration
	for _, t := range l.newest[:l.count] {
		late = append(late, t.Conservative)
		if t.Early {
			early = append(early, t.Optimistic)
		}
	}
	return Latencies{
		Actions: l.actions, Early: l.early, Wrong: l.wrong,
		Optimistic: percentiles(early), Conservative: percentiles(late),
	}
}

func percentiles(all []time.Duration) *Percentiles {
	if len(all) == 0 {
		return nil
	}
	slices.Sort(all)
	at := func(q float64) float64 { return milliseconds(all[min(int(q*float64(len(all))), len(all)-1)]) }
	return &Percentiles{P50: at(0.5), P99: at(0.99)}
}
