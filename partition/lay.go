package partition

// lay puts what a run wrote into the overlay.
func (r *Replica) lay(run *Run) {
	writes := run.c.tx.writes
	held := 0
	for i := range writes {
		if writes[i].held {
			held++
		}
	}
	if cap(run.layers) < held {
		run.layers = make([]layer, 0, max(held, fewWrites))
	}
	for i := range writes {
		if p := &writes[i]; p.held {
			run.layers = run.layers[:len(run.layers)+1]
			r.layOne(run, p, &run.layers[len(run.layers)-1])
		}
	}
}

func (r *Replica) layOne(run *Run, p *pending, l *layer) {
	v := p.found
	if v == nil || v.dead {
		v = r.state.find(p.key)
	}
	*l = layer{order: run.order, ops: p.ops}
	if l.applied = !p.known; !l.applied {
		r.layAs(l, *p)
		run.bytes += len(l.value)
	} else if v != nil {
		run.bytes += len(v.value) // about, if it is made
	}
	r.state.over.add(p.key, v, l)
}

// relay makes a layer of operations that of another value below it.
func (r *Replica) relay(k Key, l *layer, old []byte, in *room, ok bool) {
	l.old, l.oldOK, l.made = old, ok, true
	r.layAs(l, pending{key: k, known: true, ok: ok, value: old, in: in, ops: l.ops})
}

func (r *Replica) layAs(l *layer, p pending) {
	panics := r.counters.OpPanics
	if len(p.ops) > 0 {
		r.settle(&p, nil, false)
	}
	l.value, l.in, l.ok = p.value, p.in, p.ok
	l.panics, r.counters.OpPanics = r.counters.OpPanics-panics, panics
}

func (r *Replica) unlay(run *Run) {
	for i := range run.layers {
		r.state.over.remove(&run.layers[i])
	}
	clear(run.layers)
	run.layers = run.layers[:0]
}
