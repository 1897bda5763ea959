package partition

import (
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Request is the body of a multicast command.
type Request struct {
	// MapVersion is the version of the Placement that the client routed by.
	MapVersion uint64
	// Command is the index in Service.Commands; below MaxCommands.
	Command uint16
	// Optimistic asks for an optimistic reply, too. Conservative execution
	// takes no notice of it.
	Optimistic bool
	Arg        []byte
}

// MaxCommands of a service, CommandUpgrade included. The bit above its numbers is a request's Optimistic.
const MaxCommands = 1 << 15

const optimisticBit = MaxCommands

// Append appends the request's encoding to b.
func (q Request) Append(b []byte) []byte {
	b = wire.AppendUvarint(b, q.MapVersion)
	command := q.Command &^ optimisticBit
	if q.Optimistic {
		command |= optimisticBit
	}
	b = wire.AppendUint16(b, command)
	return append(b, q.Arg...)
}

// DecodeRequest reads what Append wrote; Arg aliases b.
func DecodeRequest(b []byte) (Request, error) {
	// The usual form, without a reader.
	if len(b) >= 3 && b[0] < 1<<7 {
		return Request{
			MapVersion: uint64(b[0]), Command: uint16(b[1]) | uint16(b[2]&0x7f)<<8,
			Optimistic: b[2] >= 1<<7, Arg: b[3:],
		}, nil
	}
	r := wire.NewReader(b)
	q := Request{MapVersion: r.Uvarint(), Command: r.Uint16()}
	q.Optimistic = q.Command&optimisticBit != 0
	q.Command &^= optimisticBit
	if r.Err() == nil {
		q.Arg = b[len(b)-r.Len():]
	}
	return q, r.Err()
}
