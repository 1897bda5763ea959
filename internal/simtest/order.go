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

// unite merges the logs of a partition by position. Where two have an entry they
// must agree.
func unite(h *History, p ids.Partition) (*Log, error) {
	whole := &Log{Partition: p}
	for _, l := range h.Logs {
		if l.Partition != p || len(l.Entries) == 0 {
			continue
		}
		if whole.Process == 0 {
			whole.Process = l.Process
		}
		had := whole.Entries
		whole.Entries = make([]Entry, 0, max(len(had), len(l.Entries)))
		i, j := 0, 0
		for i < len(had) || j < len(l.Entries) {
			switch {
			case j == len(l.Entries) || i < len(had) && had[i].Position.Less(l.Entries[j].Position):
				whole.Entries = append(whole.Entries, had[i])
				i++
			case i == len(had) || l.Entries[j].Position.Less(had[i].Position):
				whole.Entries = append(whole.Entries, l.Entries[j])
				j++
			default:
				a, b := had[i], &l.Entries[j]
				if err := sameEntry(h, l, b, whole, &a); err != nil {
					return nil, err
				}
				a.add(b)
				whole.Entries = append(whole.Entries, a)
				i, j = i+1, j+1
			}
		}
	}
	for _, l := range h.Logs {
		if l.Partition == p {
			if err := resume(h, l, whole); err != nil {
				return nil, err
			}
		}
	}
	return whole, nil
}

// add takes over what another replica knows of an entry.
func (e *Entry) add(o *Entry) {
	e.Started = e.Started || o.Started
	if e.Outcome == 0 {
		e.Outcome, e.Reply = o.Outcome, o.Reply
	}
}

// resume compares what a log finished of what its state had not.
func resume(h *History, l, whole *Log) error {
	done := map[ids.Position]bool{}
	for i := range l.Resumed {
		e := &l.Resumed[i]
		at, ok := whole.find(e.Position)
		if !ok || l.From.Less(e.Position) {
			return fmt.Errorf("order: process %d finished %s, which it has not delivered", l.Process, h.entry(e))
		}
		w := &whole.Entries[at]
		e.Dests, e.Verdict = w.Dests, w.Verdict
		if done[e.Position] || !w.accepted() {
			return fmt.Errorf("order: process %d finished %s twice, or unasked", l.Process, h.entry(e))
		}
		done[e.Position] = true
		if err := sameEntry(h, l, e, whole, w); err != nil {
			return err
		}
		w.add(e)
	}
	return nil
}

// find is the place of a position, or of the next one.
func (l *Log) find(p ids.Position) (int, bool) {
	return slices.BinarySearchFunc(l.Entries, p, func(e Entry, p ids.Position) int {
		switch {
		case e.Position.Less(p):
			return -1
		case p.Less(e.Position):
			return 1
		}
		return 0
	})
}

// checkLog checks one log by itself: positions rise, and no attempt is
// accepted twice or below an accepted one.
func checkLog(h *History, l *Log) error {
	if l.Unequal != "" {
		return fmt.Errorf("equivalence: %s", l.Unequal)
	}
	if len(l.stray) > 0 {
		l.Twice = append(l.Twice, opAttempt{l.stray[0].Op, l.stray[0].Attempt})
	}
	if len(l.Twice) > 0 {
		t := l.Twice[0]
		return fmt.Errorf("order: process %d accepted or finished attempt %d of %v twice", l.Process, t.attempt, h.Ops[t.op].Command)
	}
	last := l.From
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

// checkPart checks that a log has, from its beginning to its end, all that any
// log of its partition has.
func checkPart(h *History, l, whole *Log) error {
	at, found := whole.find(l.From)
	if found {
		at++
	}
	for i := range l.Entries {
		a, b := &l.Entries[i], &whole.Entries[at+i]
		if err := sameEntry(h, l, a, whole, b); err != nil {
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
