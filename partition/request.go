package partition

import (
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Request is the body of a multicast command.
type Request struct {
	// MapVersion is the version of the Placement that the client routed by.
	MapVersion uint64
	// Command is the index in Service.Commands.
	Command uint16
	Arg     []byte
}

// Append appends the request's encoding to b.
func (q Request) Append(b []byte) []byte {
	b = wire.AppendUvarint(b, q.MapVersion)
	b = wire.AppendUint16(b, q.Command)
	return append(b, q.Arg...)
}

// DecodeRequest reads what Append wrote; Arg aliases b.
func DecodeRequest(b []byte) (Request, error) {
	// The usual form, without a reader.
	if len(b) >= 3 && b[0] < 1<<7 {
		return Request{MapVersion: uint64(b[0]), Command: uint16(b[1]) | uint16(b[2])<<8, Arg: b[3:]}, nil
	}
	r := wire.NewReader(b)
	q := Request{MapVersion: r.Uvarint(), Command: r.Uint16()}
	if r.Err() == nil {
		q.Arg = b[len(b)-r.Len():]
	}
	return q, r.Err()
}
