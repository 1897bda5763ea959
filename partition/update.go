package partition

import (
	"slices"
)

// Update implements Tx.
func (t *transaction) Update(k Key, op uint16, arg []byte) {
	own := t.touch(k, use{ModeUpdate, op}, len(arg))
	if int(op) >= len(t.r.service.Operations) {
		t.leave(ErrArgument)
	}
	t.applying(op, arg)
	t.update(k, own)
}

// Again implements Tx.
func (t *transaction) Again(k Key) {
	if len(t.ops) == 0 {
		t.leave(ErrArgument)
	}
	last := &t.ops[len(t.ops)-1]
	t.update(k, t.touch(k, use{ModeUpdate, last.op}, len(last.arg)))
}

// update adds the last operation to what the command does to a variable.
func (t *transaction) update(k Key, own int) {
	if own >= 0 && t.remote && t.c.spares && !t.c.held[own] && t.promise.items[own].Blind {
		return // its owner does it, and nobody can tell
	}
	p := t.write(k, own)
	if p.blind = own >= 0 && t.promise.items[own].Blind; t.r.config.Checks && t.remote && !p.blind && !p.known && p.before == nil {
		v, ok := t.before(k, own) // may suspend
		p = t.writeOf(k)
		p.before = &before{v, ok}
	}
	t.apply(p)
}

// Pass implements Tx. It comes to what touch does.
func (t *transaction) Pass(bytes int) {
	if t.over {
		panic(unwinding{})
	}
	t.charge(1, bytes)
}

// applying takes note of an operation and its argument. Mostly they are those of the
// update before, and have one place in memory.
func (t *transaction) applying(op uint16, arg []byte) {
	n := len(t.ops) - 1
	switch {
	case n < 0 || !sameBytes(t.ops[n].arg, arg):
		t.addOp(op, slices.Clone(arg))
	case t.ops[n].op != op:
		t.addOp(op, t.ops[n].arg)
	}
}

// apply adds the last operation to what a command does to a variable.
func (t *transaction) apply(p *pending) {
	n := len(t.ops) - 1
	if p.ops == nil {
		p.ops = t.ops[n : n+1 : n+1]
	} else {
		p.ops = append(p.ops, t.ops[n])
	}
}

func (t *transaction) addOp(op uint16, arg []byte) {
	if len(t.ops) == cap(t.ops) {
		t.ops = make([]applied, 0, min(max(2, 2*cap(t.ops)), maxOps))
	}
	t.ops = append(t.ops, applied{op: op, arg: arg})
}

// maxOps of a command have their memory in one piece.
const maxOps = 256
