package ridge

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// stream is one ensemble's decided sequence on its way into the merge.
type stream struct {
	e *ensemble
	// last is the final timestamp of the last entry or null taken. It is a
	// function of the decided sequence alone, so it is the same at every
	// learner that has taken as much.
	last hlc.Timestamp
	// items wait for the merge, in order: only those addressed here.
	items []item
	head  int
	bytes int
	// fresh counts what was pulled since the last heartbeat told it.
	freshBytes    int
	freshInstance ids.Instance
	full          bool // the learner stopped for lack of room

	// asked is the key last asked for, askAt when to ask again.
	asked    ids.Position
	askAt    time.Duration
	askTries int
}

// item is a decided entry with its final timestamp.
type item struct {
	t        hlc.Timestamp
	instance ids.Instance
	value    *Value
	message  *Message
	nearest  ids.Process
	// weight is what it counts for: the message and, for the last item of a
	// value, all else that the value keeps in memory.
	weight int
}

func (s *stream) init(e *ensemble) { s.e, s.askAt = e, never }

// room says whether more may be taken: what waits here is bounded, the rest
// waits in the log [R11].
func (s *stream) room() bool {
	t := &s.e.c.cfg.Tuning
	s.full = len(s.items)-s.head >= t.MaxWaiting || s.bytes >= t.MaxLogBytes
	return !s.full
}

// take takes the next decided value. A timestamp not above the last is raised
// (Algorithm 4, lines 30 to 35, with <= for <: erratum 2). An entry for others
// raises the key and is gone; a null only raises it [R9].
func (s *stream) take(k ids.Instance, v *Value, nearest ids.Process) {
	rest, here := v.size(), false
	for i := range v.Entries {
		s.last = max(s.last+1, v.Entries[i].T)
		if !v.dests(i).Has(s.e.c.partition) {
			continue
		}
		m := v.Entries[i].Message
		if s.head > 64 && s.head*2 > len(s.items) {
			s.compact()
		}
		here = true
		rest -= m.size()
		s.items = append(s.items, item{t: s.last, instance: k, value: v, message: m, nearest: nearest, weight: m.size()})
		s.bytes += m.size()
	}
	if here && rest > 0 {
		s.items[len(s.items)-1].weight += rest
		s.bytes += rest
	}
	s.last = max(s.last, v.Null)
}

func (s *stream) compact() {
	n := copy(s.items, s.items[s.head:])
	clear(s.items[n:])
	s.items, s.head = s.items[:n], 0
}

// reached is the key reached: nothing at or below it is still to come.
func (s *stream) reached() ids.Position { return ids.Position{T: s.last, E: s.e.id} }

// first is the key of the first item waiting.
func (s *stream) first() (ids.Position, bool) {
	if s.head == len(s.items) {
		return ids.Position{}, false
	}
	return ids.Position{T: s.items[s.head].t, E: s.e.id}, true
}

// highest is the key of the last item waiting, or zero.
func (s *stream) highest() ids.Position {
	if s.head == len(s.items) {
		return ids.Position{}
	}
	return ids.Position{T: s.items[len(s.items)-1].t, E: s.e.id}
}

// front is the first item waiting; there must be one.
func (s *stream) front() *item { return &s.items[s.head] }

// pop removes the first item.
func (s *stream) pop() {
	s.bytes -= s.items[s.head].weight
	s.items[s.head] = item{}
	s.head++
	if s.head == len(s.items) {
		s.items, s.head = s.items[:0], 0
	}
}

// delivered is the highest instance up to which everything addressed here has
// been pulled.
func (e *ensemble) delivered() ids.Instance {
	if s := &e.stream; s.head < len(s.items) {
		return s.items[s.head].instance - 1
	}
	return e.next - 1
}

// Next pulls deliveries addressed to this process, as many as ds has room for,
// and returns how many there were. Their order is the merged one: that of (final
// timestamp, ensemble), once every ensemble subscribed to has reached a higher
// key (Algorithm 4, lines 36 to 40; the addressees of Algorithm 5). Pulling
// counts as delivering: what is pulled may be forgotten everywhere. With
// optimistic delivery there is one at a time, since NextOptimistic comes before
// each.
func (c *Core) Next(ds []Delivery) (n int) {
	if c.opt.on {
		ds = ds[:min(len(ds), 1)]
	}
	for n < len(ds) {
		e, key := c.candidate()
		if e == nil {
			break
		}
		it := e.stream.front()
		if len(it.message.Dests) > 1 {
			c.togetherUntil = c.now.Mono + calm
		}
		ds[n] = Delivery{
			Position: key, Instance: it.instance, Message: it.message,
			Proposed: it.value.Proposed, Nearest: it.nearest,
		}
		n++
		if c.opt.on {
			c.opt.confirmed(c, it.message, key)
		}
		e.pulled(it)
	}
	c.counters.Delivered += uint64(n)
	return n
}

// candidate is the ensemble of the next delivery, and its key; nil if there is
// none yet.
func (c *Core) candidate() (best *ensemble, key ids.Position) {
	for _, e := range c.ensembles {
		if k, ok := e.stream.first(); ok && (best == nil || k.Less(key)) {
			best, key = e, k
		}
	}
	if best == nil || len(c.ensembles) == 1 {
		return best, key
	}
	for _, e := range c.ensembles {
		// A stream with items has its first above key, by the choice of key.
		if e != best && e.stream.head == len(e.stream.items) && !key.Less(e.stream.reached()) {
			return nil, key
		}
	}
	return best, key
}

// pulled removes a delivery and accounts for it. When very much has been
// delivered since the last heartbeat, all are told at once.
func (e *ensemble) pulled(it *item) {
	s, t := &e.stream, &e.c.cfg.Tuning
	s.freshBytes += it.message.size()
	if s.freshBytes > t.MaxLogBytes/16 || it.instance > s.freshInstance+ids.Instance(t.MaxLogCount/16) {
		e.c.beatNow = true
	}
	s.pop()
	if s.full && s.room() {
		e.consume()
	}
}

// told resets the account: a heartbeat tells the position.
func (s *stream) told() { s.freshBytes, s.freshInstance = 0, s.e.delivered() }
