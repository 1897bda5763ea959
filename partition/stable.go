package partition

import (
	"fmt"
	"slices"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// mark is what a checkpoint says about commands that other partitions share:
// all below are finished in it, but for some. A durable replica has one of each
// checkpoint that may become the one it comes back to.
type mark struct {
	below  ids.Position // zero: there is none
	except []ids.Position
	snap   *Snapshot // whose sum it goes by, or, of a restored one:
	sum    Sum
}

// maxMarks: the two that are kept, and the one under way.
const maxMarks = 3

func newMark(last ids.Position, unfinished []ids.Position) mark {
	m := mark{below: after(last), except: unfinished}
	if len(m.except) > maxExcept {
		m.below, m.except = m.except[maxExcept], m.except[:maxExcept]
	}
	return m
}

func (r *Replica) addMark(m mark) {
	if len(r.marks) == maxMarks {
		r.marks = append(r.marks[:0], r.marks[1:]...)
	}
	r.marks = append(r.marks, m)
}

// Stable says that the older of the two checkpoints that are kept, both written
// to their end and verified, is the one with this Sum: what is finished in it
// need not be asked of others ever again, and they are told so [E8, C5]. Not
// the newer one: when that turns out to be damaged, the older must do. It must
// be one that this replica has taken or been restored from, or the one before
// that; of another it tells nothing. It has no effect on a replica that is not
// durable.
func (r *Replica) Stable(sum Sum) {
	for i := range r.marks {
		m := r.marks[i]
		if m.snap != nil {
			m.sum = m.snap.final
		}
		if m.sum != sum {
			continue
		}
		r.marks = append(r.marks[:0], r.marks[i:]...)
		m.snap = nil
		r.marks[0] = m
		r.becomeStable(m)
		return
	}
}

func (r *Replica) becomeStable(m mark) {
	if r.down() || m.below.Less(r.stable.below) || m.below == r.stable.below && len(m.except) >= len(r.stable.except) {
		return
	}
	r.stable = m
	for q := range r.config.Replicas {
		if q := ids.Partition(q); q != r.config.Partition {
			r.sendTo(q, r.progress(q, false))
		}
	}
}

// Whole is the position below which nothing is unfinished in the older of the
// two checkpoints: whoever goes on from that lacks nothing that is forgotten of
// what comes before. Zero if nothing is known.
func (r *Replica) Whole() ids.Position {
	return (&Progress{Below: r.stable.below, Except: r.stable.except}).whole()
}

// WholeNow is the same of the replica as it is: what Whole would be if two
// checkpoints were taken now.
func (r *Replica) WholeNow() ids.Position {
	for _, c := range r.queue.all() {
		if !c.finished && c.out != nil {
			return c.Position
		}
	}
	return after(r.last)
}

// whole is the position below which all is finished.
func (m *Progress) whole() ids.Position {
	if len(m.Except) > 0 {
		return m.Except[0]
	}
	return m.Below
}

// finishedStably: every replica of q has told that the command is finished in
// what it will come back to; or f+1 have, and all that comes before it, and there
// is no room to wait for the rest: one that then needs what is gone fetches
// another's state.
//
// Invariant: f+1 replicas of q need nothing of all that was forgotten for it,
// anywhere. What all have finished, none needs. What is forgotten besides, here,
// by another partition or in a log (ridge.Core.Whole), f+1 have with all that
// comes before it; so the f+1 that have the most of that have it all. To count
// those that have this one command finished would not do: they may lack an
// earlier one that others have, and of three replicas that lack one thing each
// none can help another.
func (r *Replica) finishedStably(q ids.Partition, p ids.Position, patient bool) bool {
	some, whole := 0, 0
	for i := range r.outbox.finished[q] {
		m := &r.outbox.finished[q][i]
		if m.covers(p) {
			some++
		}
		if p.Less(m.whole()) {
			whole++
		}
	}
	all := len(r.outbox.finished[q])
	return some == all || !patient && whole > all/2
}

// Keeps says whether all is finished here that old, this replica's predecessor,
// may have told others to be finished: they may have dropped what they said
// about it, counting on old to be one of f+1 that need it no more.
func (r *Replica) Keeps(old *Replica) bool {
	for _, c := range r.queue.all() {
		if !c.finished && c.out != nil && old.mayHaveTold(c.Position) {
			return false
		}
	}
	return true
}

func (r *Replica) mayHaveTold(p ids.Position) bool {
	if !r.config.Durable {
		c := r.queue.find(p)
		return !r.last.Less(p) && (c == nil || c.finished)
	}
	// What the newest checkpoint has is told when it has become the older one.
	return slices.ContainsFunc(r.marks, func(m mark) bool {
		return (&Progress{Below: m.below, Except: m.except}).covers(p)
	})
}

// NeedState says whether this replica waits for something that no replica which
// can be asked has any more: it has fallen behind for good and needs the state
// of another of its partition. Until it gets that, it goes on with all else.
func (r *Replica) NeedState() (need bool, why string) {
	if !r.gone {
		return false, ""
	}
	for _, c := range r.queue.all() {
		if c.finished || c.out == nil {
			continue
		}
		for i := range c.in.peers {
			if p := &c.in.peers[i]; r.allGone(c, p) {
				return true, fmt.Sprintf("%v at %v waits for what partition %d has dropped: this replica has fallen behind and needs the state of another", c.Command, c.Position, p.partition)
			}
		}
	}
	return false, ""
}

// askedRounds is how often each replica is asked, at the slowest pace, before
// those that have it neither are given up.
const askedRounds = 2

// allGone says whether all replicas of p that can be asked have dropped what c
// waits for. That one has says that another replica of this partition can help.
// One that has not may have it soon. But it may also wait, with what comes
// before, for what only this replica's partition has dropped: two such would wait
// for each other for ever.
func (r *Replica) allGone(c *command, p *peer) bool {
	if len(p.gone) == 0 || !c.misses(p) {
		return false
	}
	replicas := r.config.Replicas[p.partition]
	if r.now.Mono-p.goneSince > askedRounds*time.Duration(len(replicas))*r.tuning.PullMax {
		return true
	}
	for _, id := range replicas {
		if !r.suspected(id) && !slices.Contains(p.gone, id) {
			return false
		}
	}
	return true
}

// misses says whether something of p is waited for.
func (c *command) misses(p *peer) bool {
	return !p.signalled || c.tx.wanting && c.tx.want == p.partition
}

// RefuseReads answers all reads that wait: their clients ask another replica.
func (r *Replica) RefuseReads() {
	if r.down() {
		return
	}
	q := &r.reads
	for ; q.head < len(q.waiting); q.head++ {
		w := &q.waiting[q.head]
		q.bytes -= len(w.arg) + readCost
		r.refuseRead(w.client, w.number)
		*w = waitingRead{}
	}
	q.waiting, q.head = q.waiting[:0], 0
}
