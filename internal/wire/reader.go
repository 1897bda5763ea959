package wire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// ErrMalformed is wrapped by every error about bytes that do not decode.
var ErrMalformed = errors.New("malformed bytes")

// MaxDests bounds the destinations of one message.
const MaxDests = 4096

// Reader reads the fixed layout strictly. The first mistake sticks: later
// reads return zero values, and Done reports it. It never allocates for a
// length that the remaining bytes cannot hold. What Bytes and String return
// aliases (Bytes) or copies (String) the input.
type Reader struct {
	b   []byte
	err error
}

// NewReader reads b, which must not change while results alias it.
func NewReader(b []byte) Reader { return Reader{b: b} }

// Fail makes the reader fail with a reason, unless it has failed already.
func (r *Reader) Fail(reason string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrMalformed, reason)
	}
	r.b = nil
}

// Err is the first mistake so far.
func (r *Reader) Err() error { return r.err }

// Done ends the reading: an error if anything was wrong or is left over.
func (r *Reader) Done() error {
	if r.err == nil && len(r.b) > 0 {
		r.Fail(fmt.Sprintf("%d trailing bytes", len(r.b)))
	}
	return r.err
}

// Len is the number of bytes not yet read.
func (r *Reader) Len() int { return len(r.b) }

func (r *Reader) take(n int) []byte {
	if n > len(r.b) {
		r.Fail("ends early")
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

// Byte reads one byte.
func (r *Reader) Byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

// Bool reads one byte that must be 0 or 1.
func (r *Reader) Bool() bool {
	b := r.Byte()
	if b > 1 {
		r.Fail("boolean out of range")
	}
	return b == 1
}

// Uint16 reads two bytes, little-endian.
func (r *Reader) Uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

// Uint32 reads four bytes, little-endian.
func (r *Reader) Uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// Uint64 reads eight bytes, little-endian.
func (r *Reader) Uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// Uvarint reads a variable-length integer in its shortest form.
func (r *Reader) Uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || n > 1 && r.b[n-1] == 0 {
		r.Fail("bad integer")
		return 0
	}
	r.b = r.b[n:]
	return v
}

// Count reads a number of items of at least size bytes each (size >= 1), so
// that no count can exceed what follows it.
func (r *Reader) Count(size int) int {
	v := r.Uvarint()
	if v > uint64(len(r.b)/size) {
		r.Fail("count exceeds the bytes that follow")
		return 0
	}
	return int(v)
}

// Bytes reads a counted byte string, aliasing the input. Nil when empty.
func (r *Reader) Bytes() []byte {
	n := r.Count(1)
	if n == 0 {
		return nil
	}
	return r.take(n)
}

// Rest reads all that is left, aliasing the input.
func (r *Reader) Rest() []byte { return r.take(len(r.b)) }

// String reads a counted string.
func (r *Reader) String() string { return string(r.Bytes()) }

// Timestamp reads a timestamp.
func (r *Reader) Timestamp() hlc.Timestamp { return hlc.Timestamp(r.Uint64()) }

// Position reads a position.
func (r *Reader) Position() ids.Position {
	return ids.Position{T: r.Timestamp(), E: ids.Ensemble(r.Uint16())}
}

// Client reads a client's id.
func (r *Reader) Client() (c ids.Client) {
	copy(c[:], r.take(len(c)))
	return c
}

// Command reads a command's name.
func (r *Reader) Command() (c ids.Command) {
	c.Client = r.Client()
	c.Sequence = ids.Sequence(r.Uvarint())
	return c
}

// Set reads a set of partitions; unsorted, duplicate or too many is malformed.
func (r *Reader) Set() ids.Set {
	n := r.Count(2)
	if n > MaxDests {
		r.Fail("too many partitions")
		return nil
	}
	if n == 0 {
		return nil
	}
	s := make(ids.Set, n)
	for i := range s {
		s[i] = ids.Partition(r.Uint16())
	}
	if r.err == nil && !s.Valid() {
		r.Fail("partitions out of order")
	}
	return s
}
