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

// readsOrUpdates says whether a command, whose access is exact, reads single
// variables and updates others, and nothing else. What such a command has to say to
// other destinations is said when it starts, whatever its code then does.
func (c *command) readsOrUpdates() bool {
	return c.exact && !slices.ContainsFunc(c.items, func(it Item) bool { return it.Range != nil || it.Write && !it.Blind })
}

// gathered says whether all has come that the code of a started command, which reads
// or updates, may read of others: then it runs to its end without a coroutine.
//
// It may wait for that until all signals are there, as its reply does in any case: it
// keeps nothing from others, so none of them waits for it in turn. But no longer:
// values for which a message had no room may come only after others' code has run.
func (r *Replica) gathered(c *command) bool {
	t := &c.tx
	if t.idle {
		return false
	}
	for i := range c.items {
		it := &c.items[i]
		if it.Write || c.held[i] {
			continue
		}
		q := firstIn(r.config.Placement.Owners(it.Key), c.dests)
		if _, _, here := c.in.peer(q).value(r.service, it.Key); !here {
			if !t.wanting {
				r.counters.Waits++
			}
			t.want, t.wanting, t.idle = q, true, true
			return false
		}
	}
	t.wanting, t.idle = false, false
	return true
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
