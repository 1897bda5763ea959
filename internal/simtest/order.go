package simtest

import (
	"fmt"
	"slices"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
)

// Order is what the replicas' logs agree on.
type Order struct {
	// Longest[p] is the longest log of partition p.
	Longest []*Log
	// Effects are the commands that took effect or failed for good, each
	// once, by position.
	Effects []Effect
	// Compared is the number of logs with entries beyond each partition's
	// first.
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
// twice and no command takes effect twice.
func checkOrder(h *History) (*Order, error) {
	o := &Order{Longest: make([]*Log, h.Partitions)}
	for _, l := range h.Logs {
		if err := checkLog(h, l); err != nil {
			return nil, err
		}
		if longest := o.Longest[l.Partition]; longest == nil || len(l.Entries) > len(longest.Entries) {
			o.Longest[l.Partition] = l
		}
	}
	for _, l := range h.Logs {
		if err := checkPrefix(h, l, o.Longest[l.Partition]); err != nil {
			return nil, err
		}
		if l != o.Longest[l.Partition] && len(l.Entries) > 0 {
			o.Compared++
		}
	}
	if err := checkAcross(h, o.Longest); err != nil {
		return nil, err
	}
	return o, o.collect(h)
}

// checkLog checks one log by itself: positions rise, and no attempt is
// accepted twice or below an accepted one.
func checkLog(h *History, l *Log) error {
	if l.Unequal != "" {
		return fmt.Errorf("equivalence: %s", l.Unequal)
	}
	if len(l.Twice) > 0 {
		t := l.Twice[0]
		return fmt.Errorf("order: process %d accepted or finished attempt %d of %v twice", l.Process, t.attempt, h.Ops[t.op].Command)
	}
	var last ids.Position
	highest := map[int32]ids.Attempt{}
	for i := range l.Entries {
		e := &l.Entries[i]
		if !last.Less(e.Position) {
			return fmt.Errorf("order: process %d delivered %v after %v", l.Process, e.Position, last)
		}
		last = e.Position
		if !e.Dests.Has(l.Partition) {
			return fmt.Errorf("order: process %d of partition %d delivered %v, which is for %v", l.Process, l.Partition, h.Ops[e.Op].Command, e.Dests)
		}
		if e.accepted() {
			if e.Attempt <= highest[e.Op] {
				return fmt.Errorf("order: process %d accepted attempt %d of %v at %v after attempt %d",
					l.Process, e.Attempt, h.Ops[e.Op].Command, e.Position, highest[e.Op])
			}
			highest[e.Op] = e.Attempt
		}
	}
	return nil
}

func (e *Entry) accepted() bool {
	return e.Verdict == partition.VerdictAccepted || e.Verdict == partition.VerdictStale
}

// checkPrefix compares a log with its partition's longest.
func checkPrefix(h *History, l, longest *Log) error {
	for i := range l.Entries {
		a, b := &l.Entries[i], &longest.Entries[i]
		if err := sameEntry(h, l, a, longest, b); err != nil {
			return err
		}
	}
	return nil
}

func sameEntry(h *History, l *Log, a *Entry, m *Log, b *Entry) error {
	if a.Position != b.Position || a.Op != b.Op || a.Attempt != b.Attempt {
		return fmt.Errorf("order: process %d delivered %s where process %d delivered %s", l.Process, h.entry(a), m.Process, h.entry(b))
	}
	if a.Verdict != b.Verdict {
		return fmt.Errorf("order: verdicts differ: process %d has %s, process %d has %s", l.Process, h.entry(a), m.Process, h.entry(b))
	}
	if a.Outcome != 0 && b.Outcome != 0 && (a.Outcome != b.Outcome || a.Reply != b.Reply) {
		return fmt.Errorf("order: outcomes differ: process %d has %s (reply %x), process %d has %s (reply %x)",
			l.Process, h.entry(a), a.Reply, m.Process, h.entry(b), b.Reply)
	}
	return nil
}

// checkAcross compares the longest logs of all partitions: each message is in
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
	for _, l := range h.Logs {
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
