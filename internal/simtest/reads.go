package simtest

import (
	"fmt"
	"slices"
	"sort"

	"github.com/eyrie-dev/eyrie/internal/client"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
)

// read records that a client submits a command as a read: with a number of its
// own instead of a sequence.
func (u *user) read(number uint64, code uint16, arg []byte) error {
	c := u.c
	if int(number) != len(u.reads)+1 {
		return fmt.Errorf("client %v: Submit gave number %d after %d reads", u.name, number, len(u.reads))
	}
	c.history.clock++
	u.reads = append(u.reads, int32(len(c.history.Ops)))
	c.history.Ops = append(c.history.Ops, Op{
		Command: ids.Command{Client: u.name, Sequence: ids.Sequence(number)}, Read: true,
		Code: code, Arg: arg, Invoked: c.history.clock, InvokedAt: c.world.Now(),
	})
	return nil
}

// ordered records that a read is a command after all.
func (u *user) ordered(read, as ids.Sequence) {
	h := u.c.history
	n, _ := client.IsRead(read)
	i := u.reads[n-1]
	op := &h.Ops[i]
	op.Read, op.Command.Sequence = false, as
	h.enlist(op.Command, i)
	if int(as) != len(u.ops)+1 {
		u.c.fail(fmt.Errorf("client %v ordered read %d as %d, after %d commands", u.name, n, as, len(u.ops)))
		return
	}
	u.ops = append(u.ops, i)
}

// op is the index of the operation that a handle stands for.
func (u *user) op(h ids.Sequence) (i int32, ok bool) {
	list, n := u.ops, uint64(h)
	if number, read := client.IsRead(h); read {
		list, n = u.reads, number
	}
	if n == 0 || n > uint64(len(list)) {
		return 0, false
	}
	return list[n-1], true
}

// all is everything that was answered or took effect, reads included, in an
// order that is to be the witness. A read's place is just after the last
// position that its replica had delivered when it took it: the replica says
// which, and nothing else is believed about it. The answer must be that of this
// place, and real time must allow it.
func (o *Order) all(h *History) ([]Effect, error) {
	line := slices.Clone(o.Effects)
	for i := range h.Ops {
		op := &h.Ops[i]
		if !op.Read || op.Returned == 0 {
			continue
		}
		if len(op.Dests) != 1 || !o.delivered(op.Dests[0], op.At) {
			return nil, fmt.Errorf("order: %s was read in %v after %v, which nobody delivered there", h.op(op), op.Dests, op.At)
		}
		e := Effect{Position: op.At, Op: int32(i), Dests: op.Dests, Outcome: partition.OutcomeOK}
		if op.Failed {
			e.Outcome = partition.OutcomeFailed
		}
		line = append(line, e)
	}
	slices.SortStableFunc(line, byPosition) // commands stay before reads
	return line, nil
}

// delivered says whether a position is one that a partition delivered, or none.
func (o *Order) delivered(p ids.Partition, at ids.Position) bool {
	if at == (ids.Position{}) {
		return true
	}
	l := o.Whole[p]
	if l == nil {
		return false
	}
	i := sort.Search(len(l.Entries), func(i int) bool { return !l.Entries[i].Position.Less(at) })
	return i < len(l.Entries) && l.Entries[i].Position == at
}
