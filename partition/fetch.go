package partition

import (
	"slices"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// before is the value of k before the command.
func (t *transaction) before(k Key, own int) (v []byte, ok bool) {
	if t.r.config.Observe != nil && !slices.Contains(t.reads, k) {
		t.reads = append(t.reads, k)
	}
	if !t.remote {
		v := t.local(k, own)
		switch {
		case t.run != nil:
			return t.foresee(k, v)
		case v != nil:
			return v.value, true
		}
		return nil, false
	}
	owners := t.r.config.Placement.Owners(k)
	if !owners.Has(t.r.config.Partition) {
		return t.fetch(k, owners)
	}
	if t.run != nil {
		v, ok = t.foresee(k, t.local(k, own))
		if t.r.ships(owners, t.c.dests) {
			t.run.tell(Var{k, ok, v})
		}
		return v, ok
	}
	found := t.r.state.find(k)
	if t.r.ships(owners, t.c.dests) {
		t.r.shipVar(t.c.out, k, found)
		t.r.unsent(t.c.out)
	}
	if found == nil {
		return nil, false
	}
	return found.value, true
}

// ships says whether this partition, which is one of the owners, sends the
// value of a variable to the other destinations.
func (r *Replica) ships(owners, dests ids.Set) bool {
	return firstIn(owners, dests) == r.config.Partition && !owners.Covers(dests)
}

// fetch waits for the value of a variable that is held elsewhere.
func (t *transaction) fetch(k Key, owners ids.Set) ([]byte, bool) {
	q := firstIn(owners, t.c.dests)
	for {
		in := &t.c.in
		if t.run != nil {
			in = &t.run.in
		}
		if v, ok, here := in.peer(q).value(t.r.service, k); here {
			if t.run != nil {
				t.run.note(input{kind: inputRemote, from: q, key: k, value: v, ok: ok})
			}
			return v, ok
		}
		t.wait(q)
	}
}

// wait suspends the code until something has come from a partition.
func (t *transaction) wait(q ids.Partition) {
	if t.worker == nil {
		if t.run != nil {
			t.useless()
		}
		t.r.stop("%v of %v reached for a value of partition %d without having declared it", t.c.Command, t.c.Position, q)
		t.end(OutcomeFailed)
		panic(unwinding{})
	}
	if t.run == nil {
		t.r.counters.Waits++
	}
	t.want, t.wanting, t.idle = q, true, t.run == nil
	if !t.worker.yield(struct{}{}) {
		t.end(OutcomeFailed) // closing: nobody will see it
	}
	if t.over { // or the run is given up
		panic(unwinding{})
	}
	t.wanting = false
}

// heard takes note that a value has come from a partition.
func (t *transaction) heard(from ids.Partition) { t.idle = t.idle && from != t.want }
