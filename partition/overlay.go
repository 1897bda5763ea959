package partition

// overlay is what unconfirmed runs wrote to variables held here: a stack of
// layers for each, in the order of the runs. It is kept for runs to read, and no
// other code looks at it.
//
// Invariant: variables in the state know the numbers of their stacks, absent has
// those of variables that there are not. A stack is not empty.
type overlay struct {
	stacks []stack // from 1 on
	free   []uint32
	absent map[Key]uint32
	counts []int // stacks by collection
	// relay makes a layer of operations that of another value below it.
	relay func(k Key, l *layer, old []byte, in *room, ok bool)
}

type stack struct {
	key  Key
	v    *variable // nil: there is no such variable
	last *layer    // that of the last run; first has no prev
	// moved: something below a layer is not what it was made of. Commands that
	// update a variable by an operation that commutes end in any order: what one has
	// left in the state must not be hidden by the layers of those before it.
	moved bool
	// lazy: it and the layers of operations above it are not made: mostly their
	// commands have their turn before anybody reads the variable.
	lazy *layer
}

// layer is one variable after one run.
type layer struct {
	stack      uint32
	prev, next *layer
	order      uint64 // of the run
	ok         bool
	value      []byte
	in         *room // that the value is in, if any
	// applied: the value comes from operations on old, of which the code has seen
	// nothing. Another old makes another value, and the run is right all the same.
	// Not before it is made has it an old, and a value.
	applied bool
	made    bool
	oldOK   bool
	old     []byte
	ops     []applied // on old
	panics  uint64    // of the operations
}

func newOverlay(collections int) overlay {
	return overlay{stacks: make([]stack, 1), absent: make(map[Key]uint32), counts: make([]int, collections)}
}

// number is that of a variable's stack, or zero.
func (o *overlay) number(k Key, v *variable) uint32 {
	switch {
	case v != nil:
		return v.stack
	case len(o.absent) > 0:
		return o.absent[k]
	}
	return 0
}

// top is the last layer of a stack of the runs before one, or nil.
func (o *overlay) top(number uint32, before uint64) *layer {
	if st := &o.stacks[number]; st.moved || st.lazy != nil {
		o.rebase(st)
	}
	l := o.stacks[number].last
	for l != nil && l.order >= before {
		l = l.prev
	}
	return l
}

// rebase makes layers of operations, and makes them anew where what is below has
// changed. What was read of them stays as it is: who looks again finds that it
// differs.
func (o *overlay) rebase(st *stack) {
	l := st.lazy
	if st.moved {
		l = st.first()
	}
	st.moved, st.lazy = false, nil
	value, in, ok := st.base()
	if l != nil && l.prev != nil {
		value, in, ok = l.prev.value, l.prev.in, l.prev.ok
	}
	for ; l != nil; l = l.next {
		if l.applied && !(l.made && sameValue(value, ok, l.old, l.oldOK)) {
			o.relay(st.key, l, value, in, ok)
		}
		value, in, ok = l.value, l.in, l.ok
	}
}

func (st *stack) base() (value []byte, in *room, ok bool) {
	if st.v == nil {
		return nil, nil, false
	}
	return st.v.value, st.v.in, true
}

func (st *stack) first() *layer {
	l := st.last
	for l != nil && l.prev != nil {
		l = l.prev
	}
	return l
}

// changed is told that the state of a variable with layers is another, by the
// command of that layer, if it is not nil: mostly that of the run at the bottom,
// on which the next is built.
func (o *overlay) changed(number uint32, by *layer) {
	st := &o.stacks[number]
	if by != nil && by.prev == nil && by.stack == number {
		if by == st.lazy {
			return // nothing is built on it
		}
		value, _, ok := st.base()
		if sameValue(value, ok, by.value, by.ok) {
			return
		}
	}
	st.moved = true
}

// look is the value of a variable as the run of that order sees it. v is what
// find returns for k.
func (s *state) look(k Key, v *variable, order uint64) (value []byte, ok bool) {
	value, _, ok = s.lookIn(k, v, order)
	return value, ok
}

// lookIn is look, with the room that the value is in.
func (s *state) lookIn(k Key, v *variable, order uint64) (value []byte, in *room, ok bool) {
	if n := s.over.number(k, v); n != 0 {
		if l := s.over.top(n, order); l != nil {
			return l.value, l.in, l.ok
		}
	}
	if v != nil {
		return v.value, v.in, true
	}
	return nil, nil, false
}

// add puts a layer where its order wants it.
func (o *overlay) add(k Key, v *variable, l *layer) {
	n := o.number(k, v)
	if n == 0 {
		n = o.open(k, v)
	}
	st := &o.stacks[n]
	l.stack, l.prev = n, st.last
	for l.prev != nil && l.prev.order > l.order {
		l.next, l.prev = l.prev, l.prev.prev
	}
	if l.prev != nil {
		l.prev.next = l
	}
	if l.next != nil {
		l.next.prev, st.moved = l, true
	} else {
		st.last = l
	}
	if l.applied && st.lazy == nil {
		st.lazy = l
	}
}

func (o *overlay) open(k Key, v *variable) (n uint32) {
	if n = pop(&o.free); n == 0 {
		n = uint32(len(o.stacks))
		o.stacks = append(o.stacks, stack{})
	}
	o.stacks[n] = stack{key: k, v: v}
	o.counts[k.Collection]++
	if v != nil {
		v.stack = n
	} else {
		o.absent[k] = n
	}
	return n
}

func (o *overlay) remove(l *layer) {
	st := &o.stacks[l.stack]
	if l.next != nil {
		o.changed(l.stack, l)
		if st.lazy == l {
			st.lazy = l.next
		}
		l.next.prev = l.prev
	} else {
		st.last = l.prev
		if st.lazy == l {
			st.lazy = nil
		}
	}
	if l.prev != nil {
		l.prev.next = l.next
	}
	if st.last == nil {
		o.counts[st.key.Collection]--
		if st.v != nil {
			st.v.stack = 0
		} else {
			delete(o.absent, st.key)
		}
		*st = stack{}
		o.free = append(o.free, l.stack)
	}
}

// came notes that a variable has come into being.
func (o *overlay) came(v *variable) {
	k := Key{v.collection, v.name}
	if n, ok := o.absent[k]; ok {
		delete(o.absent, k)
		o.stacks[n].v, v.stack = v, n
	}
}

// went notes that a variable with layers is no more.
func (o *overlay) went(v *variable) {
	n := v.stack
	v.stack = 0
	st := &o.stacks[n]
	st.v, o.absent[st.key] = nil, n
}

// layers are those of a command that its run, which ended, has executed: one for
// each pending write that is held.
func (c *command) layers() []layer {
	if c.run != nil && c.run.verdict == runRight {
		return c.run.layers
	}
	return nil
}

// settleBy settles a pending write as its run did, if the value that operations
// start from is the one that the run knew.
func (r *Replica) settleBy(p *pending, l *layer) {
	if p.known || !l.made {
		return
	}
	if old, ok := r.state.get(p.key); sameValue(old, ok, l.old, l.oldOK) {
		p.value, p.in, p.ok, p.known, p.ops = l.value, l.in, l.ok, true, nil
		r.counters.OpPanics += l.panics
	}
}
