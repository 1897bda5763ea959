package transport

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Version is the version of the handshake's body and of all that follows it.
const Version = 6

// A handshake is one packet each way:
//
//	"EYRIE" | version u16 | length u16 | CRC-32C u32 of all but itself | body
//
// The dialing side sends a hello, the accepting one an answer. All integers
// are little-endian. Invariant: this prelude, and the answer's body, are the
// same in all versions, so that two versions can tell each other apart.
const (
	magic      = "EYRIE"
	preludeLen = len(magic) + 2 + 2 + 4
	maxHello   = 1024
	maxCluster = 255
	maxReason  = 600
)

var errMagic = fmt.Errorf("%w: wrong first bytes", ErrHandshake)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// hello is what the dialing side says of itself, and whom it expects.
type hello struct {
	from    ids.Addr
	inc     ids.Incarnation
	to      ids.Process
	service uint64
	// layout and settings are compared; a client's settings are not.
	layout, settings uint64
	cluster          string
}

func (h *hello) append(b []byte) []byte {
	b = wire.AppendUint16(b, uint16(h.from.Process))
	b = append(b, h.from.Client[:]...)
	b = wire.AppendUint64(b, uint64(h.inc))
	b = wire.AppendUint16(b, uint16(h.to))
	b = wire.AppendUint64(b, h.service)
	b = wire.AppendUint64(b, h.layout)
	b = wire.AppendUint64(b, h.settings)
	return wire.AppendString(b, h.cluster)
}

func decodeHello(b []byte) (h hello, err error) {
	r := wire.NewReader(b)
	h.from.Process = ids.Process(r.Uint16())
	for i := range h.from.Client {
		h.from.Client[i] = r.Byte()
	}
	h.inc = ids.Incarnation(r.Uint64())
	h.to = ids.Process(r.Uint16())
	h.service = r.Uint64()
	h.layout = r.Uint64()
	h.settings = r.Uint64()
	h.cluster = r.String()
	if (h.from.Process != 0) == !h.from.Client.IsZero() || (h.from.Process != 0) != (h.inc != 0) {
		r.Fail("sender is neither a process nor a client")
	}
	return h, r.Done()
}

// operator says whether the sender is a client without a service.
func (h *hello) operator() bool { return h.from.Process == 0 && h.service == 0 }

// answer is the accepting side's: a refusal, or who it is.
type answer struct {
	refusal
	process ids.Process
	inc     ids.Incarnation
}

func (a *answer) append(b []byte) []byte {
	b = append(b, a.code)
	b = wire.AppendUint16(b, uint16(a.process))
	b = wire.AppendUint64(b, uint64(a.inc))
	return wire.AppendString(b, a.reason[:min(len(a.reason), maxReason)])
}

func decodeAnswer(b []byte) (a answer, err error) {
	r := wire.NewReader(b)
	a.code = r.Byte()
	a.process = ids.Process(r.Uint16())
	a.inc = ids.Incarnation(r.Uint64())
	a.reason = r.String()
	return a, r.Done()
}

// packet puts the prelude before a handshake's body.
func packet(version uint16, body []byte) []byte {
	b := append(make([]byte, 0, preludeLen+len(body)), magic...)
	b = wire.AppendUint16(b, version)
	b = wire.AppendUint16(b, uint16(len(body)))
	b = wire.AppendUint32(b, packetSum(b, body))
	return append(b, body...)
}

func packetSum(prelude, body []byte) uint32 {
	return crc32.Update(crc32.Checksum(prelude[:preludeLen-4], castagnoli), castagnoli, body)
}

// readPacket reads one packet and not a byte more. It returns the body of any
// version; what is not Eyrie's at all is an error after the first bytes.
func readPacket(r io.Reader) (version uint16, body []byte, err error) {
	var p [preludeLen]byte
	n, err := io.ReadFull(r, p[:])
	if first := min(n, len(magic)); string(p[:first]) != magic[:first] {
		return 0, nil, errMagic
	}
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	version = binary.LittleEndian.Uint16(p[len(magic):])
	size := binary.LittleEndian.Uint16(p[len(magic)+2:])
	if size > maxHello {
		return 0, nil, fmt.Errorf("%w: %d bytes long", ErrHandshake, size)
	}
	body = make([]byte, size)
	if _, err := io.ReadFull(r, body); err != nil {
		return 0, nil, fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	if packetSum(p[:], body) != binary.LittleEndian.Uint32(p[preludeLen-4:]) {
		return 0, nil, fmt.Errorf("%w: wrong checksum", ErrHandshake)
	}
	return version, body, nil
}
