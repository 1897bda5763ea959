package ridge

import (
	"slices"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// directBytes: a value up to this size is no burden, and goes to the learners
// that lack it without a distributor between. So does any value that only one
// learner lacks.
const directBytes = 1 << 10

// conclude announces a decision that this acceptor, the last of the chain,
// knows first: DECISION to all learners, the value to one distributor among
// those that lack it, the learners outside the chain (Algorithm 3, lines 29 to
// 32). Announced before, only DECISION goes out again; who lacks the value
// fetches it. counted: the coordinator has been sent the votes, and counts them.
func (e *ensemble) conclude(m *accept, counted bool) {
	var v *valueMessage
	var distributor *member
	direct := false
	if s := e.log.at(m.Instance); !s.decided && len(e.members) > len(m.Chain) {
		v = &valueMessage{Ensemble: e.id, Round: m.Round, Instance: m.Instance, Chain: m.Chain}
		v.Value = e.lean(m.Value, e.outside(m.Chain)...)
		if direct = v.Value.size() <= valueOverhead+directBytes; !direct {
			distributor = e.distributor(m.Chain)
		}
	}
	others := len(e.members) - len(m.Chain) - 1
	if distributor != nil && others == 0 {
		direct, distributor = true, nil // nobody to distribute it to
	}
	lazy := e.lazy(m) && direct
	d := &decision{Ensemble: e.id, Round: m.Round, Instance: m.Instance, ID: m.Value.ID}
	for i := range e.members {
		idle := lazy && e.members[i].partition == e.c.partition
		switch p := e.members[i].process; {
		case p == e.c.cfg.Self || &e.members[i] == distributor || counted && p == m.Chain[0]:
		case direct && !slices.Contains(m.Chain, p):
			e.c.out = append(e.c.out, Send{To: ids.To(p), Msg: v, Lazy: idle})
		default:
			e.c.out = append(e.c.out, Send{To: ids.To(p), Msg: d, Lazy: idle && p != m.Round.Coordinator})
		}
	}
	if distributor != nil {
		distributor.distribution.bytes += uint64(v.Value.size()) * uint64(others+1)
		v.Distribute = true
		e.c.send(distributor.process, v)
	}
	e.learn(m.Instance, m.Value.ID, m.Value, e.c.cfg.Self)
}

// outside are the learners outside a chain.
func (e *ensemble) outside(chain []ids.Process) []*member {
	if !e.c.opt.on {
		return nil // nothing is left out towards anybody
	}
	out := make([]*member, 0, len(e.members))
	for i := range e.members {
		if m := &e.members[i]; !slices.Contains(chain, m.process) {
			out = append(out, m)
		}
	}
	return out
}

// onValue takes a decided value, and distributes it if asked to (Algorithm 3,
// lines 34 and 35).
func (e *ensemble) onValue(from ids.Process, m *valueMessage) {
	if !e.validChain(m.Chain) {
		e.c.counters.Dropped++
		return
	}
	v := e.complete(m.Instance, m.Value)
	if m.Distribute {
		copied := *m
		copied.Value = v
		copied.Distribute = false
		for i := range e.members {
			p := e.members[i].process
			if p != e.c.cfg.Self && p != from && !slices.Contains(m.Chain, p) {
				out := &copied
				if l := e.lean(v, &e.members[i]); l != v {
					out = &valueMessage{Ensemble: e.id, Round: m.Round, Instance: m.Instance, Chain: m.Chain, Value: l}
				}
				e.c.send(p, out)
			}
		}
	}
	last := m.Chain[len(m.Chain)-1]
	if late, ok := e.lateBy(e.c.now.Mono, m.Instance); ok && !m.Distribute && !slices.Contains(m.Chain, from) {
		e.distributed(e.member(from), late, last)
	}
	if e.enough(v) {
		e.came(e.c.now.Mono, m.Instance)
		e.learn(m.Instance, v.ID, v, last)
		return
	}
	e.learn(m.Instance, v.ID, nil, last)
	if e.acceptor(from) < 0 {
		from = last // a mere learner forgets what it has delivered
	}
	if s := e.log.at(m.Instance); s != nil && s.chosen == nil {
		e.park(from, parked{instance: m.Instance, value: v, nearest: last})
	}
}
