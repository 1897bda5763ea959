package bench

import (
	"math/rand/v2"
	"time"

	"github.com/eyrie-dev/eyrie/internal/finetimer"
)

// pace admits operations at a rate, whatever the completions, as long as fewer
// than the case's limit are outstanding: arrivals of a Poisson process. What
// is due while none is free is not made up for later.
type pace struct {
	mean time.Duration // between two operations
	next time.Duration // since the load's base
	free []int         // slots
	due  *finetimer.Timer
}

func newPace(rate float64, slots int) *pace {
	p := &pace{mean: time.Duration(float64(time.Second) / rate), due: finetimer.New()}
	for slot := range slots {
		p.free = append(p.free, slots-1-slot)
	}
	return p
}

// wait draws the time until the next operation.
func (p *pace) wait(random *rand.Rand) time.Duration {
	return time.Duration(random.ExpFloat64() * float64(p.mean))
}

// admit submits what is due, and returns the time until the next operation.
func (l *load) admit() time.Duration {
	p, now, some := l.pace, time.Since(l.base), false
	for p.next <= now {
		if len(p.free) == 0 {
			p.next = now + p.wait(l.draws.random)
			break
		}
		slot := p.free[len(p.free)-1]
		p.free = p.free[:len(p.free)-1]
		l.submit(slot)
		p.next += p.wait(l.draws.random)
		some = true
	}
	if some {
		l.sys.Flush()
	}
	return max(p.next-time.Since(l.base), 0)
}
