package simtest

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/journal"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/sim"
	"github.com/eyrie-dev/eyrie/internal/vfs"
)

// down counts a partition's processes that do not live.
func (c *cluster) down(p ids.Partition) (n int) {
	for _, s := range c.servers {
		if s.part == p && !s.up() {
			n++
		}
	}
	return n
}

// faulty counts a partition's processes that are down for good, or whose disks
// have lost something.
func (c *cluster) faulty(p ids.Partition) (n int) {
	for _, s := range c.servers {
		if s.part == p && (s.forgetful || s.disk.dead != nil || s.disk.spoiled != "") {
			n++
		}
	}
	return n
}

// f is how many processes of a partition may be lost for good.
func (c *cluster) f() int { return (c.shape.Replicas - 1) / 2 }

// spare says whether a process may crash. One with a disk always may. Without,
// f of a partition may, if another has all that it has: what it has
// acknowledged may be trimmed at any time after.
func (c *cluster) spare(id sim.ID) bool {
	victim := c.servers[id]
	if !victim.up() {
		return false
	}
	if c.shape.Disks.Durable {
		return true
	}
	if c.down(victim.part) >= c.f() {
		return false
	}
	slack := ids.Instance(0)
	if !c.smallLog() {
		slack = 200
	}
	at := victim.node.Status().Ridge.Ensembles
	for _, s := range c.servers {
		if s == victim || s.part != victim.part || !s.up() || s.node.Status().Transfer.Lacks != "" {
			continue
		}
		fit := true
		for i, e := range s.node.Status().Ridge.Ensembles {
			fit = fit && (i >= len(at) || e.Delivered+slack >= at[i].Delivered)
		}
		if fit {
			return true
		}
	}
	return false
}

func (c *cluster) smallLog() bool {
	return c.shape.Ridge.MaxLogCount < 1000 || c.shape.Ridge.MaxLogBytes < 1<<20
}

// crash ends a process. A durable one is started again from its disk. In some
// runs a memory-only one is started too, having forgotten everything, and must
// be refused [R5].
func (c *cluster) crash(id sim.ID) {
	old := c.servers[id]
	if old.disk != nil {
		c.cut(old, c.rand.IntN(4) > 0)
		return
	}
	c.world.Crash(id)
	c.crashes++
	if !c.shape.Restarts {
		return
	}
	c.world.After(between(c.rand, 0, c.shape.Ridge.FailureTimeout*4), func() {
		s := &server{c: c, id: id, process: old.process, part: old.part, life: old.life + 1, forgetful: true}
		c.servers[id] = s
		if err := s.boot(); err != nil {
			c.fail(err)
			return
		}
		c.world.Restart(id, s.incarnation(), s)
	})
}

// cut crashes a durable process, with its machine if power is set, and has it
// start again after a while.
func (c *cluster) cut(s *server, power bool) {
	if !s.alive() {
		return
	}
	c.checks.durable(s.part)
	c.crashes++
	s.over()
	c.world.Crash(s.id)
	s.disk.end(s.driver, power)
	c.world.Note(s.id, 0, "its disk has what it had")
	c.later(s, c.absence())
}

// ended takes the end of a core that stopped by itself.
func (c *cluster) ended(s *server) {
	if !s.alive() {
		return
	}
	s.over()
	c.world.Crash(s.id)
	if s.disk == nil {
		return
	}
	s.disk.end(s.driver, c.rand.IntN(4) == 0)
	if s.disk.dead != nil {
		return
	}
	if errors.Is(s.stopped, errDisk) {
		s.disk.stats.Errors++
		c.later(s, c.absence())
	}
}

// absence is how long a process is down: mostly not long.
func (c *cluster) absence() time.Duration {
	t := c.shape.Ridge.FailureTimeout
	if c.rand.IntN(4) == 0 {
		return between(c.rand, 0, 16*t)
	}
	return between(c.rand, 0, 2*t)
}

// later starts a process again in d, or as soon as all faults are healed.
func (c *cluster) later(s *server, d time.Duration) {
	if c.healed > 0 {
		d = min(d, 50*ms)
	}
	s.disk.due = c.world.Now() + d
	c.world.At(s.disk.due, func() { c.restart(s) })
}

// restart starts a process from its disk. It is older unless it is the last
// life of its process.
func (c *cluster) restart(older *server) {
	d := older.disk
	if c.servers[older.id] != older || d.dead != nil || c.world.Alive(older.id) {
		return
	}
	s := &server{c: c, id: older.id, process: older.process, part: older.part, life: older.life + 1, disk: d, forgetful: older.forgetful}
	err := s.boot()
	if err == nil {
		d.stats.Restarts++
		c.servers[s.id] = s
		c.world.Restart(s.id, s.incarnation(), s)
		c.checks.resumed(s)
		return
	}
	older.life = s.life
	c.world.Note(s.id, 0, "does not start: "+err.Error())
	d.end(s.driver, true)
	var lost *lostRecords
	switch {
	case errors.Is(err, errTorn), errors.Is(err, vfs.ErrFull), errors.Is(err, syscall.EIO):
		c.later(older, c.absence())
	case errors.As(err, &lost) && d.lied:
		d.stats.Unnoticed++
		d.dead = err
	case d.spoiled != "" && explained(err):
		d.stats.Refused++
		d.dead = err
	default:
		c.fail(fmt.Errorf("restart: process %d (%s): %w", s.process, d.spoiled, err))
	}
}

// explained says whether an error is one of those that a damaged disk may end
// with.
func explained(err error) bool {
	return errors.Is(err, journal.ErrAmnesia) || errors.Is(err, journal.ErrForeign) || errors.Is(err, node.ErrDirectory) ||
		errors.Is(err, fs.ErrNotExist) // a directory that had a journal and has none
}

func (c *cluster) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}
