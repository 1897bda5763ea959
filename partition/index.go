package partition

// index finds the unfinished commands that a new one conflicts with. It is
// empty while nothing is unfinished.
//
// Edges are reduced: a writer waits for the previous writer and the readers
// since; a reader for the last writer. What is left out follows, since a
// command starts only after those before it have finished.
type index struct {
	keys map[Key]*users
	// ranged are the unfinished commands that touch ranges, in order.
	ranged []*command
	// barrier is the last one that conflicts with everything. Commands before
	// it have left the index: waiting for it is waiting for them.
	barrier *command
	free    []*users
}

// users are the unfinished commands after the barrier that touch a key.
type users struct {
	writer  *command // the last, or nil
	readers []*command
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
			if u := r.index.keys[it.Key]; u != nil && (u.writer != nil || it.Write) {
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

func (r *Replica) blockByUsers(w waiter, it *Item) {
	if it.Range == nil {
		if u := r.index.keys[it.Key]; u != nil {
			if u.writer != nil {
				block(u.writer, w)
			}
			if it.Write {
				for _, e := range u.readers {
					block(e, w)
				}
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
	r.blockByUsers(w, &c.items[c.out.early[i].item])
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
	for _, i := range c.local {
		it := &c.items[i]
		if it.Range != nil {
			ranged = true
			continue
		}
		u := ix.keys[it.Key]
		if u == nil {
			u = ix.users()
			ix.keys[it.Key] = u
		}
		if it.Write {
			u.writer = c
			clear(u.readers)
			u.readers = u.readers[:0]
		} else if u.writer != c {
			u.readers = append(u.readers, c)
		}
	}
	if ranged {
		ix.ranged = append(ix.ranged, c)
	}
}

func (ix *index) users() *users {
	if n := len(ix.free); n > 0 {
		u := ix.free[n-1]
		ix.free = ix.free[:n-1]
		return u
	}
	return &users{}
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
	for _, i := range c.local {
		it := &c.items[i]
		if it.Range != nil {
			ranged = true
			continue
		}
		u := ix.keys[it.Key]
		if u == nil {
			continue
		}
		if u.writer == c {
			u.writer = nil
		}
		u.readers = without(u.readers, c)
		if u.writer == nil && len(u.readers) == 0 {
			delete(ix.keys, it.Key)
			ix.free = append(ix.free, u)
		}
	}
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
