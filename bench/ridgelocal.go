package bench

import (
	"sync"
	"time"

	"github.com/eyrie-dev/eyrie/internal/host"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/ridge"
)

// localProposer proposes from within the coordinator's process: in batches, but
// for large values, which these do not hold.
type localProposer struct {
	proposals
	node    *host.Node
	batches []*ridge.Batch
	size    int           // of the last batches
	body    []byte        // scratch
	next    ridge.Message // scratch

	sent  []sentOp // by slot
	quit  chan struct{}
	ended sync.WaitGroup
}

// sentOp is what to multicast again, if nothing is heard of it.
type sentOp struct {
	op    Op
	dests ids.Set
	// seen is the slot's sequence when repeat looked last, for the again-th time in
	// a row.
	seen  ids.Sequence
	again int
}

// localPatience is how long an operation may take until it is multicast again:
// what a coordinator refuses, or what was open at one that has lost its office, is
// lost, and on a busy machine that happens. Ours is spared the clock for each
// operation: it looks what is still there that was there.
const (
	localPatience = time.Second
	localLooks    = 4
)

func newLocalProposer(id ids.Client, outstanding int) *localProposer {
	p := &localProposer{sent: make([]sentOp, outstanding), quit: make(chan struct{})}
	p.id, p.waiting = id, make([]waitingOp, outstanding)
	p.next = p.message(0, nil, nil)
	return p
}

// begin has what is lost multicast again, by n.
func (p *localProposer) begin(n *host.Node) {
	p.node = n
	p.ended.Go(func() {
		tick := time.NewTicker(localPatience / localLooks)
		defer tick.Stop()
		for {
			select {
			case <-p.quit:
				return
			case <-tick.C:
				if ms := p.overdue(); len(ms) > 0 {
					_ = p.node.Multicast(ms)
				}
			}
		}
	})
}

func (p *localProposer) close() {
	close(p.quit)
	p.ended.Wait()
}

// overdue makes messages of all that has waited for so many looks.
func (p *localProposer) overdue() (ms []ridge.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.sent {
		s, seq := &p.sent[i], p.waiting[i].sequence
		if seq == 0 || seq != s.seen {
			s.seen, s.again = seq, 0
			continue
		}
		if s.again++; s.again%localLooks == 0 {
			ms = append(ms, p.message(seq, s.dests, appendOp(nil, &s.op)))
		}
	}
	return ms
}

// message is one that is stamped when it is multicast.
func (p *localProposer) message(seq ids.Sequence, dests ids.Set, body []byte) ridge.Message {
	return ridge.Message{Command: ids.Command{Client: p.id, Sequence: seq}, Attempt: 1, Mark: 1, Dests: dests, Body: body}
}

func (p *localProposer) submit(op *Op, dests ids.Set, done func(error)) {
	p.mu.Lock()
	sent := &p.sent[op.Slot]
	sent.op, sent.dests = *op, dests
	if opHead+len(op.Value) >= ridge.LongBody {
		p.add(op, dests, 0, done) // stamped when it is multicast
	} else {
		p.gather(op, dests)
		p.wait(op.Slot, done)
	}
	p.mu.Unlock()
}

// gather adds an operation to the batches. It is called with the lock held.
func (p *localProposer) gather(op *Op, dests ids.Set) {
	p.last++
	p.body = appendOp(p.body[:0], op)
	m := &p.next
	m.Command.Sequence, m.Dests, m.Body = p.last, dests, p.body
	if n := len(p.batches); n == 0 || !p.batches[n-1].Add(m) {
		b := ridge.NewBatch(p.size+1, (p.size+1)*len(p.body))
		b.Add(m)
		p.batches = append(p.batches, b)
	}
}

func (p *localProposer) flush() {
	// An error: the node is closing, and who waits is told by the load.
	if ms := p.take(); len(ms) > 0 {
		_ = p.node.Multicast(ms)
	}
	p.mu.Lock()
	bs := p.batches
	p.batches, p.size = nil, 0
	for _, b := range bs {
		p.size = max(p.size, b.Len())
	}
	p.mu.Unlock()
	if len(bs) > 0 {
		_ = p.node.MulticastBatches(bs)
	}
}
