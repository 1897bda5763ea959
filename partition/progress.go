package partition

import (
	"slices"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// covers says whether a command at p is finished.
func (m *Progress) covers(p ids.Position) bool {
	if !p.Less(m.Below) {
		return false
	}
	_, found := slices.BinarySearchFunc(m.Except, p, func(a, b ids.Position) int {
		switch {
		case a.Less(b):
			return -1
		case b.Less(a):
			return 1
		}
		return 0
	})
	return !found
}

// onProgress takes what another replica has finished.
func (r *Replica) onProgress(q ids.Partition, from ids.Process, m *Progress) {
	if !m.ordered() {
		r.counters.Invalid++
		return
	}
	i := slices.Index(r.config.Replicas[q], from)
	known := &r.outbox.finished[q][i]
	if m.Ask {
		r.send(from, r.progress(q, false))
	}
	if m.Below.Less(known.Below) || m.Below == known.Below && len(m.Except) >= len(known.Except) {
		return // an older one
	}
	*known = *m
	b := &r.outbox
	if b.heard++; b.heard >= len(r.peers)-len(r.config.Replicas[r.config.Partition]) || b.line.live <= sweepSmall || !r.Ready() {
		r.sweep()
	} else if b.sweepDue == Never {
		b.sweepDue = r.now.Mono + r.tuning.ProgressEvery
	}
}

// Of a busy replica's commands many are unfinished at any time, and soon finished:
// only what waits for a partition that is away must not hold back what comes behind
// it. So beyond the first few only those are excepted that the order has left behind
// by stuckAfter. Where nothing is delivered, nothing needs room.
const (
	fewExcept  = 16
	stuckAfter = time.Second
)

// progress is what this replica has finished, for good, of the commands that it shares
// with partition q: others, which may wait for a partition that is away, must
// not hold back what q keeps.
func (r *Replica) progress(q ids.Partition, ask bool) *Progress {
	return r.progressOr(&Progress{Ask: !ask}, q, ask)
}

// progressOr is like, if that says the same: with commands of all partitions, it
// is one message to all.
func (r *Replica) progressOr(like *Progress, q ids.Partition, ask bool) *Progress {
	if r.config.Durable {
		return &Progress{Below: r.stable.below, Except: r.stable.except, Ask: ask}
	}
	below, except := after(r.last), r.outbox.unfinished[:0]
	for _, c := range r.queue.all() {
		if c.finished || c.out == nil || !c.dests.Has(q) {
			continue
		}
		if n := len(except); n == maxExcept || n >= fewExcept && r.last.T.Sub(c.Position.T) < stuckAfter {
			below = c.Position
			break
		}
		except = append(except, c.Position)
	}
	r.outbox.unfinished = except
	if like.Ask == ask && like.Below == below && slices.Equal(like.Except, except) {
		return like
	}
	return &Progress{Below: below, Except: slices.Clone(except), Ask: ask}
}

// after is the position next to p.
func after(p ids.Position) ids.Position {
	if p.E++; p.E == 0 {
		p.T++
	}
	return p
}

// tell tells those that share finished commands with this partition.
func (r *Replica) tell() {
	b := &r.outbox
	m := &Progress{Ask: true} // none yet
	for q := range b.shared {
		if b.shared[q] && ids.Partition(q) != r.config.Partition {
			m = r.progressOr(m, ids.Partition(q), false)
			r.sendTo(ids.Partition(q), m)
		}
		b.shared[q] = false
	}
	b.untold, b.tellDue = 0, Never
}

// progressDue tells and asks when it is time.
func (r *Replica) progressDue() {
	b := &r.outbox
	if b.tellDue <= r.now.Mono {
		r.tell()
	}
	if b.sweepDue <= r.now.Mono {
		r.sweep()
	}
	if b.askDue > r.now.Mono {
		return
	}
	r.sweep() // suspicions may have changed
	if b.line.live == 0 || b.askDue > r.now.Mono {
		return
	}
	if !r.askProgress() && r.patient(0) && !r.config.Durable {
		// Those that are missed are suspected, and what is kept for them is in
		// nobody's way. Otherwise it goes on: their last Progress may be lost,
		// and a full outbox brings nothing about by itself; and who keeps its
		// state on disk comes back.
		b.askDue = Never
		return
	}
	b.askWait = min(2*b.askWait, askMost)
	b.askDue = r.now.Mono + b.askWait
}

// askProgress asks those that are not suspected and keep the oldest finished
// entry here; false if there are none.
func (r *Replica) askProgress() bool {
	for _, o := range r.outbox.line.all() {
		if o.finished && !o.dropped && r.askAbout(o) {
			return true
		}
	}
	return false
}

func (r *Replica) askAbout(o *outgoing) (asked bool) {
	for _, q := range o.dests {
		if q == r.config.Partition {
			continue
		}
		for i, p := range r.config.Replicas[q] {
			if !r.suspected(p) && !r.outbox.finished[q][i].covers(o.Position) {
				r.send(p, r.progress(q, true))
				asked = true
			}
		}
	}
	return asked
}
