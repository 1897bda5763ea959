package sim

import (
	"bytes"
	"fmt"
	"math/bits"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Network is how links behave when no fault is being done to them.
// Probabilities are in millionths of a message.
type Network struct {
	// Base is the delay of a typical link, Spread how unequal links are:
	// each link's own delay is drawn between Base and Base * Spread.
	Base   time.Duration
	Spread int
	// Tail is how many doublings of its delay a message may suffer, each
	// half as likely as the one before.
	Tail int
	// FIFO: messages of one link do not overtake one another, as on one
	// connection.
	FIFO           bool
	Loss, Dup      int
	DupDelay       time.Duration // a second copy comes up to this much later
	StepCost       time.Duration // processor time of handling one message
	FuzzedDecoding bool          // also decode damaged copies and ignore the result
}

// link is one direction between two endpoints.
type link struct {
	base  time.Duration
	last  time.Duration // arrival of the latest message, for FIFO
	cuts  int32         // faults that now cut it
	slow  int32         // added doublings of its delay
	stall time.Duration // nothing arrives before: delivered late, in order
	reset uint32        // connections broken so far; what was in flight is lost
}

// flight is a message on its way.
type flight struct {
	from, to ID
	kind     wire.Kind
	reset    uint32
	inc      ids.Incarnation
	msg      wire.Message // nil when it travels as bytes
	body     []byte
	sum      uint64
}

func (w *World) link(from, to ID) *link { return &w.links[int(from)*w.cfg.Endpoints+int(to)] }

func (w *World) drawLinks() {
	n := w.cfg.Network
	for i := range w.links {
		w.links[i].base = n.Base
		if n.Spread > 1 {
			w.links[i].base += time.Duration(w.net.Int64N(int64(n.Base)*int64(n.Spread-1) + 1))
		}
	}
}

// send puts a message on its link, or loses it.
func (w *World) send(from ID, to ids.Addr, m wire.Message) {
	w.Counts.Sent++
	dst, ok := w.addrs[to]
	if !ok || dst == from {
		w.Counts.NoSuchAddress++
		return
	}
	w.buf = m.Append(w.buf[:0])
	sum := xxhash.Sum64(w.buf)
	w.Counts.Bytes += uint64(len(w.buf))
	l := w.link(from, dst)
	f := flight{from: from, to: dst, kind: m.Kind(), reset: l.reset, inc: w.ends[from].inc, sum: sum}
	if w.cfg.Pointers || w.cfg.Decode == nil {
		f.msg = m
	} else {
		f.body = w.bytes.copy(w.buf)
	}
	w.note(Event{Kind: Sent, From: from, To: dst, Msg: f.kind, Arg: int64(sum), Message: m})
	if l.cuts > 0 {
		w.lose(&f, &w.Counts.Cut)
		return
	}
	n := &w.cfg.Network
	loss := n.Loss
	if w.now < w.burstEnd {
		loss = max(loss, w.burst)
	}
	if !w.quiet && loss > 0 && w.net.IntN(1_000_000) < loss {
		w.lose(&f, &w.Counts.Lost)
		return
	}
	at := w.arrival(l)
	w.enqueue(at, f)
	if !w.quiet && n.Dup > 0 && w.net.IntN(1_000_000) < n.Dup {
		w.Counts.Duplicated++
		if f.body != nil {
			f.body = w.bytes.copy(f.body)
		}
		w.enqueue(at+time.Duration(w.net.Int64N(int64(n.DupDelay)+1)), f)
	}
}

// mostDoublings bounds what slow links and the tail together do to a delay.
const mostDoublings = 10

// arrival draws when a message sent now arrives.
func (w *World) arrival(l *link) time.Duration {
	r := w.net.Uint64()
	d := l.base/2 + time.Duration((r>>32)*uint64(l.base)>>32)
	tail := w.cfg.Network.Tail
	if w.quiet {
		tail = min(tail, 1)
	}
	tail = min(bits.TrailingZeros32(uint32(r)|1<<31), tail)
	at := w.now + d<<min(tail+int(l.slow), mostDoublings)
	if at < l.stall {
		at = l.stall
	}
	if w.cfg.Network.FIFO {
		at = max(at, l.last+1)
		l.last = at
	}
	return at
}

func (w *World) enqueue(at time.Duration, f flight) {
	var i int32
	if n := len(w.fmsg); n > 0 {
		i, w.fmsg = w.fmsg[n-1], w.fmsg[:n-1]
		w.msgs[i] = f
	} else {
		i = int32(len(w.msgs))
		w.msgs = append(w.msgs, f)
	}
	w.queue.push(event{at: at, kind: evMessage, arg: i})
}

func (w *World) lose(f *flight, count *uint64) {
	*count++
	w.note(Event{Kind: Dropped, From: f.from, To: f.to, Msg: f.kind, Arg: int64(f.sum)})
}

func (w *World) release(i int32) flight {
	f := w.msgs[i]
	w.msgs[i] = flight{}
	w.fmsg = append(w.fmsg, i)
	return f
}

// arrive is the end of a message's way: it is handled, waits for its endpoint,
// or is lost with its connection.
func (w *World) arrive(i int32) {
	f := &w.msgs[i]
	e := &w.ends[f.to]
	l := w.link(f.from, f.to)
	switch {
	case !e.alive:
		w.release(i)
		w.Counts.ToDead++
	case l.cuts > 0 || l.reset != f.reset:
		lost := w.release(i)
		w.lose(&lost, &w.Counts.Cut)
	case e.held > w.now || e.busy > w.now || len(e.inbox) > e.head:
		if len(e.inbox)-e.head >= w.cfg.InboxLimit {
			lost := w.release(i)
			w.lose(&lost, &w.Counts.InboxFull)
			return
		}
		e.inbox = append(e.inbox, i)
		w.planRun(f.to)
	default:
		w.handle(w.release(i))
	}
}

func (w *World) planRun(id ID) {
	e := &w.ends[id]
	if !e.run {
		e.run = true
		w.queue.push(event{at: max(e.held, e.busy, w.now), kind: evRun, arg: int32(id)})
	}
}

func (w *World) drainInbox(id ID) {
	e := &w.ends[id]
	e.run = false
	for e.alive && e.head < len(e.inbox) {
		if max(e.held, e.busy) > w.now {
			w.planRun(id)
			return
		}
		i := e.inbox[e.head]
		if e.head++; e.head > 1024 && 2*e.head > len(e.inbox) {
			e.inbox, e.head = append(e.inbox[:0], e.inbox[e.head:]...), 0
		}
		w.handle(w.release(i))
		if w.err != nil {
			return
		}
	}
	for ; e.head < len(e.inbox); e.head++ { // crashed
		w.release(e.inbox[e.head])
	}
	e.inbox, e.head = e.inbox[:0], 0
}

// handle gives a message to its endpoint.
func (w *World) handle(f flight) {
	m := w.open(&f)
	if m == nil {
		return
	}
	w.Counts.Delivered++
	w.note(Event{Kind: Delivered, From: f.from, To: f.to, Msg: f.kind, Arg: int64(f.sum), Message: m})
	e := &w.ends[f.to]
	if c := e.cost + w.cfg.Network.StepCost; c > 0 {
		e.busy = w.now + c
	}
	e.core.Step(e.clock.read(w.now), w.ends[f.from].addr, f.inc, m)
	w.settle(f.to)
}

// open turns a flight back into a message, and checks that it is the one that
// was sent.
func (w *World) open(f *flight) wire.Message {
	if f.msg != nil {
		w.buf = f.msg.Append(w.buf[:0])
		if sum := xxhash.Sum64(w.buf); sum != f.sum {
			w.fail(fmt.Errorf("a %T from %v to %v was changed after it was sent",
				f.msg, w.ends[f.from].addr, w.ends[f.to].addr))
			return nil
		}
		return f.msg
	}
	m, err := w.cfg.Decode(f.kind, f.body)
	if err != nil {
		w.fail(fmt.Errorf("message of kind %#x from %v to %v, %d bytes, does not decode: %w",
			f.kind, w.ends[f.from].addr, w.ends[f.to].addr, len(f.body), err))
		return nil
	}
	if w.Counts.Delivered%16 == 0 {
		if w.buf = m.Append(w.buf[:0]); !bytes.Equal(w.buf, f.body) {
			w.fail(fmt.Errorf("a %T from %v, decoded and encoded again, is not the same", m, w.ends[f.from].addr))
			return nil
		}
	}
	if w.cfg.Network.FuzzedDecoding && len(f.body) > 0 && w.Counts.Delivered%64 == 1 {
		w.buf = append(w.buf[:0], f.body...)
		r := w.net.Uint64()
		w.buf[r%uint64(len(w.buf))] ^= byte(1 + (r>>40)%255)
		if r>>63 == 1 {
			w.buf = w.buf[:r>>8%uint64(len(w.buf)+1)]
		}
		if d, err := w.cfg.Decode(f.kind, w.buf); err == nil {
			w.bytes.spare = d.Append(w.bytes.spare[:0]) // must not panic either
		}
		w.Counts.Fuzzed++
	}
	return m
}

func (w *World) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// arena hands out copies of byte strings from large pieces, so that sending
// costs no allocation of its own; a piece is freed with the last message that
// lies in it.
type arena struct {
	piece []byte
	spare []byte
}

func (a *arena) copy(b []byte) []byte {
	if len(b) > cap(a.piece)-len(a.piece) {
		a.piece = make([]byte, 0, max(64<<10, len(b)))
	}
	n := len(a.piece)
	a.piece = append(a.piece, b...)
	return a.piece[n:len(a.piece):len(a.piece)]
}
