package simtest

import (
	"fmt"
	"slices"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
)

// Order is what the replicas' logs agree on.
type Order struct {
	// Whole[p] is all that any replica of partition p delivered.
	Whole []*Log
	// Effects are the commands that took effect or failed for good, each
	// once, by position.
	Effects []Effect
	// Compared is the number of logs with entries beyond one of each partition.
	Compared int
}

// Effect is the one attempt of a command that counts.
type Effect struct {
	Position ids.Position
	Op       int32
	Attempt  ids.Attempt
	Dests    ids.Set
	Outcome  partition.Outcome
	Reply    uint64
}

// checkOrder checks uniform prefix order, agreement of verdicts and outcomes
// between all replicas of all destinations, and that no attempt is accepted
// twice and no command takes effect twice. Logs begin at states: each has, from
// there on, all that any log has.
func checkOrder(h *History) (*Order, error) {
	o := &Order{Whole: make([]*Log, h.Partitions)}
	for _, l := range h.Logs {
		if err := checkLog(h, l); err != nil {
			return nil, err
		}
	}
	for p := range o.Whole {
		whole, err := unite(h, ids.Partition(p))
		if err != nil {
			return nil, err
		}
		if err := checkLog(h, whole); err != nil {
			return nil, err
		}
		o.Whole[p] = whole
		some := -1
		for _, l := range h.Logs {
			if l.Partition != whole.Partition {
				continue
			}
			if err := checkPart(h, l, whole); err != nil {
				return nil, err
			}
			if len(l.Entries) > 0 {
				some++
			}
		}
		o.Compared += max(some, 0)
	}
	if err := checkAcross(h, o.Whole); err != nil {
		return nil, err
	}
	return o, o.collect(h)
}

// checkRefused checks that no command took effect whose client was told that it
// would not.
func checkRefused(h *History, o *Order) error {
	for i := range o.Effects {
		if e := &o.Effects[i]; h.Ops[e.Op].Refused {
			return fmt.Errorf("exactly-once: attempt %d of %v took effect at %v, and its client was told that it was refused", e.Attempt, h.Ops[e.Op].Command, e.Position)
		}
	}
	return nil
}

// checkAcross compares the logs of all partitions: each message is in
// the logs of all its destinations that have come past its position.
func checkAcross(h *History, logs []*Log) error {
	for p, l := range logs {
		for q, m := range logs {
			if q == p || l == nil || m == nil {
				continue
			}
			j := 0
			for i := range l.Entries {
				e := &l.Entries[i]
				if !e.Dests.Has(ids.Partition(q)) {
					continue
				}
				for j < len(m.Entries) && m.Entries[j].Position.Less(e.Position) {
					j++
				}
				if j == len(m.Entries) {
					break
				}
				if m.Entries[j].Position != e.Position {
					return fmt.Errorf("order: process %d delivered %s; process %d of partition %d did not, but went on to %s",
						l.Process, h.entry(e), m.Process, q, h.entry(&m.Entries[j]))
				}
				if err := sameEntry(h, l, e, m, &m.Entries[j]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// collect finds the attempt of each command that counts.
func (o *Order) collect(h *History) error {
	of := make([]int32, len(h.Ops)) // 1 + index in Effects
	for _, l := range o.Whole {
		for i := range l.Entries {
			e := &l.Entries[i]
			if !e.Outcome.Final() {
				continue
			}
			if at := of[e.Op]; at != 0 {
				if f := &o.Effects[at-1]; f.Attempt != e.Attempt || f.Position != e.Position {
					return fmt.Errorf("order: %v took effect twice: attempt %d at %v and attempt %d at %v",
						h.Ops[e.Op].Command, f.Attempt, f.Position, e.Attempt, e.Position)
				}
				continue
			}
			o.Effects = append(o.Effects, Effect{e.Position, e.Op, e.Attempt, e.Dests, e.Outcome, e.Reply})
			of[e.Op] = int32(len(o.Effects))
		}
	}
	slices.SortFunc(o.Effects, byPosition)
	for i := 1; i < len(o.Effects); i++ {
		if o.Effects[i].Position == o.Effects[i-1].Position {
			return fmt.Errorf("order: %v and %v have the same position %v", h.Ops[o.Effects[i].Op].Command,
				h.Ops[o.Effects[i-1].Op].Command, o.Effects[i].Position)
		}
	}
	return nil
}

func byPosition(a, b Effect) int {
	switch {
	case a.Position.Less(b.Position):
		return -1
	case b.Position.Less(a.Position):
		return 1
	}
	return 0
}

func (h *History) entry(e *Entry) string {
	return fmt.Sprintf("%v attempt %d at %v for %v (%v, %v)", h.Ops[e.Op].Command, e.Attempt, e.Position, e.Dests, e.Verdict, e.Outcome)
}
