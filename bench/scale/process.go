package scale

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/sim"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// roundMessages is how many messages a core takes before its output is sent,
// as in internal/host.
const roundMessages = 256

// taken takes note that a part will have been received at end. With its last
// part a frame comes into the inbox. With several processors one runs the core
// and the others read, check and decode; with one, that is part of the round.
func (x *node) taken(p *part, end time.Duration) {
	f, last := p.frame, p.last
	p.frame = nil
	x.net.parts = append(x.net.parts, p)
	if !last {
		return
	}
	f.ready = end
	if len(x.readers) > 0 && !x.free {
		r := &x.readers[0]
		for i := range x.readers {
			if x.readers[i] < *r {
				r = &x.readers[i]
			}
		}
		cost := span(x.net.costs.Read + x.net.receiving(f))
		if *r < f.ready {
			cost += span(x.net.costs.Wake)
		}
		*r = max(*r, f.ready) + cost
		x.work += cost
		x.order = max(x.order, *r)
		f.ready = x.order
	}
	x.net.messages += uint64(len(f.messages))
	x.inbox = append(x.inbox, f)
	x.arm()
}

// receiving is what checking and decoding a frame cost, beyond the read.
func (n *network) receiving(f *frame) (ns float64) {
	c := &n.costs
	return float64(len(f.messages))*c.RecvMessage + float64(f.size)*(c.RecvByte+c.RecvEntry/n.entry)
}

// arm plans the next round, if there is reason for one.
func (x *node) arm() {
	w := x.net.world
	at := none
	if x.head < len(x.inbox) {
		at = x.inbox[x.head].ready
	}
	if x.tickAt != none && x.tickAt <= w.Now() {
		at = w.Now()
	}
	if at == none {
		return
	}
	at = max(at, x.busy, w.Now())
	if x.armed == none || at < x.armed {
		x.armed = at
		w.At(at, x.run)
	}
}

// watch sees to it that the core's tick comes in time.
func (x *node) watch() {
	w := x.net.world
	switch {
	case x.tickAt == none:
	case x.tickAt <= w.Now():
		x.arm()
	case x.planned == none || x.tickAt < x.planned:
		x.planned = x.tickAt
		w.At(x.tickAt, x.tick)
	}
}

// round is one round of a process's loop (internal/host): it takes what has
// come, steps the core with it, ticks it if that is due, and sends what it
// says, one frame and one write for each destination.
func (x *node) round() {
	w, c := x.net.world, &x.net.costs
	now := w.Now()
	clocks := x.clocks(now)
	cost := 0.0
	if now > x.busy {
		cost = c.Wake
	}
	x.rounds++
	batch := false
	for taken := 0; x.head < len(x.inbox) && x.inbox[x.head].ready <= now && taken < roundMessages; {
		f := x.inbox[x.head]
		x.inbox[x.head] = nil
		x.head++
		taken += len(f.messages)
		if len(x.readers) == 0 {
			cost += x.net.receiving(f)
			if x.heard[f.from] != x.rounds { // one read takes all that has come
				x.heard[f.from] = x.rounds
				cost += c.Read
			}
		}
		from := x.net.nodes[f.from].addr
		for i, m := range f.messages {
			if !batch && proposes(m) { // one batch in a round with proposals
				batch = true
				cost += c.Batch
			}
			cost += x.net.stepping(m, f.sizes[i])
			x.core.Step(clocks, from, m)
		}
		x.net.release(f)
	}
	if x.head == len(x.inbox) {
		x.inbox, x.head = x.inbox[:0], 0
	}
	if x.tickAt != none && x.tickAt <= now {
		cost += c.Step
		x.core.Tick(clocks)
	}
	if x.free {
		cost = 0
	}
	delivered := x.core.Drain(now+span(cost), x.emit)
	if !x.free {
		cost += float64(delivered) * c.Deliver
		if w, ok := x.core.(worker); ok {
			cost += w.Worked()
		}
	}
	x.flush(now, cost)
	x.plan(now)
}

// stepping is what the core's work on one message costs.
func (n *network) stepping(m wire.Message, size int) (ns float64) {
	c := &n.costs
	if proposes(m) {
		return c.Propose + c.ProposeByte*float64(size)
	}
	return c.Step + float64(size)*(c.StepByte+c.StepEntry/n.entry)
}

// emit adds a message to its destination's frame.
func (x *node) emit(to ids.Addr, m wire.Message) {
	dst, ok := x.net.addrs[to]
	if !ok || dst == x.id {
		return
	}
	if m != x.last { // the same message often goes to many
		x.last, x.size = m, x.net.sizeOf(m)
	}
	f := x.out[dst]
	if f == nil {
		f = x.net.frame(x.id, dst)
		x.out[dst] = f
		x.frames = append(x.frames, f)
	}
	f.messages = append(f.messages, m)
	f.sizes = append(f.sizes, x.size)
	if f.size += messageHeader + x.size; f.size >= frameTarget {
		x.out[dst] = nil // full; what follows goes into the next
	}
}

// flush writes the frames one after the other, each leaving when its write is
// done; the frames for one destination are one write. cost is what the round has
// cost so far.
func (x *node) flush(now time.Duration, cost float64) {
	c := &x.net.costs
	for _, f := range x.frames {
		x.out[f.to] = nil
		f.wire = wireBytes(f.size)
		if x.free {
			x.port.send(f)
			continue
		}
		if x.wrote[f.to] != x.rounds {
			x.wrote[f.to] = x.rounds
			cost += c.Write
		}
		cost += float64(len(f.messages))*c.SendMessage + float64(f.size)*c.SendByte
		x.net.world.At(now+span(cost), f.leave)
	}
	x.frames, x.last = x.frames[:0], nil
	x.busy = now + span(cost)
	x.work += span(cost)
}

// plan plans the next round after one at now.
func (x *node) plan(now time.Duration) {
	x.tickAt = none
	if wake := x.core.Wake(); wake < sim.Never {
		x.tickAt = max(wake-monoStart, now+time.Microsecond)
	}
	x.watch()
	x.arm()
}
