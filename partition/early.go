package partition

import (
	"github.com/tidwall/btree"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// early keeps what comes before its command is delivered: exchange messages
// and questions. Both are bounded; what does not fit is dropped and pulled, or
// asked, again later [R11]. Of what competes, the nearest position wins: it
// is needed first.
type early struct {
	byPosition *btree.BTreeG[*foretold]
	messages   int
	bytes      int
	questions  int
	probe      foretold       // to look one up
	near       btree.PathHint // to where that was
	free       []*foretold
}

// foretold is what was said about one position to come.
type foretold struct {
	position  ids.Position
	exchanges []foretoldExchange
	questions []question
	bytes     int
}

// foretoldExchange is an exchange message; m is nil if it is the signal alone.
type foretoldExchange struct {
	from ids.Partition
	tag  Tag
	m    *Exchange
}

func (x *foretoldExchange) size() int {
	if x.m == nil {
		return 100
	}
	return x.m.Size()
}

// question is a remembered Pull.
type question struct {
	from ids.Process
	tag  Tag
}

func newEarly() early {
	less := func(a, b *foretold) bool { return a.position.Less(b.position) }
	return early{byPosition: btree.NewBTreeGOptions(less, btree.Options{NoLocks: true})}
}

func (y *early) at(p ids.Position) *foretold {
	f := y.get(p)
	if f == nil {
		if f = pop(&y.free); f == nil {
			f = new(foretold)
		}
		f.position = p
		y.byPosition.SetHint(f, &y.near)
	}
	return f
}

func (y *early) get(p ids.Position) *foretold {
	y.probe.position = p
	if f, ok := y.byPosition.GetHint(&y.probe, &y.near); ok {
		return f
	}
	return nil
}

// renew keeps what was dropped, to be used again.
func (y *early) renew(f *foretold) {
	if len(y.free) < maxSpares && cap(f.exchanges) <= maxSpares && cap(f.questions) <= maxSpares {
		clear(f.exchanges)
		*f = foretold{exchanges: f.exchanges[:0], questions: f.questions[:0]}
		y.free = append(y.free, f)
	}
}

func (y *early) drop(f *foretold) {
	y.byPosition.Delete(f)
	y.messages -= len(f.exchanges)
	y.questions -= len(f.questions)
	y.bytes -= f.bytes
}

// keep stores an exchange message for a position to come.
func (r *Replica) keep(x foretoldExchange) {
	y := &r.early
	f := y.at(x.tag.Position)
	size := x.size()
	f.exchanges = append(f.exchanges, x)
	f.bytes += size
	y.messages++
	y.bytes += size
	for y.messages > r.tuning.MaxEarly || y.bytes+r.heldBytes > r.tuning.MaxEarlyBytes {
		last, ok := y.byPosition.Max()
		if !ok {
			return
		}
		r.counters.EarlyDrops += uint64(len(last.exchanges))
		y.drop(last)
	}
}

// remember stores a question for a position to come; false if it cannot.
func (r *Replica) remember(from ids.Process, tag Tag) bool {
	y := &r.early
	if y.questions >= r.tuning.MaxQuestions {
		return false
	}
	f := y.at(tag.Position)
	for _, q := range f.questions {
		if q.from == from && q.tag == tag {
			return true
		}
	}
	f.questions = append(f.questions, question{from, tag})
	y.questions++
	return true
}

// claimEarly gives a command what was said about it before it came.
func (r *Replica) claimEarly(c *command) {
	if r.early.byPosition.Len() == 0 {
		return
	}
	f := r.early.get(c.Position)
	if f == nil {
		return
	}
	r.early.drop(f)
	for _, x := range f.exchanges {
		switch {
		case x.tag != c.Tag:
			r.counters.Invalid++
		case x.m == nil:
			r.signalled(c, x.from)
		default:
			r.absorb(c, x.from, x.m)
		}
	}
	for _, q := range f.questions {
		if q.tag == c.Tag {
			r.ask(c.out, q.from)
		} else {
			r.passed(q.from, q.tag)
		}
	}
	r.early.renew(f)
}

// passEarly drops what was said about positions that the order has passed,
// and answers questions about what was not accepted there.
func (r *Replica) passEarly() {
	for r.early.byPosition.Len() > 0 {
		f, _ := r.early.byPosition.Min()
		if r.last.Less(f.position) {
			return
		}
		r.early.drop(f)
		r.counters.Ignored += uint64(len(f.exchanges))
		for _, q := range f.questions {
			r.passed(q.from, q.tag)
		}
	}
}

// onExchange takes a signal or values.
func (r *Replica) onExchange(from ids.Process, q ids.Partition, m *Exchange) {
	if r.last.Less(m.Position) {
		if !m.ordered() || !m.dated() {
			r.counters.Invalid++
			return
		}
		r.keep(foretoldExchange{q, m.Tag, m})
		if r.speculator != nil {
			r.speculator.Heard(q, m)
		}
		return
	}
	if c := r.addressee(from, q, &m.Tag, m.Signal); c != nil {
		r.absorb(c, q, m)
		if c.started {
			r.proceed(c)
		}
	}
}

// addressee is the unfinished command that a message is about; nil if it is to be
// dropped.
func (r *Replica) addressee(from ids.Process, q ids.Partition, tag *Tag, signal bool) *command {
	c := r.queue.find(tag.Position)
	if signal && (c == nil || c.asked) && r.unasked(q, from) {
		r.hasty()
	}
	switch {
	case c == nil:
		r.counters.Ignored++ // finished, or never accepted here
	case c.Tag != *tag || c.out == nil:
		r.counters.Invalid++
	case !c.started && r.early.bytes+r.heldBytes > r.tuning.MaxEarlyBytes:
		r.counters.EarlyDrops++ // it will be pulled
	default:
		return c
	}
	return nil
}
