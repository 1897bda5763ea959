package simtest

import (
	"math/rand/v2"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/vfs"
)

// havoc is a kind of fault of machines and their disks.
type havoc int

const (
	havocOne        havoc = iota // crash one process
	havocPartition               // all replicas of a partition
	havocQuorum                  // f+1 of them, which are an ensemble's quorum
	havocAll                     // everything
	havocSome                    // any half
	havocStop                    // a process is stopped cleanly
	havocCheckpoint              // a checkpoint is wanted now
	havocError                   // an operation on a disk fails
	havocStoreError              // writing a checkpoint fails
	havocFull                    // a disk is full for a while
	havocSlow                    // a disk is up to a hundred times slower for a while
	havocFlip                    // a bit of the journal flips
	havocLose                    // a file of the journal is lost
	havocSwap                    // two of its files have each other's name
	havocShift                   // a write goes elsewhere
	havocLie                     // a sync does nothing
	havocStore                   // a bit of the checkpoints flips
	havocWipe                    // the disk is replaced by an empty one
	havocs                       // their number
)

var havocNames = [havocs]string{"crash and restart", "crash of a partition", "crash of a quorum", "crash of everything", "crash of some",
	"clean stop", "checkpoint at once", "disk error", "checkpoint error", "disk full", "slow disk", "journal: flipped bit", "journal: lost file",
	"journal: swapped files", "journal: misplaced write", "journal: lying sync", "checkpoint: flipped bit", "wiped disk"}

func (h havoc) String() string { return havocNames[h] }

// Storm is how often each fault of machines and disks comes.
type Storm struct {
	Weights [havocs]int
	Every   time.Duration
}

// storm does faults to machines and disks until it is stopped.
type storm struct {
	c       *cluster
	r       *rand.Rand
	plan    Storm
	total   int
	stopped bool
	done    [havocs]int
}

// brew starts a storm.
func (c *cluster) brew() *storm {
	st := &storm{c: c, r: newRand(c.seed, 0x73746f726d), plan: c.shape.Disks.Storm}
	for _, w := range st.plan.Weights {
		st.total += w
	}
	if c.shape.Disks.Durable && st.total > 0 {
		st.next()
	}
	return st
}

func (st *storm) next() {
	every := st.plan.Every
	st.c.world.After(every/4+time.Duration(st.r.Int64N(int64(every)*3/2+1)), func() {
		if st.stopped {
			return
		}
		x, h := st.r.IntN(st.total), havoc(0)
		for x >= st.plan.Weights[h] {
			x -= st.plan.Weights[h]
			h++
		}
		if st.strike(h) {
			st.done[h]++
		}
		st.next()
	})
}

// victim is any process that is up.
func (st *storm) victim() *server {
	s := st.c.servers[st.r.IntN(len(st.c.servers))]
	if !s.up() {
		return nil
	}
	return s
}

// crash ends the processes that are chosen, all at once or one after another.
func (st *storm) crash(chosen func(*server) bool) bool {
	c, any := st.c, false
	power := st.r.IntN(4) > 0
	spread := time.Duration(0)
	if st.r.IntN(2) == 0 {
		spread = c.shape.Ridge.FailureTimeout / 2
	}
	for _, i := range st.r.Perm(len(c.servers)) {
		s := c.servers[i]
		if !chosen(s) || !s.up() {
			continue
		}
		any = true
		aimed := st.r.IntN(2) == 0
		c.world.After(time.Duration(st.r.Int64N(int64(spread)+1)), func() { st.cut(s, power, aimed) })
	}
	return any
}

// cut crashes a process: now, or when it next writes.
func (st *storm) cut(s *server, power, aimed bool) {
	c := st.c
	if aimed && s.up() {
		s.driver.amid = func(within time.Duration) {
			c.world.After(time.Duration(st.r.Int64N(int64(within)+1)), func() { c.cut(s, power) })
		}
		c.world.After(100*ms, func() { c.cut(s, power) })
		return
	}
	c.cut(s, power)
}

func (st *storm) strike(h havoc) bool {
	c := st.c
	part := ids.Partition(st.r.IntN(c.shape.Partitions))
	switch h {
	case havocPartition:
		return st.crash(func(s *server) bool { return s.part == part })
	case havocQuorum:
		n := c.f() + 1
		return st.crash(func(s *server) bool {
			if s.part == part {
				n--
			}
			return s.part == part && n >= 0
		})
	case havocAll:
		return st.crash(func(*server) bool { return true })
	case havocSome:
		mask := st.r.Uint64()
		return st.crash(func(s *server) bool { return mask>>uint(s.process%64)&1 == 1 })
	}
	s := st.victim()
	if s == nil {
		return false
	}
	if h >= havocFlip {
		return st.spoil(h, s)
	}
	d := s.disk
	switch h {
	case havocOne:
		st.cut(s, st.r.IntN(4) > 0, st.r.IntN(2) == 0)
	case havocStop:
		s.driver.stop(0)
	case havocCheckpoint:
		c.world.Do(s.id, 0, func(now hlc.Now) { s.driver.node.Stop(now) })
	case havocError:
		kinds := []vfs.OpKind{vfs.OpWrite, vfs.OpWrite, vfs.OpSync, vfs.OpSync, vfs.OpCreate, vfs.OpAllocate, vfs.OpRemove, vfs.OpSyncDir}
		d.fs.Fail(kinds[st.r.IntN(len(kinds))], 1+st.r.IntN(3))
	case havocStoreError:
		n := st.r.IntN(4)
		d.store.Fail = func() error {
			if n--; n >= 0 {
				return nil
			}
			d.store.Fail = nil
			return vfs.IOError(vfs.Op{Kind: vfs.OpWrite, Name: "checkpoint"})
		}
	case havocFull:
		st.full(d)
	case havocSlow:
		d.slow = pick(st.r, 3, 10, 100)
		c.world.After(between(st.r, 0, 8*c.shape.Ridge.FailureTimeout), func() { d.slow = 1 })
	}
	return true
}

// calm ends the storm: disks are as they should be, and all that is down and may
// start again does.
func (st *storm) calm() {
	st.stopped = true
	for _, s := range st.c.servers {
		d := s.disk
		if d == nil {
			continue
		}
		d.room()
		d.fs.Hook(nil)
		d.slow, d.store.Fail = 1, nil
		if !st.c.world.Alive(s.id) {
			st.c.later(s, 0)
		}
	}
}
