package wire

import (
	"encoding/binary"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// The Append functions write what Reader's methods of the same names read.

// AppendBool appends 0 or 1.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// AppendUint16 appends two bytes.
func AppendUint16(b []byte, v uint16) []byte { return binary.LittleEndian.AppendUint16(b, v) }

// AppendUint32 appends four bytes.
func AppendUint32(b []byte, v uint32) []byte { return binary.LittleEndian.AppendUint32(b, v) }

// AppendUint64 appends eight bytes.
func AppendUint64(b []byte, v uint64) []byte { return binary.LittleEndian.AppendUint64(b, v) }

// AppendUvarint appends a variable-length integer; a count for Count too.
func AppendUvarint(b []byte, v uint64) []byte { return binary.AppendUvarint(b, v) }

// AppendBytes appends a counted byte string.
func AppendBytes(b, v []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}

// AppendString appends a counted string.
func AppendString(b []byte, v string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}

// AppendTimestamp appends a timestamp.
func AppendTimestamp(b []byte, t hlc.Timestamp) []byte { return AppendUint64(b, uint64(t)) }

// AppendPosition appends a position.
func AppendPosition(b []byte, p ids.Position) []byte {
	return AppendUint16(AppendTimestamp(b, p.T), uint16(p.E))
}

// AppendCommand appends a command's name.
func AppendCommand(b []byte, c ids.Command) []byte {
	return binary.AppendUvarint(append(b, c.Client[:]...), uint64(c.Sequence))
}

// AppendSet appends a set of partitions.
func AppendSet(b []byte, s ids.Set) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	for _, p := range s {
		b = AppendUint16(b, uint16(p))
	}
	return b
}
