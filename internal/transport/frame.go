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
const (
	frameHeader   = 1 + 4 + 4
	messageHeader = 4

	// MaxMessage bounds one message's body, and so a frame.
	MaxMessage = 8 << 20
	maxFrame   = MaxMessage + messageHeader

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
	n := binary.LittleEndian.Uint32(b[1:])
	if n > maxFrame {
		return 0, fmt.Errorf("%w: %d bytes long", errFrame, n)
	}
	return frameHeader + int(n), nil
}

// decodeFrame checks a whole frame and appends its messages, which alias it.
func decodeFrame(ms []wire.Message, frame []byte, decode wire.Decoder) ([]wire.Message, error) {
	if frameSum(frame) != binary.LittleEndian.Uint32(frame[5:]) {
		return ms, fmt.Errorf("%w: wrong checksum", errFrame)
	}
	for b := frame[frameHeader:]; len(b) > 0; {
		if len(b) < messageHeader {
			return ms, fmt.Errorf("%w: ends inside a message's header", errFrame)
		}
		n := int(b[1]) | int(b[2])<<8 | int(b[3])<<16
		kind := wire.Kind(b[0])
		if b = b[messageHeader:]; n > len(b) || n > MaxMessage {
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
