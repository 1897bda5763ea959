package partition

// index finds the unfinished commands that a new one conflicts with. It is
// empty while nothing is unfinished.
//
// Edges are reduced: of the commands that touch a variable, only the last group
// of those that may overlap, and the one before it, are looked at. What is left
// out follows, since a command starts only after those it waits for have finished.
type index struct {
	keys map[Key]*users
	// ranged are the unfinished commands that touch ranges, in order.
	ranged []*command
	// barrier is the last one that conflicts with everything. Commands before
	// it have left the index: waiting for it is waiting for them.
	barrier *command
	free    []*users
}

// users are the unfinished commands after the barrier that touch a key, by
// groups: one writer, or readers in a row, or updates in a row by one operation
// that commutes.
//
// Invariant: each of now, which is not empty, waits for each of before. So when
// the last of now has finished, none of before is left.
type users struct {
	key         Key
	mode        Mode // of now
	now, before []*command
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

// block adds an edge.
func block(e *command, w waiter) {
	if w.read < 0 {
		w.c.blockers++
	} else {
		w.c.out.early[w.read].blockers++
	}
	e.waiters = append(e.waiters, w)
}

// blocked says whether a command with these items conflicts with anything
// unfinished; all items are local.
func (r *Replica) blocked(items []Item) bool {
	if r.index.barrier != nil {
		return true
	}
	for i := range items {
		it := &items[i]
		if it.Range == nil {
			if u := r.index.keys[it.Key]; u != nil && len(u.ahead(r.service.mode(it))) > 0 {
				return true
			}
			for _, e := range r.index.ranged {
				if r.rangesConflict(e, it) {
					return true
				}
			}
			continue
		}
		for _, e := range r.queue.all() {
			if !e.finished && r.itemsConflict(e, it) {
				return true
			}
		}
	}
	return false
}

// rangesConflict looks at e's ranges only.
func (r *Replica) rangesConflict(e *command, it *Item) bool {
	for _, j := range e.local {
		if other := &e.items[j]; other.Range != nil && r.service.conflict(it, other) {
			return true
		}
	}
	return false
}

func (r *Replica) itemsConflict(e *command, it *Item) bool {
	for _, j := range e.local {
		if r.service.conflict(it, &e.items[j]) {
			return true
		}
	}
	return false
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
			u := r.index.keys[c.items[i].Key]
			r.blockByUsers(waiter{c, -1}, &c.items[i], u)
			c.used = append(c.used, u)
		}
	}
	if c.out != nil {
		for i := range c.out.early {
			r.blockRead(c, i)
		}
	}
	r.insert(c)
}

// blockByAll: behind every unfinished command; the last barrier stands for
// those before it.
func (r *Replica) blockByAll(w waiter) {
	all := r.queue.all()
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].finished {
			continue
		}
		block(all[i], w)
		if all[i].barrier {
			return
		}
	}
}

// blockByUsers: u are those of the item's variable, if it is one and there are any.
func (r *Replica) blockByUsers(w waiter, it *Item, u *users) {
	if it.Range == nil {
		if u != nil {
			for _, e := range u.ahead(r.service.mode(it)) {
				block(e, w)
			}
		}
		for _, e := range r.index.ranged {
			if r.rangesConflict(e, it) {
				block(e, w)
			}
		}
		return
	}
	for _, e := range r.queue.all() {
		if !e.finished && r.itemsConflict(e, it) {
			block(e, w)
		}
	}
}

// blockRead puts an early read behind every unfinished command that may write
// what it reads; every command without exact access may.
func (r *Replica) blockRead(c *command, i int) {
	w := waiter{c, int32(i)}
	if b := r.index.barrier; b != nil {
		block(b, w)
	}
	it := &c.items[c.out.early[i].item]
	r.blockByUsers(w, it, r.index.keys[it.Key])
}

func (r *Replica) insert(c *command) {
	ix := &r.index
	if c.barrier {
		clear(ix.keys)
		clear(ix.ranged)
		ix.ranged = ix.ranged[:0]
		ix.barrier = c
		return
	}
	ranged := false
	for j, i := range c.local {
		it := &c.items[i]
		if it.Range != nil {
			ranged = true
			c.used[j] = nil
			continue
		}
		u := c.used[j]
		if u == nil { // unless the command itself has just brought them
			if u = ix.keys[it.Key]; u == nil {
				u = ix.users(it.Key)
			}
			c.used[j] = u
		}
		u.add(c, r.service.mode(it))
	}
	if ranged {
		ix.ranged = append(ix.ranged, c)
	}
}

// users are new ones, of nobody yet.
func (ix *index) users(k Key) *users {
	u := pop(&ix.free)
	if u == nil {
		u = new(users)
	}
	u.key, ix.keys[k] = k, u
	return u
}

// remove takes a finished command out of the index.
func (ix *index) remove(c *command) {
	if ix.barrier == c {
		ix.barrier = nil
	}
	if c.barrier {
		return
	}
	ranged := false
	for _, u := range c.used {
		if u == nil {
			ranged = true
			continue
		}
		u.now, u.before = without(u.now, c), without(u.before, c)
		// Those of before a barrier are in keys no more.
		if len(u.now) == 0 && ix.keys[u.key] == u {
			clear(u.before)
			u.before = u.before[:0]
			delete(ix.keys, u.key)
			ix.free = append(ix.free, u)
		}
	}
	clear(c.used)
	c.used = c.used[:0]
	if ranged {
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
