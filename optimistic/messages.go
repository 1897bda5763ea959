package optimistic

import (
	"fmt"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/partition"
)

// Kinds of this package's messages.
const (
	KindReply    = wire.KindOptimistic + iota // replica -> client
	KindExchange                              // replica -> replicas of another destination
)

// Reply tells a client how an attempt will probably end. It is never promised:
// the client gets a partition.Reply in any case.
type Reply struct {
	Command ids.Command
	Attempt ids.Attempt
	// Outcome is OutcomeOK or OutcomeFailed.
	Outcome partition.Outcome
	Value   []byte
	// ErrorName and ErrorText are set for OutcomeFailed, as in partition.Reply.
	ErrorName, ErrorText string
	// Stages are moments of the optimistic execution; Delivered is its
	// optimistic delivery.
	Stages partition.Stages
}

// Agrees says whether the conservative outcome is what the reply said.
func (m *Reply) Agrees(r *partition.Reply) bool {
	return m.Outcome == r.Outcome && string(m.Value) == string(r.Value) &&
		m.ErrorName == r.ErrorName && m.ErrorText == r.ErrorText
}

// Exchange tells the other destinations of a command that it has been started
// before its turn here, and values that are probably those before it. Its
// position is zero. It may be wrong, and nothing but optimistic replies waits
// for it.
type Exchange struct{ partition.Exchange }

// Kind implements wire.Message.
func (*Exchange) Kind() wire.Kind { return KindExchange }

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
	return partition.AppendStages(b, m.Stages)
}

func decodeReply(r *wire.Reader) *Reply {
	m := &Reply{
		Command:   r.Command(),
		Attempt:   ids.Attempt(r.Uint32()),
		Outcome:   partition.Outcome(r.Byte()),
		Value:     r.Bytes(),
		ErrorName: r.String(),
		ErrorText: r.String(),
		Stages:    partition.ReadStages(r),
	}
	if !m.Outcome.Final() {
		r.Fail("outcome out of range")
	}
	return m
}

// Decode decodes this package's messages; see wire.Decoder.
func Decode(kind wire.Kind, body []byte) (wire.Message, error) {
	r := wire.NewReader(body)
	var m wire.Message
	switch kind {
	case KindReply:
		m = decodeReply(&r)
	case KindExchange:
		x, err := partition.Decode(partition.KindExchange, body)
		if err != nil {
			return nil, err
		}
		return &Exchange{*x.(*partition.Exchange)}, nil
	default:
		return nil, fmt.Errorf("%w: kind %#x is not optimistic execution's", wire.ErrMalformed, kind)
	}
	if err := r.Done(); err != nil {
		return nil, err
	}
	return m, nil
}
