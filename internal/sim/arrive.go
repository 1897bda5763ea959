package sim

import (
	"bytes"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/eyrie-dev/eyrie/internal/wire"
)

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
