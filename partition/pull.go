package partition

import (
	"slices"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// pulls are the started commands that may have to ask for what they miss.
type pulls struct {
	// usual is how long an exchange took of late, smoothed: how long is too long
	// depends on the load, and questions add to it.
	usual time.Duration
	// fresh have not asked yet, in the order in which they will.
	fresh []waiting
	head  int
	// again have asked, by Mono.
	again agenda[waiting]
	// ahead is how far askAhead has asked, and aheadDue when it may again.
	ahead    ids.Position
	aheadDue time.Duration
}

// waiting is a command that waits for other destinations.
type waiting struct {
	c   *command
	at  ids.Position // of the command; c may be another's by now
	due time.Duration
	// tries counts how often it has asked.
	tries int
}

// over says whether the command has ended.
func (w *waiting) over() bool { return w.c.finished || w.c.Position != w.at }

// maxPulls bounds the commands that ask in one tick; the others follow.
const maxPulls = 256

const (
	// A command asks after so many times the usual exchange.
	pullPatience = 4
	// pullMemory is the number of exchanges that usual is the mean of.
	pullMemory = 16
)

// exchanged notes how long a command, which ends, has waited for the others.
// One that had to ask makes the next ones wait no longer: what it missed may have
// been lost, or said before this replica came back, as with all that it replays
// then. They wait a little less, unless hasty says otherwise.
func (r *Replica) exchanged(c *command) {
	p := &r.pulls
	switch {
	case c.in.missing > 0:
	case c.asked:
		p.usual -= p.usual / (2 * pullMemory)
	default:
		p.usual += (r.now.Mono - c.begun - p.usual) / pullMemory
	}
}

// hasty notes that what was asked for had not been lost: who speaks to this
// replica has said it later. Where all are slow, questions and their answers
// would make them slower. What comes from one that speaks in place of another
// says nothing, since it is asked too: that may be its answer.
func (r *Replica) hasty() {
	p := &r.pulls
	p.usual = min(p.usual+(p.usual+r.tuning.PullAfter)/pullMemory, r.tuning.PullMax/pullPatience)
}

// pullAfter is how long a command waits before it asks.
func (r *Replica) pullAfter() time.Duration {
	after := r.tuning.PullAfter
	return min(max(after, pullPatience*r.pulls.usual), r.tuning.PullMax)
}

// armPull makes a command that has just started ask later, if need be.
func (r *Replica) armPull(c *command) {
	if p := &r.pulls; len(p.fresh) == cap(p.fresh) {
		r.pullWake() // reclaims
	}
	due := r.now.Mono + r.pullAfter()
	if p := &r.pulls; p.head < len(p.fresh) {
		due = max(due, p.fresh[len(p.fresh)-1].due)
	}
	r.pulls.fresh = append(r.pulls.fresh, waiting{c: c, at: c.Position, due: due})
}

// pullWake is when the next command asks.
func (r *Replica) pullWake() time.Duration {
	p := &r.pulls
	for p.head < len(p.fresh) && p.fresh[p.head].over() {
		p.fresh[p.head] = waiting{}
		p.head++
	}
	if p.head > 32 && p.head > len(p.fresh)/2 {
		n := copy(p.fresh, p.fresh[p.head:])
		clear(p.fresh[n:])
		p.fresh, p.head = p.fresh[:n], 0
	}
	for len(p.again.items) > 0 && p.again.items[0].what.over() {
		p.again.pop()
	}
	wake := Never
	if p.head < len(p.fresh) {
		wake = p.fresh[p.head].due
	}
	if at, ok := p.again.next(); ok {
		wake = min(wake, time.Duration(at))
	}
	return wake
}

// pullDue lets the commands ask whose time has come.
func (r *Replica) pullDue() {
	p := &r.pulls
	for n := 0; n < maxPulls; n++ {
		if r.pullWake() > r.now.Mono {
			return
		}
		var w waiting
		if at, ok := p.again.next(); ok && time.Duration(at) <= r.now.Mono {
			w = p.again.pop()
		} else {
			w = p.fresh[p.head]
			p.fresh[p.head] = waiting{}
			p.head++
		}
		r.pull(w.c, w.tries)
		r.askAhead(w.c)
		w.tries++
		wait := r.pullAfter() << min(w.tries, 20)
		if wait <= 0 || wait > r.tuning.PullMax {
			wait = r.tuning.PullMax
		}
		p.again.push(int64(r.now.Mono+wait), w)
	}
}

// replays says whether a command is so old that what others sent of it at the time
// comes no more.
func (r *Replica) replays(c *command) bool { return r.now.Wall > c.Position.T.Add(r.tuning.PullMax) }

// askAhead asks, with a command that a replica replays, about those behind it that have
// not started. They asked when they were lined up, but then nobody may have been
// connected yet, as after a start; a chain of conflicting ones would go at the pace of
// one patience each.
func (r *Replica) askAhead(c *command) {
	p := &r.pulls
	if !r.replays(c) || !p.ahead.Less(c.Position) && r.now.Mono < p.aheadDue {
		return
	}
	p.ahead, p.aheadDue = c.Position, r.now.Mono+r.tuning.PullMax
	n := 0
	for _, q := range r.queue.all() {
		if n == maxPulls {
			return
		}
		if c.Position.Less(q.Position) && !q.started && q.out != nil && q.in.missing > 0 {
			r.pull(q, 0)
			p.ahead = q.Position
			n++
		}
	}
}

// pull asks one replica of every destination that c misses something of, in
// rotation, beginning beside the one that should have spoken.
func (r *Replica) pull(c *command, tries int) {
	c.asked = true
	m := &Pull{c.Tag}
	for i := range c.in.peers {
		p := &c.in.peers[i]
		if !c.misses(p) {
			continue
		}
		r.counters.Pulls++
		r.send(r.witness(p.partition, r.number+1+uint64(tries)), m)
	}
}

// unasked says whether what comes from a replica of q is no answer: it is the
// one of this replica's number, and others are asked first.
func (r *Replica) unasked(q ids.Partition, from ids.Process) bool {
	replicas := r.config.Replicas[q]
	n := uint64(len(replicas))
	return n > 1 && from == replicas[r.number%n]
}

// witness is the i-th replica of a partition, or one after it that is not
// suspected or behind.
func (r *Replica) witness(q ids.Partition, i uint64) ids.Process {
	replicas := r.config.Replicas[q]
	n := uint64(len(replicas))
	for j := range n {
		if p := replicas[(i+j)%n]; !r.slow(p) {
			return p
		}
	}
	return replicas[i%n]
}

// onPull answers a question: here it is; not yet; gone; or passed and not
// executed. Every replica can, since every one keeps what another may have sent.
func (r *Replica) onPull(from ids.Process, m *Pull) {
	if r.last.Less(m.Position) {
		r.counters.PullsLater++
		if r.remember(from, m.Tag) {
			r.send(from, &Answer{Tag: m.Tag, Status: AnswerNotYet})
		}
		return
	}
	o := r.outbox.line.find(m.Position)
	switch {
	case o != nil && o.Tag == m.Tag:
		r.ask(o, from)
	case !r.outbox.dropped.Less(m.Position):
		r.counters.PullsGone++
		r.send(from, &Answer{Tag: m.Tag, Status: AnswerGone, Below: r.outbox.dropped})
	default:
		r.passed(from, m.Tag)
	}
}

// ask answers with all there is, and remembers who asked while more may come.
func (r *Replica) ask(o *outgoing, from ids.Process) {
	if q, ok := r.peers[from]; !ok || !o.dests.Has(q) {
		r.counters.Invalid++
		return
	}
	if !o.finished && !slices.Contains(o.askers, from) {
		o.askers = append(o.askers, from) // bounded by the replicas of dests
	}
	if !o.signal && len(o.vars) == 0 && len(o.parts) == 0 {
		r.counters.PullsLater++
		r.send(from, &Answer{Tag: o.Tag, Status: AnswerNotYet})
		return
	}
	r.counters.PullsHere++
	for m := o.everything(); m != nil; {
		var piece *Exchange
		piece, m = o.cut(m)
		r.send(from, piece)
	}
}

// passed answers a question about a command that was not accepted at its
// position: destinations disagree about the order or a verdict. Both sides
// stop and name it, instead of waiting for ever [E7].
func (r *Replica) passed(from ids.Process, tag Tag) {
	r.send(from, &Answer{Tag: tag, Status: AnswerPassed})
	r.stop("process %d waits for %v attempt %d, accepted at %v there and not here", from, tag.Command, tag.Attempt, tag.Position)
}

// onAnswer takes the answer to a pull that brought nothing.
func (r *Replica) onAnswer(q ids.Partition, from ids.Process, m *Answer) {
	c := r.queue.find(m.Position)
	if c == nil || c.out == nil || c.Tag != m.Tag {
		r.counters.Ignored++
		return
	}
	p := c.in.peer(q)
	switch {
	case p == nil:
		r.counters.Invalid++
	case !c.misses(p):
		r.counters.Ignored++ // it has come from another
	case m.Status == AnswerPassed:
		r.stop("%v attempt %d, accepted at %v here, was not at process %d of partition %d", c.Command, c.Attempt, c.Position, from, q)
	case m.Status == AnswerGone:
		r.goneAt(p, from)
	}
}

// goneAt notes that a replica has dropped what a command waits for; see
// NeedState.
func (r *Replica) goneAt(p *peer, from ids.Process) {
	r.gone = true
	if len(p.gone) == 0 {
		p.goneSince = r.now.Mono
	}
	if !slices.Contains(p.gone, from) {
		p.gone = append(p.gone, from)
	}
}
