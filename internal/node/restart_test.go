package node

import (
	"testing"
	"time"
)

// restart ends a process and starts it again from its disk a while later.
func (l *lab) restart(m *proc, pause time.Duration) {
	m.crash()
	l.run(pause)
	m.start()
}

// One process after another restarts under load; nothing is lost or done twice.
func TestRestartOfOne(t *testing.T) {
	for seed := range uint64(3) {
		l := newLab(t, seed, true, 2, 3)
		l.user(1500, 1, 8)
		l.user(1500, 3, 8)
		l.run(time.Second)
		for _, m := range l.procs {
			l.restart(m, 500*time.Millisecond)
			l.run(500 * time.Millisecond)
		}
		l.finish(20 * time.Second)
	}
}

// Scenarios 38 and 39: everything loses power at once, several times.
func TestRestartOfAll(t *testing.T) {
	for seed := range uint64(3) {
		l := newLab(t, seed, true, 2, 3, frequent)
		l.user(1500, 1, 8)
		l.user(1500, 3, 8)
		for range 4 {
			l.run(time.Duration(200+l.rng.IntN(800)) * time.Millisecond)
			for _, m := range l.procs {
				m.crash()
			}
			for _, i := range l.rng.Perm(len(l.procs)) {
				l.run(time.Duration(l.rng.IntN(100)) * time.Millisecond)
				l.procs[i].start()
			}
		}
		l.finish(20 * time.Second)
	}
}

// frequent makes checkpoints every few dozen commands.
func frequent(c *Config) {
	c.Ridge.MaxLogCount, c.Ridge.Pipeline, c.Ridge.MaxBatchCount = 256, 8, 4
	c.Partition.MaxOutbox = 256
}
