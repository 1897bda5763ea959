package ridge

import (
	"slices"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// pump proposes what there is to propose while the pipeline has room: first
// what Phase 1 obliges to, then messages in batches, then a null if one is
// wanted and the batch has not got there by itself [R9].
func (e *ensemble) pump(now hlc.Now) {
	l := &e.lead
	if l.phase != leading || l.round.Version() != e.version() {
		return
	}
	e.keepWarm(now)
	e.catchUp(now)
	l.ripeAt = never
	e.fulfil(now)
	for l.phase == leading && len(l.plan) == 0 && len(l.open) < e.c.cfg.Tuning.Pipeline && l.round.Version() == e.version() {
		if !e.clocked() {
			return
		}
		if e.proposeChange(now) {
			continue
		}
		var b *builder
		if e.full() {
			if l.next-e.log.base > ids.Instance(e.c.cfg.Tuning.MaxLogCount*5/4) {
				return // not even nulls
			}
		} else if n := e.due(now); n > 0 {
			b = e.batch(now, n)
			e.hint(b.v.Entries)
			if l.queue.count() == 0 {
				e.leadOn(now)
			}
		}
		var null hlc.Timestamp
		if l.nulls.want > l.last && (l.queue.count() == 0 || e.full()) {
			null = l.nulls.want
			l.last = null
		}
		if b == nil && null == 0 {
			return
		}
		if b == nil {
			e.c.counters.Nulls++
			b = newBuilder(0, 0)
		}
		k := l.next
		l.next++
		e.propose(now, k, e.makeValue(now, b, null), false)
	}
}

// After a restart of all there may be much that Phase 1 obliges to: it goes
// through a wider pipeline than what is new, since each step takes a sync.
const (
	planWindow = 256
	planBytes  = 4 << 20
)

// fulfil proposes what Phase 1 obliges to.
func (e *ensemble) fulfil(now hlc.Now) {
	l, bytes := &e.lead, 0
	if len(l.plan) == 0 {
		return
	}
	for i := range l.open {
		bytes += l.open[i].value.size()
	}
	for l.phase == leading && len(l.plan) > 0 && len(l.open) < planWindow && (len(l.open) < e.c.cfg.Tuning.Pipeline || bytes < planBytes) {
		p := l.plan[0]
		l.plan = l.plan[1:]
		if s := e.log.at(p.instance); p.instance > e.log.base && (s == nil || !s.decided) {
			bytes += p.value.size()
			e.propose(now, p.instance, p.value, true)
		}
	}
}

// due is how many of the messages waiting may be proposed now.
func (e *ensemble) due(now hlc.Now) int {
	l, most := &e.lead, e.c.cfg.Tuning.MaxBatchCount
	n := l.queue.count()
	if n == 0 || l.nulls.want > l.last {
		return n
	}
	if n = e.ripe(now, min(n, most)); l.queue.ready(n, len(l.open), most, e.batchBytes()) && !e.gathers(now, n) {
		return n
	}
	return 0
}

// gathers says whether a durable coordinator waits for more, and sets until when:
// it has just been told of a decision, whoever was answered by that may be about to
// come again, and not all have yet. What comes while the first are being synced waits
// for that sync and then for its own, so of 64 clients, one of whom came first,
// all waited for two. A message that finds nothing under way leaves at once.
func (e *ensemble) gathers(now hlc.Now, n int) bool {
	l := &e.lead
	if !e.c.cfg.Durable || len(l.open) > 0 || n >= l.crowd-l.crowd/8 {
		return false
	}
	until := l.emptied + min(l.latency/gatherShare, maxGather)
	if now.Mono >= until {
		return false
	}
	l.ripeAt = min(l.ripeAt, until)
	return true
}

// A durable coordinator gathers for one in gatherShare of the time that an instance
// takes, for maxGather at most: a disk may have stood still.
const (
	gatherShare = 2
	maxGather   = 5 * time.Millisecond
)

// ripe is how many of the first n messages waiting have waited long enough for
// those with earlier timestamps, so that the order decided follows timestamps,
// or stand before one that has; if none it sets when. Without optimistic
// delivery nothing waits.
func (e *ensemble) ripe(now hlc.Now, n int) int {
	o, t, l := &e.c.opt, &e.c.cfg.Tuning, &e.lead
	if !o.on || t.ProposeWait < 0 || t.ProposeWait == 0 && o.calm() {
		return n
	}
	w, most := hlc.Timestamp(t.ProposeWait/time.Microsecond), t.ProposeWait
	if w == 0 {
		w, most = hlc.Timestamp(o.wait.value), max(l.latency/10, o.latency/8)
	}
	// Of what nobody else has copies of, this process makes the order.
	alone := t.ProposeWait == 0 && len(e.spec.Partitions) == 1
	first := never
	for ; n > 0; n-- {
		s := &l.queue.ring[l.queue.head+n-1]
		if alone && !s.cast {
			return n
		}
		at := min((s.message.T0 + w).Sub(o.anchor), s.arrived+most)
		if at <= now.Mono {
			return n
		}
		first = min(first, at)
	}
	l.ripeAt = first
	return 0
}

// batch takes waiting messages, n at most, and clamps their timestamps.
func (e *ensemble) batch(now hlc.Now, n int) *builder {
	l, t := &e.lead, &e.c.cfg.Tuning
	l.gap += (min(now.Mono-l.proposed, leadShare*t.Lead) - l.gap) / 4
	l.proposed = now.Mono
	physical, w := e.physical(now), t.window()
	if q := &l.queue; q.batched > 0 && (q.single() == 0 || !q.turn) {
		q.turn = true
		return e.takeBatches(now, physical, w)
	}
	l.queue.turn = false
	n, copied := l.queue.fit(min(n, t.MaxBatchCount), e.batchBytes())
	b, behind := newBuilder(n, copied), e.behind()
	newest := hlc.Timestamp(0)
	for range n {
		s := l.queue.pop()
		m := s.message
		ts := e.stamp(&behind, &s, l.last, physical, w)
		newest, l.newest = max(newest, m.T0), max(l.newest, s.place)
		l.last = max(l.last+1, ts)
		b.add(ts, &s)
		l.top = l.last
		if m.Dests.Has(e.c.partition) {
			l.here = l.last
		}
	}
	e.freshen(&behind, newest)
	return b
}

// maxSpread bounds the bytes that a distributor sends for one batch: to very
// many learners a full one would take so long that they give it up for lost.
const maxSpread = 16 << 20

// batchBytes bounds the bytes of messages in one instance.
func (e *ensemble) batchBytes() int {
	return min(e.c.cfg.Tuning.MaxBatchBytes, maxSpread/len(e.members))
}

// makeValue makes a value with an id of its own.
func (e *ensemble) makeValue(now hlc.Now, b *builder, null hlc.Timestamp) *Value {
	e.c.values++
	return b.done(e.c.cfg.Self, e.c.values, e.physical(now), null)
}

// propose starts Phase 2 for one instance.
func (e *ensemble) propose(now hlc.Now, k ids.Instance, v *Value, obliged bool) {
	e.c.counters.Proposed++
	e.lead.open = append(e.lead.open, openInstance{
		instance: k, value: v, obliged: obliged, first: now.Mono, sent: now.Mono,
	})
	e.lead.repeatAt = min(e.lead.repeatAt, now.Mono+e.repeatAfter(0))
	e.sendAccept(now, k, v, obliged)
}

// sendAccept hands PHASE 2 to the chain's first acceptor.
func (e *ensemble) sendAccept(now hlc.Now, k ids.Instance, v *Value, obliged bool) {
	l := &e.lead
	if l.chain[0] != e.c.cfg.Self {
		v = e.lean(v, e.member(l.chain[0]))
	}
	m := &accept{Ensemble: e.id, Round: l.round, Instance: k, Chain: l.chain, Obliged: obliged, Prompt: now.Mono < l.promptUntil, Value: v}
	if l.chain[0] == e.c.cfg.Self {
		e.accept(now, m, 0)
	} else {
		e.c.send(l.chain[0], m)
	}
}

// closeOpen takes note that instance k is decided.
func (e *ensemble) closeOpen(k ids.Instance) {
	l := &e.lead
	for i := range l.open {
		if o := &l.open[i]; o.instance == k {
			if o.repeats == 0 || e.c.cfg.Durable { // a slow disk has all repeated at first
				l.latency += (e.c.now.Mono - o.first - l.latency) / 8
			}
			l.reforms = 0
			l.queue.forget(o.value)
			if l.emptied = e.c.now.Mono; o.value.count > 0 {
				l.crowd = o.value.count
			}
			l.open = slices.Delete(l.open, i, i+1)
			break
		}
	}
	if len(l.open) == 0 {
		l.repeatAt = never
	}
}

// closeTrimmed gives up proposing what is decided and trimmed elsewhere.
func (e *ensemble) closeTrimmed(mark ids.Instance) {
	l := &e.lead
	e.seen = max(e.seen, mark)
	for len(l.open) > 0 && l.open[0].instance <= mark {
		e.closeOpen(l.open[0].instance)
	}
	for len(l.plan) > 0 && l.plan[0].instance <= mark {
		l.plan = l.plan[1:]
	}
	l.next = max(l.next, mark+1)
}

// repeatAfter is how long an open instance waits before its next repetition.
func (e *ensemble) repeatAfter(repeats int) time.Duration {
	return backoff(max(e.c.patience(), 4*e.lead.latency), repeats+1, e.c.timeout)
}

// repeatDue repeats Phase 2 of instances that have been open for too long. One
// that stays open despite that asks for another chain.
func (e *ensemble) repeatDue(now hlc.Now) {
	l := &e.lead
	e.repeatOpen(now, 0, maxInstance, func(o *openInstance) bool {
		return now.Mono >= o.sent+e.repeatAfter(o.repeats)
	})
	l.repeatAt = never
	for i := range l.open {
		o := &l.open[i]
		l.repeatAt = min(l.repeatAt, o.sent+e.repeatAfter(o.repeats))
		if now.Mono-o.first > 2*e.c.timeout && len(e.spec.Acceptors) > e.quorum && now.Mono >= l.reformAt && !l.reform {
			l.rotation++
			l.reform = true
		}
	}
}

// repeatOpen repeats Phase 2 of the open instances from..to that are due.
// Repeating one may decide it, and end this round.
func (e *ensemble) repeatOpen(now hlc.Now, from, to ids.Instance, due func(*openInstance) bool) {
	l := &e.lead
	for i := 0; i < len(l.open) && l.phase == leading; {
		o := &l.open[i]
		k := o.instance
		if k >= from && k <= to && due(o) {
			e.c.counters.Repeats++
			o.sent = now.Mono
			o.repeats++
			e.sendAccept(now, k, o.value.plain(), o.obliged)
		}
		if i < len(l.open) && l.open[i].instance == k {
			i++
		}
	}
}
