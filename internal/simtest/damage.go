package simtest

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/vfs"
)

// full leaves a disk no room, or only for what is there, for a while.
func (st *storm) full(d *disk) {
	d.store.Room = 1
	if st.r.IntN(2) == 0 {
		d.fs.SetCapacity(1)
		d.tight = true
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
	d.tight = false
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
