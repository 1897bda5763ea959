package partition

import "testing"

// While there is no room for a checkpoint, what comes and goes leaves nothing
// behind.
func TestAbandonedForLong(t *testing.T) {
	l := newLab(t, 2, 1, durable)
	r := l.node(1)
	x, y := l.key(colHash, 0, 0), l.key(colHash, 1, 0)
	var d disk
	l.save(1, &d)
	for i := range 200 {
		op := l.op(hlcOf(5000+i), exactly(put(x), get(y)), 0, 1)
		op.Command.Client[0] = byte(i)
		l.deliver(op, 1)
		s := r.Checkpoint()
		s.Next(nil, i)
		r.Step(l.now, 2, &Exchange{Tag: Tag{op.Position, op.Command, 1}, Signal: true, Vars: []Var{{Key: y}}})
		r.Abandon()
		s = r.Checkpoint()
		s.Next(nil, i)
		r.Step(l.now, 2, &Progress{Below: after(op.Position)})
		r.table.forget(op.T0.Add(r.tuning.Horizon) + 1)
		r.Abandon()
	}
	if c := &r.state.changes; len(c.gone)+len(c.clients)+len(c.outbox) > 8 || r.Status().Outbox != 0 {
		t.Errorf("%d items gone, %d clients, %d entries of the outbox are noted", len(c.gone), len(c.clients), len(c.outbox))
	}
	l.save(1, &d)
	sameItems(&world{t: t}, "disk", everythingOf(t, r).items, d.items)
}

// What an abandoned checkpoint had dropped, and the one before it still has, is
// dropped by the next.
func TestAbandonedDeletions(t *testing.T) {
	for read := range 6 {
		l := newLab(t, 2, 1, durable)
		r := l.node(1)
		x, y := l.key(colHash, 0, 0), l.key(colHash, 1, 0)
		var d disk
		op := l.op(5000, exactly(put(x), get(y)), 0, 1)
		l.deliver(op, 1)
		l.save(1, &d) // it is in the queue
		r.Step(l.now, 2, &Exchange{Tag: Tag{op.Position, op.Command, 1}, Signal: true, Vars: []Var{{Key: y}}})
		abandon := func() {
			s := r.Checkpoint()
			for range read {
				s.Next(nil, 1)
			}
			r.Abandon()
		}
		abandon()
		l.save(1, &d) // in the outbox
		sameItems(&world{t: t}, "disk", everythingOf(t, r).items, d.items)
		r.Step(l.now, 2, &Progress{Below: after(op.Position)})
		r.table.forget(op.T0.Add(r.tuning.Horizon) + 1)
		abandon()
		l.save(1, &d) // nowhere, and its client neither
		sameItems(&world{t: t}, "disk", everythingOf(t, r).items, d.items)
	}
}
