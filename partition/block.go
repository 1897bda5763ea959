package partition

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
			if u := r.usersOf(it); u != nil && len(u.ahead(r.service.mode(it))) > 0 {
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
		if u := r.usersOf(it); u != nil {
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
	r.blockByUsers(w, &c.items[c.out.early[i].item])
}
