package optimistic

import (
	"slices"

	"github.com/eyrie-dev/eyrie/partition"
)

// index finds the open entry that a run has to wait for. It holds those alone
// that could not end at once, so mostly it is empty, and costs nothing.
type index struct {
	r        *partition.Replica
	all      list
	keys     map[partition.Key]*users
	ranged   []*entry // those that touch ranges, in order
	barriers []*entry // those that conflict with every other, in order
	free     []*users
}

// users are the open entries that touch a key, in order.
type users struct{ list []user }

type user struct {
	e    *entry
	mode partition.Mode
}

func (x *index) init(r *partition.Replica) {
	x.r, x.keys = r, make(map[partition.Key]*users)
	x.all.at = func(e *entry) *links { return &e.open }
}

// blocker is the last open entry before e that e conflicts with, or nil: then e
// may start. Runs that do not conflict overtake each other.
func (x *index) blocker(e *entry) (b *entry) {
	if x.all.head == nil || x.all.head.order >= e.order {
		return nil
	}
	if e.run.Barrier() {
		for b = x.all.tail; b.order >= e.order; b = b.open.prev {
		}
		return b
	}
	consider := func(o *entry) {
		if o.order < e.order && (b == nil || o.order > b.order) {
			b = o
		}
	}
	for _, o := range x.barriers {
		consider(o)
	}
	for _, i := range x.r.Local(e.run) {
		it := e.run.Item(i)
		if it.Range != nil {
			for o := x.all.head; o != nil; o = o.open.next {
				if x.touches(o, it, false) {
					consider(o)
				}
			}
			continue
		}
		if u := x.keys[it.Key]; u != nil {
			mode := x.r.Mode(it)
			for j := len(u.list) - 1; j >= 0; j-- {
				if o := &u.list[j]; !mode.Agrees(o.mode) && o.e.order < e.order {
					consider(o.e)
					break
				}
			}
		}
		for _, o := range x.ranged {
			if x.touches(o, it, true) {
				consider(o)
			}
		}
	}
	return b
}

// touches says whether one of o's items, or of its ranges, conflicts with it.
func (x *index) touches(o *entry, it *partition.Item, ranges bool) bool {
	for _, i := range x.r.Local(o.run) {
		if other := o.run.Item(i); (other.Range != nil || !ranges) && x.r.Conflict(it, other) {
			return true
		}
	}
	return false
}

func (x *index) enter(e *entry) {
	e.isOpen = true
	x.all.insert(e)
	if e.run.Barrier() {
		x.barriers = inOrder(x.barriers, e)
		return
	}
	ranged := false
	for _, i := range x.r.Local(e.run) {
		it := e.run.Item(i)
		if it.Range != nil {
			ranged = true
			continue
		}
		u := x.keys[it.Key]
		if u == nil {
			if n := len(x.free); n > 0 {
				u, x.free = x.free[n-1], x.free[:n-1]
			} else {
				u = new(users)
			}
			x.keys[it.Key] = u
		}
		u.add(e, x.r.Mode(it))
	}
	if ranged {
		x.ranged = inOrder(x.ranged, e)
	}
}

func (u *users) add(e *entry, mode partition.Mode) {
	i := len(u.list)
	for i > 0 && u.list[i-1].e.order > e.order {
		i--
	}
	if i > 0 && u.list[i-1].e == e {
		if !mode.Agrees(u.list[i-1].mode) {
			u.list[i-1].mode = partition.ModeWrite
		}
		return
	}
	u.list = slices.Insert(u.list, i, user{e, mode})
}

func inOrder(l []*entry, e *entry) []*entry {
	i := len(l)
	for i > 0 && l[i-1].order > e.order {
		i--
	}
	return slices.Insert(l, i, e)
}

func (x *index) leave(e *entry) {
	e.isOpen = false
	x.all.remove(e)
	is := func(o *entry) bool { return o == e }
	x.barriers = slices.DeleteFunc(x.barriers, is)
	x.ranged = slices.DeleteFunc(x.ranged, is)
	if e.run.Barrier() {
		return
	}
	for _, i := range x.r.Local(e.run) {
		k := e.run.Item(i).Key
		u := x.keys[k]
		if u == nil || e.run.Item(i).Range != nil {
			continue
		}
		u.list = slices.DeleteFunc(u.list, func(o user) bool { return o.e == e })
		if len(u.list) == 0 {
			delete(x.keys, k)
			x.free = append(x.free, u)
		}
	}
}
