package ridge

import (
	"math"
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
	// items wait for the merge, in order: only those addressed here. count is
	// the number of entries in them, top the final timestamp of the last.
	items []item
	head  int
	count int
	bytes int
	top   hlc.Timestamp
	// cursor is where the first item, if it is a run, goes on.
	cursor cursor
	// taken counts all that was taken.
	taken taken
	// fresh counts what was pulled since the last heartbeat told it.
	freshBytes    int
	freshInstance ids.Instance
	full          bool // the learner stopped for lack of room

	// asked is the key last asked for, askAt when to ask again.
	asked ids.Position
	// wish is what would be good to have reached, although nobody waits for it yet.
	wish     hlc.Timestamp
	askAt    time.Duration
	askTries int
}

// item is a decided entry or, if message is nil, a run: all entries of a value,
// which are taken out of it one by one when they are pulled. t is the final
// timestamp, of a run that of the first entry that is left.
type item struct {
	t        hlc.Timestamp
	instance ids.Instance
	// before is the stream's last timestamp before the instance [C1].
	before  hlc.Timestamp
	value   *Value
	message *Message
	nearest ids.Process
	// taken are the bytes taken before the instance.
	taken uint64
	// weight is what it counts for: a run, the value; an entry, the message and,
	// if it is its value's last item, all else that the value keeps in memory.
	weight int
}

func (s *stream) init(e *ensemble) { s.e, s.askAt = e, never }

// room says whether more may be taken: what waits here is bounded, the rest
// waits in the log [R11].
func (s *stream) room() bool {
	t := &s.e.c.cfg.Tuning
	s.full = s.count >= t.MaxWaiting || s.bytes >= t.MaxLogBytes
	return !s.full
}

// take takes the next decided value. A timestamp not above the last is raised
// (Algorithm 4, lines 30 to 35, with <= for <: erratum 2). An entry for others
// raises the key and is gone; a null only raises it [R9].
func (s *stream) take(k ids.Instance, v *Value, nearest ids.Process) {
	switch {
	case v.common == nil || s.e.c.opt.on:
		s.takeEach(k, v.whole(), nearest)
		return
	case v.common.Has(s.e.c.partition):
		s.push(item{t: max(s.last+1, v.first()), instance: k, before: s.last, value: v, nearest: nearest, taken: s.taken.bytes, weight: v.size()})
		s.count += v.count
		s.top = max(s.last+hlc.Timestamp(v.count), v.reach)
	}
	s.last = v.lastAfter(s.last)
}

// takeEach takes a value whose entries have different destinations.
func (s *stream) takeEach(k ids.Instance, v *Value, nearest ids.Process) {
	rest, here, before := v.size(), false, s.last
	for i := range v.Entries {
		s.last = max(s.last+1, v.Entries[i].T)
		if !v.dests(i).Has(s.e.c.partition) {
			continue
		}
		m := v.Entries[i].Message
		here = true
		rest -= m.size()
		s.push(item{t: s.last, instance: k, before: before, value: v, message: m, nearest: nearest, taken: s.taken.bytes, weight: m.size()})
		s.count++
		s.top = s.last
	}
	if here && rest > 0 {
		s.items[len(s.items)-1].weight += rest
		s.bytes += rest
	}
	s.last = max(s.last, v.Null)
}

func (s *stream) push(it item) {
	s.items, s.head = compact(s.items, s.head)
	s.items = append(s.items, it)
	s.bytes += it.weight
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
	return ids.Position{T: s.top, E: s.e.id}
}

// front is the first item waiting; there must be one.
func (s *stream) front() *item { return &s.items[s.head] }

// next is the first entry's message, which may be put into room. It is called
// once for each.
func (s *stream) next(room *Message) *Message {
	it := s.front()
	if it.message != nil {
		return it.message
	}
	return it.value.pull(&s.cursor, room)
}

// pop removes the first entry.
func (s *stream) pop() {
	s.count--
	if it := s.front(); it.message == nil {
		if s.cursor.index++; s.cursor.index < it.value.count {
			it.t = max(it.t+1, it.value.timestamp(&s.cursor))
			return
		}
	}
	s.drop()
}

// drop removes the first item.
func (s *stream) drop() {
	s.cursor = cursor{}
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
// optimistic delivery they end before one that is not opt-delivered yet: then
// NextOptimistic comes first.
func (c *Core) Next(ds []Delivery) (n int) {
	if len(c.carved) < len(ds) {
		c.carved = make([]Message, len(ds))
	}
	for n < len(ds) {
		e, key := c.candidate()
		if e == nil {
			break
		}
		it := e.stream.front()
		if it.message == nil {
			n += e.pullRun(ds[n:], c.carved[n:], c.bound(e))
			continue
		}
		if n > 0 && c.opt.on && c.lacks(it.message, key) {
			break
		}
		m := it.message
		if len(m.Dests) > 1 {
			c.togetherUntil = c.now.Mono + calm
		}
		ds[n] = Delivery{
			Position: key, Instance: it.instance, Message: m,
			Proposed: it.value.Proposed, Nearest: it.nearest, Origin: it.value.ID.Origin,
		}
		n++
		c.merged = key
		if c.opt.on {
			c.counted(e)
			c.opt.confirmed(c, m, key)
		}
		k := it.instance
		e.stream.pop()
		e.pulled(k, m.size())
	}
	c.counters.Delivered += uint64(n)
	return n
}

// pullRun pulls the first entry of the run that is e's first item, and those after
// it whose keys are below bound, as many as ds and room have places for.
func (e *ensemble) pullRun(ds []Delivery, room []Message, bound ids.Position) (n int) {
	c, s := e.c, &e.stream
	it := s.front()
	v, k, t, bytes := it.value, it.instance, it.t, 0
	most := min(len(ds), v.count-s.cursor.index)
	for {
		m := v.pull(&s.cursor, &room[n])
		// Field by field: a literal would be made elsewhere and copied, which
		// waits for what has just been written.
		d := &ds[n]
		d.Position.T, d.Position.E, d.Instance, d.Message = t, e.id, k, m
		d.Proposed, d.Nearest, d.Origin = v.Proposed, it.nearest, v.ID.Origin
		bytes += m.size()
		n++
		if s.cursor.index++; s.cursor.index < v.count {
			t = max(t+1, v.timestamp(&s.cursor))
		}
		if n == most || !(ids.Position{T: t, E: e.id}).Less(bound) {
			break
		}
	}
	c.merged, it.t = ds[n-1].Position, t
	if len(v.common) > 1 {
		c.togetherUntil = c.now.Mono + calm
	}
	if s.count -= n; s.cursor.index == v.count {
		s.drop()
	}
	e.pulled(k, bytes)
	return n
}

// bound is the lowest key that an ensemble other than e may still bring.
func (c *Core) bound(e *ensemble) ids.Position {
	b := ids.Position{T: math.MaxInt64}
	for _, o := range c.ensembles {
		if o == e {
			continue
		}
		k, ok := o.stream.first()
		if !ok {
			k = o.stream.reached()
		}
		if k.Less(b) {
			b = k
		}
	}
	return b
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

// pulled accounts for deliveries from instance k. When very much has been
// delivered since the last heartbeat, all are told at once.
func (e *ensemble) pulled(k ids.Instance, bytes int) {
	s := &e.stream
	s.freshBytes += bytes
	if e.close && e.fillsLogs(k) {
		e.c.beatNow = true
	}
	if s.full && s.room() {
		e.consume()
	}
}

// told resets the account: a heartbeat tells the position.
func (s *stream) told() { s.freshBytes, s.freshInstance = 0, s.e.delivered() }
