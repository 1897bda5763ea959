package ridge

import (
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

func appendEnsemble(b []byte, e ids.Ensemble) []byte { return wire.AppendUint16(b, uint16(e)) }

func appendInstance(b []byte, k ids.Instance) []byte { return wire.AppendUvarint(b, uint64(k)) }

func appendProcesses(b []byte, ps []ids.Process) []byte {
	b = wire.AppendUvarint(b, uint64(len(ps)))
	for _, p := range ps {
		b = wire.AppendUint16(b, uint16(p))
	}
	return b
}

// Append implements wire.Message.
func (m *Propose) Append(b []byte) []byte {
	hops := m.Hops
	if m.Cast {
		hops |= castHops
	}
	if m.Herald {
		hops |= heraldHops
	}
	return m.Message.appendAs(append(appendEnsemble(b, m.Ensemble), hops), m.raw)
}

// castHops and heraldHops are the bits of Propose.Cast and Herald in the byte of
// its hops, keptReason that of Advice.Kept in its reason's.
const (
	castHops   = 0x80
	heraldHops = 0x40
	keptReason = 0x80
)

// appendAs appends m's encoding, which is raw unless nil.
func (m *Message) appendAs(b, raw []byte) []byte {
	if raw != nil {
		return append(b, raw...)
	}
	return m.Append(b)
}

// Append implements wire.Message.
func (c *Cast) Append(b []byte) []byte { return c.Message.appendAs(b, c.raw) }

func (m *lack) Append(b []byte) []byte {
	b = appendInstance(appendEnsemble(b, m.Ensemble), m.Instance)
	b = wire.AppendUvarint(appendValueID(b, m.ID), uint64(len(m.Entries)))
	for _, i := range m.Entries {
		b = wire.AppendUint32(b, i)
	}
	return b
}

func (m *supply) Append(b []byte) []byte {
	return appendValue(appendInstance(appendEnsemble(b, m.Ensemble), m.Instance), m.Value)
}

// Append implements wire.Message.
func (m *Advice) Append(b []byte) []byte {
	b = wire.AppendCommand(b, m.Command)
	b = wire.AppendUvarint(b, uint64(m.Attempt))
	reason := byte(m.Reason)
	if m.Kept {
		reason |= keptReason
	}
	b = append(appendEnsemble(b, m.Ensemble), reason)
	b = wire.AppendUint16(b, uint16(m.Coordinator))
	return wire.AppendTimestamp(b, m.Time)
}

func (m *prepare) Append(b []byte) []byte {
	b = appendRound(appendEnsemble(b, m.Ensemble), m.Round)
	return appendInstance(appendProcesses(b, m.Chain), m.From)
}

func (m *promise) Append(b []byte) []byte {
	b = appendRound(appendEnsemble(b, m.Ensemble), m.Round)
	b = appendInstance(b, m.From)
	b = appendInstance(b, m.Next)
	b = appendInstance(b, m.Trim)
	return appendVotes(wire.AppendTimestamp(b, m.Wall), m.Votes)
}

func appendVotes(b []byte, vs []vote) []byte {
	b = wire.AppendUvarint(b, uint64(len(vs)))
	for i := range vs {
		b = appendInstance(b, vs[i].Instance)
		b = wire.AppendBool(b, vs[i].Decided)
		b = appendRound(b, vs[i].Round)
		b = appendValue(b, vs[i].Value)
	}
	return b
}

func (m *accept) Append(b []byte) []byte {
	return appendValue(m.appendHead(b), m.Value)
}

// Tails implements wire.Tailed.
func (m *accept) Tails() bool { return m.Value.tails() }

// AppendCut implements wire.Tailed.
func (m *accept) AppendCut(b []byte, cuts []wire.Cut) ([]byte, []wire.Cut, int) {
	return appendValueCut(m.appendHead(b), cuts, m.Value)
}

func (m *accept) appendHead(b []byte) []byte {
	b = appendRound(appendEnsemble(b, m.Ensemble), m.Round)
	b = appendInstance(b, m.Instance)
	b = appendProcesses(b, m.Chain)
	b = appendProcesses(b, m.Voters)
	return wire.AppendBool(wire.AppendBool(b, m.Obliged), m.Prompt)
}

func (m *voted) Append(b []byte) []byte {
	b = appendRound(appendEnsemble(b, m.Ensemble), m.Round)
	b = wire.AppendUvarint(b, uint64(len(m.Votes)))
	for i := range m.Votes {
		b = appendValueID(appendInstance(b, m.Votes[i].Instance), m.Votes[i].ID)
	}
	return b
}

func (m *refuse) Append(b []byte) []byte {
	b = appendRound(appendEnsemble(b, m.Ensemble), m.Round)
	b = append(appendInstance(b, m.Instance), byte(m.Reason))
	return appendInstance(appendRound(b, m.Promised), m.Trim)
}

func (m *decision) Append(b []byte) []byte {
	b = appendRound(appendEnsemble(b, m.Ensemble), m.Round)
	return appendValueID(appendInstance(b, m.Instance), m.ID)
}

func (m *valueMessage) Append(b []byte) []byte {
	return appendValue(m.appendHead(b), m.Value)
}

// Tails implements wire.Tailed.
func (m *valueMessage) Tails() bool { return m.Value.tails() }

// AppendCut implements wire.Tailed.
func (m *valueMessage) AppendCut(b []byte, cuts []wire.Cut) ([]byte, []wire.Cut, int) {
	return appendValueCut(m.appendHead(b), cuts, m.Value)
}

func (m *valueMessage) appendHead(b []byte) []byte {
	b = appendRound(appendEnsemble(b, m.Ensemble), m.Round)
	b = appendProcesses(appendInstance(b, m.Instance), m.Chain)
	return wire.AppendBool(b, m.Distribute)
}

func (m *fetch) Append(b []byte) []byte {
	return appendInstance(appendInstance(appendEnsemble(b, m.Ensemble), m.From), m.To)
}

func (m *learn) Append(b []byte) []byte {
	return appendVotes(appendInstance(appendEnsemble(b, m.Ensemble), m.Trim), m.Votes)
}

func (m *heartbeat) Append(b []byte) []byte {
	b = wire.AppendBool(wire.AppendBool(wire.AppendTimestamp(b, m.Wall), m.Hears), m.Full)
	b = appendProcesses(wire.AppendBool(append(b, byte(m.Burden)), m.Often), m.Doubts)
	b = wire.AppendUvarint(b, uint64(len(m.Items)))
	for i := range m.Items {
		it := &m.Items[i]
		b = appendRound(appendEnsemble(b, it.Ensemble), it.Round)
		b = wire.AppendBool(b, it.Leading)
		b = wire.AppendBool(b, it.Complains)
		b = appendInstance(b, it.Decided)
		b = appendInstance(b, it.Delivered)
		b = appendInstance(b, it.Trim)
		b = appendInstance(b, it.Stable)
		b = appendInstance(b, it.Whole)
		b = appendInstance(b, it.Needs)
		b = appendInstance(wire.AppendUvarint(b, it.Version), it.Held)
	}
	return b
}

func (m *advance) Append(b []byte) []byte {
	return wire.AppendTimestamp(wire.AppendPosition(append(appendEnsemble(b, m.Ensemble), m.Hops), m.Key), m.After)
}
