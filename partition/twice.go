package partition

import "slices"

// executeTwice executes a command that a run has executed once more, in its
// turn, and stops the replica if it ends in another way: the code depends on
// something else than what it reads through its Tx, and replicas would differ
// (Tuning.ExecuteTwice).
func (r *Replica) executeTwice(c *command) {
	t := &c.tx
	r.verifyWatched(c)
	once := *t
	t.writes, t.byKey, t.ops, t.watched, t.reads, t.ranges = nil, keyIndex{}, nil, nil, nil, nil
	r.prepareAgain(c)
	r.run(c)
	if !t.over || t.outcome != once.outcome || t.errName != once.errName || t.errText != once.errText ||
		!sameBytes(t.value, once.value) || !slices.EqualFunc(t.writes, once.writes, pending.sameAs) {
		r.stop("%v (%s) ended differently when it was executed a second time: its code is not deterministic", c.Command, c.spec.Name)
		r.unwind(c)
	}
	*t = once
	t.worker = nil
}

// sameAs says whether two pending writes do the same.
func (p pending) sameAs(q pending) bool {
	return p.key == q.key && p.known == q.known && sameValue(p.value, p.ok, q.value, q.ok) &&
		slices.EqualFunc(p.ops, q.ops, func(a, b applied) bool { return a.op == b.op && sameBytes(a.arg, b.arg) })
}
