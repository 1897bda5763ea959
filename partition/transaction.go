package partition

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// transaction is the Tx of one command. All destinations run the same code on
// the same values, so everything it decides (budget, access, destinations) is
// a function of these alone, and every destination decides it at the same
// point of the code.
type transaction struct {
	r *Replica
	c *command
	// worker runs the code if it may have to wait; nil if it cannot.
	worker *worker
	// remote: some variable may be held elsewhere only.
	remote bool
	last   *variable // the last one found
	// run is the run that executes, as long as nobody has found it right; nil for
	// conservative execution.
	run *Run
	// over: the outcome below is fixed. Whatever the code does afterwards,
	// recovering our panic included, changes nothing.
	over    bool
	outcome Outcome
	value   []byte
	errName string
	errText string
	needed  ids.Set

	accesses, bytes int // left of the budget
	promise         promise
	writes          []pending
	byKey           keyIndex  // of writes, if they are many
	ops             []applied // memory of the writes' operations
	rng             rand.PCG
	seeded          bool

	// want is the partition whose value a suspended command waits for.
	want    ids.Partition
	wanting bool
	// idle: nothing of what that waits for can have come since.
	idle bool

	watched []watched // Checks: immutable values handed out
	reads   []Key     // Observe
	ranges  []Range   // Observe
}

// reset makes the transaction that of a fresh command. The scratch's slices
// are used again.
func (t *transaction) reset(r *Replica, c *command) {
	t.r, t.c = r, c
	t.remote, t.last, t.run = len(c.dests) > 1, nil, c.run
	t.over, t.outcome = false, 0
	t.value, t.errName, t.errText, t.needed = nil, "", "", nil
	t.accesses, t.bytes = r.tuning.MaxAccesses, r.tuning.MaxBytes
	t.promise.set(nil)
	clear(t.writes)
	t.writes, t.byKey, t.ops = t.writes[:0], t.byKey.cleared(), nil
	t.seeded, t.idle = false, false
	t.watched, t.reads, t.ranges = nil, t.reads[:0], t.ranges[:0]
}

// unwinding is what a Tx method panics with to leave the command's code. It
// carries nothing: the outcome is in the transaction.
type unwinding struct{}

func (unwinding) Error() string { return "partition: the command has ended" }

// end fixes the outcome. The first counts.
func (t *transaction) end(o Outcome) {
	if !t.over {
		t.over, t.outcome = true, o
	}
}

// fail ends the command with one of this package's errors.
func (t *transaction) fail(err error) {
	if t.over {
		return
	}
	t.errName, t.errText = t.r.service.describe(err)
	t.end(OutcomeFailed)
	if t.run == nil {
		t.r.countFailure(t.errName)
	}
}

func (r *Replica) countFailure(name string) {
	switch name {
	case namePanicked:
		r.counters.Panics++
	case nameBudget:
		r.counters.Budget++
	}
}

// leave ends the command within its code.
func (t *transaction) leave(err error) {
	t.fail(err)
	panic(unwinding{})
}

// charge takes from the budget.
func (t *transaction) charge(accesses, bytes int) {
	t.accesses -= accesses
	t.bytes -= bytes
	if t.accesses < 0 || t.bytes < 0 {
		t.leave(ErrBudget)
	}
}

// touch admits an access to k: within the budget, the declared access [E1],
// and the destinations [E5]; or it ends the command. It returns the place of the
// item of the access that is the variable's own, or -1.
func (t *transaction) touch(k Key, u use, bytes int) int {
	if t.over {
		panic(unwinding{})
	}
	t.charge(1, bytes)
	write := u.mode != ModeRead
	switch {
	case write && t.c.spec.ReadOnly:
		t.leave(ErrReadOnly)
	case write && len(k.Name) > MaxName:
		t.leave(ErrBudget)
	}
	if int(k.Collection) >= len(t.r.service.Collections) {
		t.leave(ErrAccess)
	}
	if t.c.exact {
		own, ok := t.promise.allowsKey(t.r.service, k, u)
		if !ok {
			t.leave(t.r.service.undeclared(k, u))
		}
		return own // covered at delivery
	}
	if !t.r.alone {
		t.cover(&Item{Key: k, Write: write})
	}
	return -1
}

// local is the variable, as this partition holds it, or nil.
func (t *transaction) local(k Key, own int) *variable {
	if v := t.known(k, own); v != nil {
		return v
	}
	t.last = t.r.state.find(k)
	return t.last
}

// known is the variable, if it has been found before and is still the one.
func (t *transaction) known(k Key, own int) *variable {
	if own >= 0 {
		if v := t.promise.items[own].found; v != nil && !v.dead {
			return v
		}
	}
	if t.last != nil && !t.last.dead && t.last.is(k) {
		return t.last
	}
	return nil
}

// cover ends a command in retry if its destinations do not satisfy it.
func (t *transaction) cover(it *Item) {
	if more := t.r.need(it, t.c.dests); more != nil {
		t.retry(t.c.dests.Union(more))
		panic(unwinding{})
	}
}

// retry ends the command in retry, whatever else was wrong with it.
func (t *transaction) retry(needed ids.Set) {
	t.over, t.outcome, t.needed = true, OutcomeRetry, slices.Clone(needed)
	t.errName, t.errText = "", ""
}

// Get implements Tx.
func (t *transaction) Get(k Key) ([]byte, bool) {
	own := t.touch(k, use{mode: ModeRead}, 0)
	p := t.writeOf(k)
	if p == nil {
		v, ok := t.before(k, own)
		t.charge(0, len(v))
		return t.give(k, v), ok
	}
	if !p.known {
		v, ok := t.before(k, own) // may suspend
		p = t.writeOf(k)
		t.r.settle(p, v, ok)
	} else if len(p.ops) > 0 {
		t.r.settle(p, nil, false)
	}
	t.charge(0, len(p.value))
	return t.give(k, p.value), p.ok
}

// give returns v, or a copy where the caller could change the state [E2].
func (t *transaction) give(k Key, v []byte) []byte {
	if len(v) == 0 {
		return nil // also where the state has an empty slice: alike everywhere
	}
	if !t.r.service.Collections[k.Collection].Immutable {
		return slices.Clone(v)
	}
	if t.r.config.Checks {
		t.watch(k, v)
	}
	return v[:len(v):len(v)]
}

// own returns what may be stored of bytes that the code handed in.
func (t *transaction) own(k Key, v []byte) []byte {
	if len(v) == 0 {
		return nil // and keeps nothing of what it was cut from
	}
	if !t.r.service.Collections[k.Collection].Immutable {
		return slices.Clone(v)
	}
	if t.r.config.Checks {
		t.watch(k, v)
	}
	return v
}

// Put implements Tx.
func (t *transaction) Put(k Key, v []byte) {
	p := t.write(k, t.touch(k, use{mode: ModeWrite}, len(v)))
	p.known, p.ok, p.value, p.in, p.ops = true, true, t.own(k, v), nil, nil
}

// Delete implements Tx.
func (t *transaction) Delete(k Key) {
	p := t.write(k, t.touch(k, use{mode: ModeWrite}, 0))
	p.known, p.ok, p.value, p.in, p.ops = true, false, nil, nil, nil
}

// Now implements Tx.
func (t *transaction) Now() hlc.Timestamp {
	if t.run != nil {
		t.run.asked = true
		return t.run.now
	}
	return t.c.Position.T
}

// Rand implements Tx.
func (t *transaction) Rand() uint64 {
	if !t.seeded {
		id := t.c.Command
		a := binary.LittleEndian.Uint64(id.Client[:8])
		b := binary.LittleEndian.Uint64(id.Client[8:])
		t.rng.Seed(a^uint64(id.Sequence), b+uint64(id.Sequence))
		t.seeded = true
	}
	return t.rng.Uint64()
}
