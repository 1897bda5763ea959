package node

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// small makes logs so small that who is away for a moment is lost.
func small(c *Config) {
	c.Ridge.MaxLogCount, c.Ridge.Pipeline = 64, 4
	c.Ridge.MaxBatchCount = 4
	c.Transfer.ChunkBytes, c.Transfer.BytesPerSecond = 1<<10, 1<<20
}

// away cuts a process off until the others have forgotten what it lacks.
func (l *lab) away(id ids.Process) {
	l.t.Helper()
	l.cut[id] = true
	l.run(3 * time.Second)
	l.cut[id] = false
}

// A replica that was away for longer than logs reach fetches a state instead of
// stopping, under load, and then holds what the others do. It closes the hole
// that trimming by deliveries leaves without disks.
func TestLostReplicaFetchesAState(t *testing.T) {
	for seed := range uint64(3) {
		l := newLab(t, seed, false, 2, 3, small)
		l.user(2000, 1, 8)
		l.user(2000, 3, 8)
		l.run(time.Second)
		l.away(2)
		l.finish(20 * time.Second)
		if s := l.procs[1].node.Status().Transfer; s.Completed == 0 {
			t.Errorf("seed %d: %+v", seed, s)
		}
	}
}
