package simtest

import (
	"math/rand/v2"
	"time"

	"github.com/eyrie-dev/eyrie/internal/journal"
	"github.com/eyrie-dev/eyrie/internal/node"
)

// drawDisks draws whether processes have disks, and what happens to these. Its
// draws are its own: the rest of the shape does not depend on them, but for what
// a run with disks needs to be of any use.
func (s *Shape) drawDisks(r *rand.Rand) {
	d := &s.Disks
	d.Durable = r.IntN(2) == 0
	d.Sync = pick(r, 50*time.Microsecond, 300*time.Microsecond, 2*ms)
	d.Job = pick(r, 100*time.Microsecond, ms, 10*ms)
	d.Early = r.IntN(2) == 0
	d.Journal = journal.Options{
		SegmentSize: pick(r, int64(4<<10), 16<<10, 64<<10, 512<<10), Keep: 2 + r.IntN(3),
		FrontierEvery: pick(r, 10*ms, 100*ms, time.Second),
	}
	s.Transfer = node.TransferTuning{
		ChunkBytes: pick(r, 200, 2<<10, 128<<10), Outstanding: 1 + r.IntN(4), BytesPerSecond: pick(r, 200<<10, 32<<20),
	}
	d.Storm.Every = pick(r, 100*ms, 300*ms, time.Second)
	share := 1 + r.IntN(4)
	for h := range d.Storm.Weights {
		on, weight := r.IntN(4) < share, 1<<r.IntN(4)
		if on {
			d.Storm.Weights[h] = weight
		}
	}
	if r.IntN(8) == 0 {
		d.Storm.Weights = [havocs]int{}
	}
	if !d.Durable {
		return
	}
	// Checkpoints go by the room in logs and outboxes.
	s.Ridge.MaxLogCount = max(4*s.Ridge.Pipeline, pick(r, 64, 256, 1024, s.Ridge.MaxLogCount))
	// What is given up while everything is down proves little.
	h := max(s.Ridge.Horizon, pick(r, 5*time.Second, 20*time.Second, 60*time.Second))
	s.Ridge.Horizon, s.Partition.Horizon, s.Client.Horizon = h, h, h
}
