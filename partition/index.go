package partition

// index finds the unfinished commands that a new one conflicts with. It is
// empty while nothing is unfinished.
//
// Edges are reduced: of the commands that touch a variable, only the last group
// of those that may overlap, and the one before it, are looked at. What is left
// out follows, since a command starts only after those it waits for have finished.
type index struct {
	// lists are from 1 on, free the numbers of those that are nobody's.
	//
	// Invariant: variables in the state know the numbers of theirs, absent has those of
	// variables that there are not.
	lists  []users
	free   []uint32
	absent map[Key]uint32
	// ranged are the unfinished commands that touch ranges, in order.
	ranged []*command
	// barrier is the last one that conflicts with everything. Commands before
	// it have left the index: waiting for it is waiting for them.
	barrier *command
	epoch   uint32 // barriers so far: lists of another one are none
}

// users are the unfinished commands after the barrier that touch a variable, by
// groups: one writer, or readers in a row, or updates in a row by one operation
// that commutes.
//
// Invariant: each of now, which is not empty, waits for each of before. So when
// the last of now has finished, none of before is left.
type users struct {
	key         Key       // if v is nil
	v           *variable // nil: there is no such variable
	epoch       uint32
	mode        Mode // of now
	now, before []*command
}

func newIndex() *index { return &index{lists: make([]users, 1), absent: make(map[Key]uint32)} }

// live is how many variables unfinished commands touch.
func (ix *index) live() int { return len(ix.lists) - 1 - len(ix.free) }

// number is that of the users of a variable; 0 is none. v is what find returns for k.
func (ix *index) number(k Key, v *variable) (n uint32) {
	switch {
	case v != nil:
		n = v.users
	case len(ix.absent) > 0:
		n = ix.absent[k]
	}
	if ix.lists[n].epoch != ix.epoch {
		return 0
	}
	return n
}

// of are the users of a variable, or nil; they are valid until there are others.
func (ix *index) of(k Key, v *variable) *users {
	if n := ix.number(k, v); n != 0 {
		return &ix.lists[n]
	}
	return nil
}

// add makes users, of nobody yet, of a variable that has none.
func (ix *index) add(k Key, v *variable) (n uint32) {
	if len(ix.free) > 0 {
		n = pop(&ix.free)
	} else {
		n = uint32(len(ix.lists))
		ix.lists = append(ix.lists, users{})
	}
	u := &ix.lists[n]
	u.epoch = ix.epoch
	if u.v = v; v != nil {
		v.users = n
	} else {
		u.key, ix.absent[k] = k, n
	}
	return n
}

// drop makes users free of whom none is left.
func (ix *index) drop(n uint32) {
	u := &ix.lists[n]
	switch { // unless there are others since a barrier
	case u.v != nil && u.v.users == n:
		u.v.users = 0
	case u.v == nil && ix.absent[u.key] == n:
		delete(ix.absent, u.key)
	}
	clear(u.before)
	*u = users{now: u.now, before: u.before[:0]}
	ix.free = append(ix.free, n)
}

// came is told of a variable that is there now, went of one that is no more.
func (ix *index) came(v *variable) {
	k := Key{v.collection, v.name}
	if n, there := ix.absent[k]; there {
		delete(ix.absent, k)
		v.users, ix.lists[n].v, ix.lists[n].key = n, v, Key{}
	}
}

func (ix *index) went(v *variable) {
	n := v.users
	k := Key{v.collection, v.name}
	v.users, ix.lists[n].v, ix.lists[n].key = 0, nil, k
	ix.absent[k] = n
}

// ahead are those that one more has to wait for.
func (u *users) ahead(m Mode) []*command {
	if m.Agrees(u.mode) {
		return u.before
	}
	return u.now
}

// add puts a command, which waits for those ahead, behind the others. One that
// touches the variable in several ways, and waits for all that these have ahead,
// is a writer.
func (u *users) add(c *command, m Mode) {
	switch n := len(u.now); {
	case n == 0:
		u.mode = m
	case u.now[n-1] == c && m.Agrees(u.mode):
		return
	case u.now[n-1] == c:
		u.now[n-1] = nil
		if u.now = u.now[:n-1]; n > 1 {
			u.turn()
		}
		u.mode = ModeWrite
	case !m.Agrees(u.mode):
		u.turn()
		u.mode = m
	}
	u.now = append(u.now, c)
}

// turn begins a new group.
func (u *users) turn() {
	clear(u.before)
	u.before, u.now = u.now, u.before[:0]
}

// enter puts c behind everything it conflicts with and into the index. It
// must come in the order of positions, c not yet in the queue.
func (r *Replica) enter(c *command) {
	if c.barrier {
		r.blockByAll(waiter{c, -1})
	} else {
		if b := r.index.barrier; b != nil {
			block(b, waiter{c, -1})
		}
		for _, i := range c.local {
			r.blockByUsers(waiter{c, -1}, &c.items[i])
		}
	}
	if c.out != nil {
		for i := range c.out.early {
			r.blockRead(c, i)
		}
	}
	r.insert(c)
}

// usersOf are those of an item's variable, or nil.
func (r *Replica) usersOf(it *Item) *users { return r.index.of(it.Key, r.variableOf(it)) }

// variableOf is an item's variable, or nil.
func (r *Replica) variableOf(it *Item) *variable {
	if v := it.found; v != nil && !v.dead {
		return v
	}
	return r.state.find(it.Key)
}

func (r *Replica) insert(c *command) {
	ix := r.index
	if c.barrier {
		clear(ix.ranged)
		ix.ranged = ix.ranged[:0]
		ix.barrier = c
		ix.epoch++
		return
	}
	ranged := false
	for _, i := range c.local {
		it := &c.items[i]
		if it.Range != nil {
			ranged = true
			continue
		}
		v := r.variableOf(it)
		n := ix.number(it.Key, v)
		if n == 0 {
			n = ix.add(it.Key, v)
		}
		c.used = append(c.used, n)
		ix.lists[n].add(c, r.service.mode(it))
	}
	if ranged {
		c.ranged = true
		ix.ranged = append(ix.ranged, c)
	}
}

// remove takes a finished command out of the index.
func (ix *index) remove(c *command) {
	if ix.barrier == c {
		ix.barrier = nil
	}
	for _, n := range c.used {
		u := &ix.lists[n]
		if len(u.now) == 0 {
			continue // it touches the variable in several ways
		}
		u.now, u.before = without(u.now, c), without(u.before, c)
		if len(u.now) == 0 {
			ix.drop(n)
		}
	}
	c.used = c.used[:0]
	if c.ranged {
		ix.ranged = without(ix.ranged, c)
	}
}

func without(list []*command, c *command) []*command {
	for i, e := range list {
		if e == c {
			copy(list[i:], list[i+1:])
			list[len(list)-1] = nil
			return list[:len(list)-1]
		}
	}
	return list
}
