package ridge

import (
	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// acceptable says whether any layer above may accept a message whose final
// timestamp is t: it is neither late nor too far ahead nor malformed [X2].
func (c *Core) acceptable(m *Message, t hlc.Timestamp) bool {
	return t <= m.T0.Add(c.cfg.Tuning.Horizon) && m.T0 <= t.Add(c.cfg.Tuning.Window) &&
		m.Attempt > 0 && m.Command.Sequence >= m.Mark
}

// confirmed takes note of a conservative delivery: it ends the copy's stay,
// moves the client's mark, and compares the orders.
func (o *optimist) confirmed(c *Core, m *Message, key ids.Position) {
	t := key.T
	o.merged = t
	o.sweep(t)
	if !c.acceptable(m, t) || m.Attempt > maxAttempt {
		return
	}
	from := o.origin(m.Command.Client)
	if from == nil {
		o.blind = max(o.blind, m.T0)
		return
	}
	if m.Command.Sequence < from.low {
		return
	}
	r := o.open(from, m.Command.Sequence)
	if r == nil {
		from.blind = max(from.blind, m.T0)
		from.expires = max(from.expires, m.T0.Add(c.cfg.Tuning.Horizon))
		return
	}
	bit := uint32(1) << (m.Attempt - 1)
	if r.cons&bit == 0 {
		r.cons |= bit
		from.expires = max(from.expires, m.T0.Add(c.cfg.Tuning.Horizon))
		h := r.copy(m.Attempt)
		o.compare(c, h, o.forced == key)
		if h != nil {
			o.latency += (c.now.Mono - h.arrived - o.latency) / 16
			o.drop(h)
		}
	}
	if t > m.Guard {
		o.raise(from, m.Mark)
	}
}

// delivered says whether the message was cons-delivered, as far as is known.
func (o *optimist) delivered(m *Message) bool {
	from := o.lookup(m.Command.Client)
	if from == nil || m.Attempt == 0 || m.Attempt > maxAttempt {
		return false
	}
	if m.Command.Sequence < from.low {
		return true
	}
	r := from.find(m.Command.Sequence)
	return r != nil && r.cons>>(m.Attempt-1)&1 != 0
}
