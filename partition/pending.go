package partition

import (
	"bytes"
	"slices"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// pending is what a command has done to one variable and not yet installed.
type pending struct {
	key Key
	// found is the variable, if the transaction has looked it up; it may be dead
	// by now.
	found *variable
	// held: this partition holds the variable. Known from the first write on:
	// placing a key runs the service's code, which may panic only within the
	// command's.
	held bool
	// known: the value after the command's last Put or Delete, or after a Get
	// that followed an Update, is value (ok: there is one). Otherwise the
	// value before the command is what ops start from.
	known bool
	ok    bool
	// blind: the last of ops was declared to be all that the command does to the
	// variable; others may be doing the same.
	blind bool
	value []byte
	// in is the room that value is in, or that the value is in which ops start
	// from; nil is always right.
	in *room
	// ops are the operations since, in order.
	ops []applied
	// before is the value before the command, where it had to be learned for
	// comparison (Config.Checks).
	before *before
}

type before struct {
	value []byte
	ok    bool
}

// applied is one Update, mostly of many variables.
type applied struct {
	op  uint16
	arg []byte
	// slide is what the operation, if it slides, has made of arg; nil: nothing yet.
	slide Sliding
}

// settle applies the operations to what is known, or to the value before the
// command; afterwards the value is known.
func (r *Replica) settle(p *pending, old []byte, ok bool) {
	if !p.known {
		p.value, p.ok, p.known = old, ok, true
	}
	for i := range p.ops {
		if v, in, ok := r.operate(&p.ops[i], p); ok {
			p.value, p.in, p.ok = v, in, true
		}
	}
	p.ops = nil
}

// operate runs one operation. It is total by contract; one that panics or
// overruns leaves the variable unchanged, at every destination, and never
// changes the command's outcome [N1].
func (r *Replica) operate(a *applied, p *pending) (v []byte, in *room, ok bool) {
	defer func() {
		if recover() != nil {
			r.counters.OpPanics++
			v, in, ok = nil, nil, false
		}
	}()
	old := p.value
	if len(old) == 0 {
		old = nil // as in give
	}
	if !r.service.Collections[p.key.Collection].Immutable {
		old = slices.Clone(old)
	}
	was, said := r.digestIf(r.config.Checks, old), r.digestIf(r.config.Checks, a.arg)
	op := &r.service.Operations[a.op]
	if op.Slide != nil {
		v, in = r.slide(op, old, p, a)
	} else {
		v = op.Apply(old, p.ok, a.arg)
	}
	if r.digestIf(r.config.Checks, old) != was {
		r.stop("operation %q changed a value in place: it has to return another", op.Name)
	}
	if r.digestIf(r.config.Checks, a.arg) != said {
		r.stop("operation %q changed its argument, which others share: it has to leave it alone", op.Name)
	}
	if len(v) > r.tuning.MaxBytes {
		r.counters.OpPanics++
		return nil, nil, false
	}
	return v, in, true
}

// slide runs an operation that says what it keeps. In test mode its other form
// must agree.
func (r *Replica) slide(op *Operation, old []byte, p *pending, a *applied) ([]byte, *room) {
	if a.slide == nil {
		a.slide = op.Slide(a.arg)
	}
	drop, more := a.slide(old, p.ok)
	if len(old)-drop+len(more) > r.tuning.MaxBytes {
		panic(ErrBudget) // before there is memory for it
	}
	v, in := slide(old, p.in, drop, more)
	if r.config.Checks && !bytes.Equal(v, op.Apply(old, p.ok, a.arg)) {
		r.stop("operation %q makes one value by Apply and another by Slide, which have to agree", op.Name)
	}
	return v, in
}

// writeOf returns the pending write of k, or nil. The pointer is valid until
// the next write.
func (t *transaction) writeOf(k Key) *pending {
	if !t.byKey.empty() {
		for at, i := t.byKey.first(k); i >= 0; at, i = t.byKey.after(at) {
			if t.writes[i].key == k {
				return &t.writes[i]
			}
		}
		return nil
	}
	for i := range t.writes {
		if t.writes[i].key == k {
			return &t.writes[i]
		}
	}
	return nil
}

// write returns the pending write of k, new if need be.
func (t *transaction) write(k Key, own int) *pending {
	if p := t.writeOf(k); p != nil {
		return p
	}
	if t.writes == nil {
		t.writes = t.r.spare.takeWrites(len(t.promise.items))
	}
	held := !t.remote
	switch {
	case held:
	case own >= 0: // it was placed then
		held = t.c.held[own]
	default:
		held = t.r.holds(k)
	}
	t.writes = append(t.writes, pending{key: k, found: t.known(k, own), held: held})
	n := len(t.writes)
	switch {
	case n <= smallAccess:
	case !t.byKey.empty() && t.byKey.room(n):
		t.byKey.add(k, n-1)
	default:
		t.byKey.reset(max(n, len(t.promise.items)))
		for i := range t.writes {
			t.byKey.add(t.writes[i].key, i)
		}
	}
	return &t.writes[n-1]
}

// cacheLine is what memory comes in, in bytes.
const cacheLine = 64

// fetchWrites looks at what install is about to look at: what is to come from memory
// then comes for all writes at a time. Values of other commands lie in between.
func (r *Replica) fetchWrites(t *transaction) {
	sum := byte(0)
	for i := range t.writes {
		v := t.writes[i].found
		if v == nil {
			continue
		}
		if n := len(v.value); n > 0 {
			sum += v.value[0] + v.value[n-1] + v.value[max(0, n-1-cacheLine)] + v.value[max(0, n-1-2*cacheLine)]
		}
		if v.in != nil {
			if free := v.in.free(); len(free) > 0 {
				sum += free[min(cacheLine, len(free)-1)] + free[min(2*cacheLine, len(free)-1)]
			}
		}
	}
	r.fetched = sum
}

// install makes the command's writes the state of the variables held here.
func (r *Replica) install(t *transaction) {
	if len(t.writes) > 1 {
		r.fetchWrites(t)
	}
	layers := t.c.layers()
	for i := range t.writes {
		p := &t.writes[i]
		if !p.held {
			continue
		}
		var seen ids.Set
		if t.c.out != nil && p.known && len(p.ops) == 0 && r.audience.on {
			seen = r.audience.seen(r.state.find(p.key))
		}
		var own *layer
		if len(layers) > 0 {
			own, layers = &layers[0], layers[1:]
			r.settleBy(p, own)
		}
		v := p.found
		if v == nil || v.dead {
			v = r.state.find(p.key)
		}
		layered := r.state.over.number(p.key, v)
		if r.config.Checks && p.blind && !p.known {
			r.verifyCommutes(t.c, p, v)
		}
		switch {
		case p.known:
			if len(p.ops) > 0 {
				r.settle(p, nil, false)
			}
		case v != nil:
			p.in = v.in
			r.settle(p, v.value, true)
		default:
			r.settle(p, nil, false)
		}
		switch {
		case p.ok && v != nil:
			r.state.replace(v, p.value, p.in)
		case p.ok:
			r.state.set(p.key, p.value)
		default:
			r.state.delete(p.key)
		}
		if layered != 0 {
			r.state.over.changed(layered, own)
		}
		if seen != nil && p.ok {
			r.audience.wrote(r.state.find(p.key), t.c.Position, seen, t.c.dests)
		}
	}
}

// overlay is the pending writes within a range, in key order, as they are
// now: Range shows the variables as of its call.
func (t *transaction) overlay(g *Range) []pending {
	var over []pending
	for i := range t.writes {
		if t.r.service.inRange(t.writes[i].key, g) {
			over = append(over, t.writes[i])
		}
	}
	slices.SortFunc(over, func(a, b pending) int {
		if a.key.Name < b.key.Name {
			return -1
		}
		return 1
	})
	return over
}
