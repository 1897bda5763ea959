package sim

import (
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
