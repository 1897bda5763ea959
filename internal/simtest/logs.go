package simtest

import (
	"fmt"
	"slices"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
)

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
