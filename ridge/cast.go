package ridge

import (
	"bytes"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Cast is a message straight from its proposer to a replica of one of its
// destinations (dissertation, section 5.3.4). It is optimistic delivery's only
// source, and where payloads come from that acceptors leave out. The
// coordinator's copy doubles as Propose.
type Cast struct {
	Message *Message
	// Alone: other replicas may have got none.
	Alone bool
	// raw and digest are the message's encoding and digest, if at hand.
	raw    []byte
	digest uint64
}

// Kind implements wire.Message.
func (c *Cast) Kind() wire.Kind {
	if c.Alone {
		return kindHerald
	}
	return kindCast
}

func (c *Cast) sealed() sealed {
	return sealed{message: c.Message, raw: c.raw, digest: c.digest, cast: !c.Alone}
}

// Proposal is how a proposer multicasts one message: what goes to whom. It is
// encoded and hashed once. Its messages alias it and must not change once sent.
type Proposal struct {
	propose Propose
	cast    Cast
}

// Init makes p the proposal of m. With cast the message also goes straight to
// all replicas of all its destinations: Tuning.Optimistic of the processes.
func (p *Proposal) Init(t *Topology, m *Message, cast bool) {
	*p = Proposal{propose: Propose{Ensemble: t.EnsembleFor(m.Dests), Message: m}}
	if cast {
		raw := m.Append(make([]byte, 0, m.size()))
		p.cast = Cast{Message: m, raw: raw, digest: digestOf(raw, m.Body)}
		p.propose.Cast, p.propose.raw, p.propose.digest = true, raw, p.cast.digest
	}
}

// InitAlone makes p the proposal of m, which also goes straight to some replicas
// of its destinations, see SendsTo. Who does not have it gets it with its value.
func (p *Proposal) InitAlone(t *Topology, m *Message) {
	p.Init(t, m, len(m.Dests) > 1) // mostly else it is sent once, and encoded then
	p.propose.Cast, p.propose.Herald = false, true
	p.cast.Message, p.cast.Alone = m, true
}

// Ensemble is the one that orders the message.
func (p *Proposal) Ensemble() ids.Ensemble { return p.propose.Ensemble }

// Propose is the message to the coordinator, or to an acceptor that forwards.
func (p *Proposal) Propose() *Propose { return &p.propose }

// Sends appends what a proposer sends, given the supposed coordinator.
func (p *Proposal) Sends(out []Send, t *Topology, coordinator ids.Process) []Send {
	return p.others(out, t, coordinator, 0)
}

// SendsTo appends what a proposer sends after InitAlone, given the supposed
// coordinator and the replicas that are to deliver the message optimistically.
func (p *Proposal) SendsTo(out []Send, coordinator ids.Process, heralds []ids.Process) []Send {
	out = append(out, Send{To: ids.To(coordinator), Msg: &p.propose})
	for _, h := range heralds {
		if h != coordinator {
			out = append(out, Send{To: ids.To(h), Msg: &p.cast})
		}
	}
	return out
}

// others is Sends, without what would go to self. Nothing goes to process zero.
func (p *Proposal) others(out []Send, t *Topology, coordinator, self ids.Process) []Send {
	if coordinator != self && coordinator != 0 {
		out = append(out, Send{To: ids.To(coordinator), Msg: &p.propose})
	}
	if !p.propose.Cast {
		return out
	}
	for _, d := range p.propose.Message.Dests {
		for _, r := range t.Replicas[d] {
			if r != coordinator && r != self {
				out = append(out, Send{To: ids.To(r), Msg: &p.cast})
			}
		}
	}
	return out
}

// onCast takes a direct copy. A leader of the message's ensemble orders it,
// whoever the proposer takes for the coordinator; it gives no advice, which is
// for whoever got the Propose to give.
func (c *Core) onCast(m *Cast) {
	t := c.cfg.Topology
	if !t.validDests(m.Message.Dests) || len(m.Message.Body) > c.cfg.Tuning.MaxMessage || !m.Message.Dests.Has(c.partition) {
		c.counters.Dropped++
		return
	}
	s := m.sealed()
	c.opt.hold(c, &s, true)
	if m.Alone && c.home.lead.phase == idle {
		// Whoever leads is who should have it.
		c.advise(c.home, &Propose{Ensemble: c.home.id, Message: m.Message}, Redirect)
	}
	if e := c.orders(m.Message.Dests); e != nil && e.lead.phase != idle && e.refusal(m.Message, e.time(c.now)) == 0 {
		e.enqueue(s)
	}
}

// before is the order of first timestamps and, between equal ones, of names.
func (m *Message) before(o *Message) bool {
	if m.T0 != o.T0 {
		return m.T0 < o.T0
	}
	if c := bytes.Compare(m.Command.Client[:], o.Command.Client[:]); c != 0 {
		return c < 0
	}
	if m.Command.Sequence != o.Command.Sequence {
		return m.Command.Sequence < o.Command.Sequence
	}
	return m.Attempt < o.Attempt
}

// upper follows a high quantile of a changing quantity: it rises by half of the
// samples' spread when one exceeds it and sinks so slowly otherwise that one in
// highShare does. What is far above the samples, after a pause of somebody's,
// sinks fast.
type upper struct {
	value  float64 // microseconds
	mean   float64
	spread float64
	primed bool
}

const highShare = 2000

func (q *upper) add(us hlc.Timestamp) {
	x := float64(us)
	if !q.primed {
		*q = upper{value: x, mean: x, primed: true}
		return
	}
	d := x - q.mean
	q.mean += d / 64
	q.spread += (max(d, -d) - q.spread) / 64
	rise := max(q.spread/2, 1)
	if x > q.value {
		q.value += rise
		return
	}
	q.value -= rise/highShare + max(0, q.value-q.mean-8*q.spread)/512
}
