package bench

import (
	"bytes"
	"context"
	"encoding/binary"
	"sync"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/host"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/ridge"
)

// proposals gathers messages until they are multicast, and knows who waits.
type proposals struct {
	id ids.Client

	mu      sync.Mutex
	last    ids.Sequence
	waiting []waitingOp // by slot
	pending []ridge.Message
	batch   int    // size of the last batch
	bodies  []byte // where the next bodies go

	dones []func(error) // complete's own
	// all is told of those that have completed, in place of callbacks, or nil.
	all func(slots []uint32, err error)
}

type waitingOp struct {
	sequence ids.Sequence // zero: nobody waits
	done     func(error)
	early    func() // nil: nobody waits for an optimistic answer, or it came
	// For a proposer on the network: what to multicast again, if nothing is
	// heard by then, and how often that was done.
	message ridge.Message
	by      time.Time
	again   int
}

// bodyChunk is how much room for bodies is allocated at a time.
const bodyChunk = 64 << 10

// add is called with the lock held.
func (p *proposals) add(op *Op, dests ids.Set, t0 hlc.Timestamp, done func(error)) *waitingOp {
	p.last++
	if p.pending == nil {
		p.pending = make([]ridge.Message, 0, p.batch)
	}
	p.pending = append(p.pending, ridge.Message{
		Command: ids.Command{Client: p.id, Sequence: p.last}, Attempt: 1, T0: t0,
		Mark: 1, Dests: dests, Body: p.encode(op),
	})
	return p.wait(op.Slot, done)
}

// encode is an operation's body.
func (p *proposals) encode(op *Op) []byte {
	n := opHead + len(op.Value)
	if n > bodyChunk/4 {
		var head [opHead]byte
		appendOp(head[:0], &Op{Key: op.Key, Slot: op.Slot})
		return bytes.Join([][]byte{head[:], op.Value}, nil) // into room that is not cleared before
	}
	if cap(p.bodies)-len(p.bodies) < n {
		p.bodies = make([]byte, 0, bodyChunk)
	}
	at := len(p.bodies)
	p.bodies = appendOp(p.bodies, op)
	return p.bodies[at:len(p.bodies):len(p.bodies)]
}

// wait has the last message complete done. It is called with the lock held.
func (p *proposals) wait(slot int, done func(error)) *waitingOp {
	w := &p.waiting[slot]
	w.sequence, w.done, w.early = p.last, done, nil
	return w
}

// take takes what is pending.
func (p *proposals) take() []ridge.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	ms := p.pending
	p.pending, p.batch = nil, max(len(ms), 1)
	return ms
}

// complete ends what waits at the slots, if it still does: there may be a second
// copy. Of a batch it returns the slots, of which finish is to be told.
func (p *proposals) complete(done []doneOp, ready []uint32) []uint32 {
	p.mu.Lock()
	p.dones = p.dones[:0]
	for _, d := range done {
		if d.slot >= uint32(len(p.waiting)) || p.waiting[d.slot].sequence != d.sequence {
			continue
		}
		if p.waiting[d.slot].sequence = 0; p.all != nil {
			ready = append(ready, d.slot)
		} else {
			p.dones = append(p.dones, p.waiting[d.slot].done)
		}
	}
	p.mu.Unlock()
	for _, f := range p.dones {
		f(nil)
	}
	return ready
}

// finish tells of what has completed; whoever hears it may go on to submit.
func (p *proposals) finish(ready []uint32) {
	if len(ready) > 0 {
		p.all(ready, nil)
	}
}

// batched has all told of those that have completed, in place of callbacks.
func (p *proposals) batched(all func(slots []uint32, err error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = all
}

// answered passes an optimistic answer on. It does so under the lock, so that it
// never comes after the operation has completed.
func (p *proposals) answered(slot uint32, seq ids.Sequence) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if slot >= uint32(len(p.waiting)) {
		return
	}
	if w := &p.waiting[slot]; w.sequence == seq && w.early != nil {
		w.early()
		w.early = nil
	}
}

// remoteProposer proposes as a client on the network.
type remoteProposer struct {
	proposals
	proposer   *host.Proposer
	marks      bool
	stamped    hlc.Timestamp // the next T0 at least
	completing sync.Mutex
	quit       chan struct{}
	ended      sync.WaitGroup
}

// remotePatience is how long a client waits for an answer before it multicasts
// a message again, to another process.
const remotePatience = 250 * time.Millisecond

func dialRemote(ctx context.Context, s *Ridge, addrs map[ids.Process]string) (*remoteProposer, error) {
	p := &remoteProposer{quit: make(chan struct{}), marks: s.optimistic}
	p.waiting = make([]waitingOp, s.c.Outstanding)
	var err error
	p.proposer, err = host.DialProposer(ctx, host.ProposerConfig{
		Topology: s.topology, Ridge: s.tuning, Cluster: "bench", Addrs: addrs, Decode: decodeAnswer, CastAll: s.castAll,
		Handle: func(_ ids.Process, ms []wire.Message) { p.heard(ms) },
	})
	if err != nil {
		return nil, err
	}
	p.id = p.proposer.ID()
	p.ended.Go(p.repeating)
	return p, p.first(ctx, s)
}

// first waits for one message's answer: then those that matter are connected.
func (p *remoteProposer) first(ctx context.Context, s *Ridge) error {
	answered := make(chan error, 1)
	p.submit(&Op{}, s.dests(&Op{}), nil, func(err error) { answered <- err })
	p.flush()
	select {
	case err := <-answered:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *remoteProposer) submit(op *Op, dests ids.Set, early func(), done func(error)) {
	now := time.Now()
	p.mu.Lock()
	w := p.add(op, dests, hlc.Timestamp(now.UnixMicro()), done)
	w.early, w.message, w.by, w.again = early, p.pending[len(p.pending)-1], now.Add(remotePatience), 0
	p.mu.Unlock()
}

func (p *remoteProposer) flush() {
	if p.marks {
		p.stamp()
	}
	if ms := p.take(); len(ms) > 0 {
		p.proposer.Multicast(ms, 0)
	}
}

// stamp says in what is pending when it leaves, each message a microsecond later
// than the one before, since replicas order by that, as Eyrie's own client does;
// and which sequences are answered: replicas remember what they have delivered
// optimistically of all others.
func (p *remoteProposer) stamp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	low := p.last
	for i := range p.waiting {
		if w := &p.waiting[i]; w.sequence != 0 {
			low = min(low, w.sequence)
		}
	}
	p.stamped = max(p.stamped, hlc.Timestamp(time.Now().UnixMicro()))
	for i := range p.pending {
		m := &p.pending[i]
		m.T0, m.Mark = p.stamped, low
		p.stamped++
		p.waiting[binary.LittleEndian.Uint32(m.Body[4:])].message = *m
	}
}

func (p *remoteProposer) heard(ms []wire.Message) {
	var ready []uint32
	for _, m := range ms {
		if a, ok := m.(*answer); ok {
			p.completing.Lock() // several replicas may answer
			certain := a.done[:0]
			for _, d := range a.done {
				if d.early {
					p.answered(d.slot, d.sequence)
				} else {
					certain = append(certain, d)
				}
			}
			ready = p.complete(certain, ready)
			p.completing.Unlock()
		}
	}
	p.finish(ready)
}

// repeating multicasts again what was not answered in time.
func (p *remoteProposer) repeating() {
	tick := time.NewTicker(remotePatience / 4)
	defer tick.Stop()
	for {
		select {
		case <-p.quit:
			return
		case now := <-tick.C:
			p.repeat(now)
		}
	}
}

func (p *remoteProposer) repeat(now time.Time) {
	p.mu.Lock()
	due := make(map[int][]ridge.Message) // by how often again
	for i := range p.waiting {
		if w := &p.waiting[i]; w.sequence != 0 && now.After(w.by) {
			w.again++
			w.by = now.Add(remotePatience)
			due[w.again] = append(due[w.again], w.message)
		}
	}
	p.mu.Unlock()
	for again, ms := range due {
		p.proposer.Multicast(ms, again)
	}
}

func (p *remoteProposer) close() error {
	close(p.quit)
	p.ended.Wait()
	return p.proposer.Close()
}
