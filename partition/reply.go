package partition

import (
	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Outcome says how an attempt ended.
type Outcome uint8

const (
	// OutcomeOK: executed; Value is the result. Final.
	OutcomeOK Outcome = iota + 1
	// OutcomeFailed: executed without effect; Error says why. Final.
	OutcomeFailed
	// OutcomeRetry: no effect; multicast again, as a new attempt, to Needed
	// and by map MapVersion.
	OutcomeRetry
	// OutcomeLate: this copy came after T0 + H. Not final: another copy may
	// have been accepted.
	OutcomeLate
	// OutcomeRefused: this copy's T0 is too far ahead or its sequence outside
	// the window. Not final.
	OutcomeRefused
)

func (o Outcome) String() string {
	switch o {
	case OutcomeOK:
		return "ok"
	case OutcomeFailed:
		return "failed"
	case OutcomeRetry:
		return "retry"
	case OutcomeLate:
		return "late"
	case OutcomeRefused:
		return "refused"
	}
	return "no outcome"
}

// Final says whether the outcome closes its sequence.
func (o Outcome) Final() bool { return o == OutcomeOK || o == OutcomeFailed }

// Stages are moments of a command at the replica that replies, in its wall
// clock; Proposed is in the coordinator's.
type Stages struct {
	Proposed, Delivered, Started, Finished hlc.Timestamp
}

// AppendStages encodes stages, for messages that have some.
func AppendStages(b []byte, s Stages) []byte {
	b = wire.AppendTimestamp(b, s.Proposed)
	b = wire.AppendTimestamp(b, s.Delivered)
	b = wire.AppendTimestamp(b, s.Started)
	return wire.AppendTimestamp(b, s.Finished)
}

// ReadStages decodes what AppendStages has encoded.
func ReadStages(r *wire.Reader) Stages {
	return Stages{Proposed: r.Timestamp(), Delivered: r.Timestamp(), Started: r.Timestamp(), Finished: r.Timestamp()}
}

// Reply tells a client how an attempt ended.
type Reply struct {
	Command ids.Command
	Attempt ids.Attempt
	Outcome Outcome
	Value   []byte
	// ErrorName and ErrorText are set for OutcomeFailed; Service.Error makes
	// an error of them.
	ErrorName, ErrorText string
	// Needed are the partitions known to be needed (OutcomeRetry); they
	// contain the attempt's destinations.
	Needed ids.Set
	// MapVersion is the version of the map by which it was judged.
	MapVersion uint64
	// Time is the coordinator's clock when it proposed what the partition had
	// delivered last when the reply left: clients take their clock from it,
	// downwards too. Final timestamps may be ahead of it; a clock taken from
	// those would carry them on.
	Time   hlc.Timestamp
	Stages Stages
}

// Kind implements wire.Message.
func (*Reply) Kind() wire.Kind { return KindReply }

// Append implements wire.Message.
func (m *Reply) Append(b []byte) []byte {
	b = wire.AppendCommand(b, m.Command)
	b = wire.AppendUint32(b, uint32(m.Attempt))
	b = append(b, byte(m.Outcome))
	b = wire.AppendBytes(b, m.Value)
	b = wire.AppendString(b, m.ErrorName)
	b = wire.AppendString(b, m.ErrorText)
	b = wire.AppendSet(b, m.Needed)
	b = wire.AppendUvarint(b, m.MapVersion)
	b = wire.AppendTimestamp(b, m.Time)
	return AppendStages(b, m.Stages)
}

func decodeReply(r *wire.Reader) *Reply {
	m := &Reply{
		Command:    r.Command(),
		Attempt:    ids.Attempt(r.Uint32()),
		Outcome:    Outcome(r.Byte()),
		Value:      r.Bytes(),
		ErrorName:  r.String(),
		ErrorText:  r.String(),
		Needed:     r.Set(),
		MapVersion: r.Uvarint(),
		Time:       r.Timestamp(),
		Stages:     ReadStages(r),
	}
	if m.Outcome < OutcomeOK || m.Outcome > OutcomeRefused {
		r.Fail("outcome out of range")
	}
	return m
}
