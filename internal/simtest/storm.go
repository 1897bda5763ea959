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

// full leaves a disk no room, or only for what is there, for a while.
func (st *storm) full(d *disk) {
	d.store.Room = 1
	if st.r.IntN(2) == 0 {
		d.fs.SetCapacity(1)
	}
	if st.r.IntN(2) == 0 { // its process has noticed in time
		d.c.roomFor(d, false)
	}
	st.c.world.After(between(st.r, 0, 8*st.c.shape.Ridge.FailureTimeout), d.room)
}

// room gives a disk all the room that it needs again.
func (d *disk) room() {
	d.store.Room = 0
	d.fs.SetCapacity(0)
	d.c.roomFor(d, true)
}

// roomFor tells the process of a disk whether there is room on it: as it is when
// the process takes notice, since one that is paused may take notice of the first
// news after the last.
func (c *cluster) roomFor(d *disk, room bool) {
	d.full = !room
	for _, s := range c.servers {
		if s.disk == d && s.up() {
			c.world.Do(s.id, 0, func(hlc.Now) { s.driver.node.Full(d.full) })
		}
	}
}

// spoil damages a disk. At most f of a partition's are.
func (st *storm) spoil(h havoc, s *server) bool {
	c, d := st.c, s.disk
	if d.spoiled == "" && c.faulty(s.part) >= c.f() {
		return false
	}
	if h == havocWipe {
		c.cut(s, true)
		return st.wipe(s)
	}
	if !st.damage(h, d) {
		return false
	}
	d.spoiled = h.String()
	c.world.Note(s.id, 0, d.spoiled)
	if h != havocLie && h != havocShift || st.r.IntN(2) == 0 {
		c.world.After(time.Duration(st.r.Int64N(int64(c.shape.Ridge.FailureTimeout))), func() {
			if s.up() {
				c.cut(s, true)
			}
		})
	}
	return true
}

// wipe has a process come back with an empty disk: it must be refused [R5].
func (st *storm) wipe(s *server) bool {
	c := st.c
	blank := &disk{c: c, rand: s.disk.rand, slow: 1, ghost: s.disk}
	if err := blank.format(); err != nil {
		c.fail(err)
		return true
	}
	next := &server{c: c, id: s.id, process: s.process, part: s.part, life: s.life, disk: blank, node: s.node, log: s.log, forgetful: true, stopped: errDisk}
	c.servers[s.id] = next
	c.later(next, c.absence())
	return true
}

// damage does it.
func (st *storm) damage(h havoc, d *disk) bool {
	var segments []string
	names, err := d.fs.List("journal")
	if err != nil {
		return false
	}
	for _, n := range names {
		if n != "lock" {
			segments = append(segments, "journal/"+n)
		}
	}
	name := segments[st.r.IntN(len(segments))]
	switch h {
	case havocFlip:
		return st.flip(d, name)
	case havocLose:
		d.fs.Lose(name)
	case havocSwap:
		other := segments[st.r.IntN(len(segments))]
		if other == name {
			return false
		}
		d.fs.Swap(name, other)
	case havocShift, havocLie:
		kind, n, shift := vfs.OpWrite, 1+st.r.IntN(3), int64(512*(1+st.r.IntN(4)))
		if h == havocLie {
			kind, d.lied = vfs.OpSync, true
		}
		d.fs.Hook(func(op vfs.Op) (out vfs.Outcome) {
			if op.Kind != kind {
				return out
			}
			if n--; n == 0 {
				out.Lie = h == havocLie
				if h == havocShift {
					out.Shift = shift
				}
			}
			return out
		})
	case havocStore:
		size := d.store.Size()
		if size == 0 {
			return false
		}
		d.store.Flip(st.r.Uint64N(size))
	}
	return true
}

// flip turns a bit of a file over, mostly where something is written.
func (st *storm) flip(d *disk, name string) bool {
	f, err := d.fs.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil || size == 0 {
		return false
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil {
		return false
	}
	at := st.r.Int64N(size)
	for try := 0; try < 20 && b[at] == 0; try++ {
		at = st.r.Int64N(size)
	}
	return d.fs.Flip(name, at, st.r.IntN(8)) == nil
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
