package transport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/eyrie-dev/eyrie/internal/wire"
)

// After the handshake a connection carries frames:
//
//	version u8 | length u32 | CRC-32C u32 of version, length and body | body
//
// and a frame's body is messages, none for a beat:
//
//	kind u8 | length u24 | body
//
// If the length's highest bit is set, the body begins with a u32, the number of
// its bytes, with these, that the CRC covers. One message follows, whose decoder
// verifies the rest (wire.Tailed): long bytes need one checksum, not two.
const (
	frameHeader   = 1 + 4 + 4
	messageHeader = 4

	// MaxMessage bounds one message's body, and so a frame.
	MaxMessage = 8 << 20
	maxFrame   = coveredSize + messageHeader + MaxMessage

	coveredSize = 4
	// partly is the bit of a length, and of its last byte, that says that the
	// CRC covers a part of the body.
	partly     = 1 << 31
	partlyByte = partly >> 24

	// frameTarget is where a sender ends a frame and starts the next: small
	// enough that the other side decodes while more is on its way, and that
	// a message kept there does not keep much else.
	frameTarget = 32 << 10
)

var errFrame = errors.New("bad frame")

// appendMessage appends a message to the last, open frame of b.
func appendMessage(b []byte, m wire.Message) (_ []byte, ok bool) {
	at := len(b)
	b = m.Append(append(b, byte(m.Kind()), 0, 0, 0))
	n := len(b) - at - messageHeader
	if n > MaxMessage {
		return b[:at], false
	}
	b[at+1], b[at+2], b[at+3] = byte(n), byte(n>>8), byte(n>>16)
	return b, true
}

// openFrame starts a frame at the end of b.
func openFrame(b []byte) []byte {
	return append(b, Version, 0, 0, 0, 0, 0, 0, 0, 0)
}

// seal completes the frame b.
func seal(b []byte) {
	binary.LittleEndian.PutUint32(b[1:], uint32(len(b)-frameHeader))
	binary.LittleEndian.PutUint32(b[5:], frameSum(b))
}

// frameSum is the checksum of a frame that ends with b or is covered so far.
func frameSum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[:5], castagnoli), castagnoli, b[frameHeader:])
}

// frameSize says how long the frame is that b begins with, header included;
// zero if too little of it is there to tell.
func frameSize(b []byte) (int, error) {
	if len(b) > 0 && b[0] != Version {
		return 0, fmt.Errorf("%w: version %d", errFrame, b[0])
	}
	if len(b) < frameHeader {
		return 0, nil
	}
	n := binary.LittleEndian.Uint32(b[1:]) &^ partly
	if n > maxFrame {
		return 0, fmt.Errorf("%w: %d bytes long", errFrame, n)
	}
	return frameHeader + int(n), nil
}

// decodeFrame checks a whole frame and appends its messages, which alias it.
func decodeFrame(ms []wire.Message, frame []byte, decode wire.Decoder) ([]wire.Message, error) {
	b, sum, one := frame[frameHeader:], frame, frame[4]&partlyByte != 0
	if one {
		if len(b) < coveredSize+messageHeader {
			return ms, fmt.Errorf("%w: ends inside its header", errFrame)
		}
		n := binary.LittleEndian.Uint32(b)
		if n < coveredSize+messageHeader || n > uint32(len(b)) {
			return ms, fmt.Errorf("%w: %d of %d bytes covered", errFrame, n, len(b))
		}
		sum, b = frame[:frameHeader+int(n)], b[coveredSize:]
	}
	if frameSum(sum) != binary.LittleEndian.Uint32(frame[5:]) {
		return ms, fmt.Errorf("%w: wrong checksum", errFrame)
	}
	for len(b) > 0 {
		if len(b) < messageHeader {
			return ms, fmt.Errorf("%w: ends inside a message's header", errFrame)
		}
		n := int(b[1]) | int(b[2])<<8 | int(b[3])<<16
		kind := wire.Kind(b[0])
		if b = b[messageHeader:]; n > len(b) || n > MaxMessage || one && n < len(b) {
			return ms, fmt.Errorf("%w: a message of %d bytes in %d", errFrame, n, len(b))
		}
		m, err := decode(kind, b[:n:n])
		if err != nil {
			return ms, fmt.Errorf("%w: kind %#x: %w", errFrame, kind, err)
		}
		ms = append(ms, m)
		b = b[n:]
	}
	return ms, nil
}
