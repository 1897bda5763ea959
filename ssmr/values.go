package ssmr

import (
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/hashicorp/go-msgpack/v2/codec"
)

// ErrValue is wrapped by errors about values, arguments and results that
// cannot be encoded or decoded.
var ErrValue = errors.New("ssmr: bad value")

// valueCodec encodes values. Invariant: equal values have equal encodings,
// and decode accepts nothing that append does not make, up to what msgpack
// leaves open. With alias, the result may share memory with the encoding.
type valueCodec[V any] struct {
	append func(b []byte, v V) ([]byte, error)
	decode func(b []byte, alias bool) (V, error)
	// into, if not nil, is decode without alias into a zero value that is on
	// the heap already, as these codecs need it.
	into func(b []byte, v *V) error
	// itself, if not nil, is the encoding of a value that is its own, not copied.
	itself func(v V) []byte
	// err is why the type has no sound encoding; services refuse it.
	err error
}

// decodeInto decodes into a zero value; it shares nothing with the encoding.
func (c *valueCodec[V]) decodeInto(b []byte, v *V) (err error) {
	if c.into != nil {
		return c.into(b, v)
	}
	*v, err = c.decode(b, false)
	return err
}

// viaInto makes decode of into, which needs its value on the heap for the while.
func viaInto[V any](into func([]byte, *V) error) func([]byte, bool) (V, error) {
	pads := newNotepads[V]()
	return func(b []byte, _ bool) (V, error) {
		var none V
		pad := pads.get(none)
		err := into(b, &pad.k)
		v := pad.k
		pads.put(pad)
		if err != nil {
			return none, err
		}
		return v, nil
	}
}

// valueCodecOf chooses: bytes, strings and integers as they are; types with a
// binary form by that; None as nothing; the rest by msgpack.
func valueCodecOf[V any]() valueCodec[V] {
	if c, ok := fastCodec(new(V)).(valueCodec[V]); ok {
		return c
	}
	if _, ok := any(new(V)).(encoding.BinaryUnmarshaler); ok {
		if _, ok := any(new(V)).(encoding.BinaryAppender); ok {
			return binaryCodec(func(b []byte, v *V) ([]byte, error) {
				return any(v).(encoding.BinaryAppender).AppendBinary(b)
			})
		}
		if _, ok := any(new(V)).(encoding.BinaryMarshaler); ok {
			return binaryCodec(func(b []byte, v *V) ([]byte, error) {
				out, err := any(v).(encoding.BinaryMarshaler).MarshalBinary()
				return append(b, out...), err
			})
		}
	}
	err := checkType(reflect.TypeFor[V](), map[reflect.Type]bool{})
	if q := quickOf[V](); q != nil && err == nil {
		return valueCodec[V]{append: q.append, decode: viaInto(q.decode), into: q.decode}
	}
	return valueCodec[V]{append: appendMsgpack[V], decode: viaInto(decodeMsgpack[V]), into: decodeMsgpack[V], err: err}
}

func fastCodec(pointer any) any {
	switch pointer.(type) {
	case *[]byte:
		return valueCodec[[]byte]{
			append: func(b []byte, v []byte) ([]byte, error) { return append(b, v...), nil },
			decode: func(b []byte, alias bool) ([]byte, error) {
				if alias {
					return b, nil
				}
				return append([]byte{}, b...), nil
			},
			itself: func(v []byte) []byte { return v[:len(v):len(v)] },
		}
	case *string:
		return valueCodec[string]{
			append: func(b []byte, v string) ([]byte, error) { return append(b, v...), nil },
			decode: func(b []byte, _ bool) (string, error) { return string(b), nil },
		}
	case *struct{}:
		return valueCodec[struct{}]{
			append: func(b []byte, _ struct{}) ([]byte, error) { return b, nil },
			decode: func(b []byte, _ bool) (none struct{}, err error) { return none, nothingLeft(len(b)) },
		}
	case *int:
		return intCodec[int]()
	case *int32:
		return intCodec[int32]()
	case *int64:
		return intCodec[int64]()
	case *uint:
		return uintCodec[uint]()
	case *uint32:
		return uintCodec[uint32]()
	case *uint64:
		return uintCodec[uint64]()
	}
	return nil
}

func intCodec[V int | int32 | int64]() valueCodec[V] {
	return valueCodec[V]{
		append: func(b []byte, v V) ([]byte, error) { return binary.AppendVarint(b, int64(v)), nil },
		decode: func(b []byte, _ bool) (V, error) {
			v, n := binary.Varint(b)
			if !shortest(b, n) || int64(V(v)) != v {
				return 0, fmt.Errorf("%w: not an integer of its size", ErrValue)
			}
			return V(v), nil
		},
	}
}

func uintCodec[V uint | uint32 | uint64]() valueCodec[V] {
	return valueCodec[V]{
		append: func(b []byte, v V) ([]byte, error) { return binary.AppendUvarint(b, uint64(v)), nil },
		decode: func(b []byte, _ bool) (V, error) {
			v, n := binary.Uvarint(b)
			if !shortest(b, n) || uint64(V(v)) != v {
				return 0, fmt.Errorf("%w: not an integer of its size", ErrValue)
			}
			return V(v), nil
		},
	}
}

// shortest says whether the whole of b is one variable-length integer of n
// bytes in its shortest form.
func shortest(b []byte, n int) bool {
	return n > 0 && n == len(b) && (n == 1 || b[n-1] != 0)
}

func nothingLeft(n int) error {
	if n > 0 {
		return fmt.Errorf("%w: %d trailing bytes", ErrValue, n)
	}
	return nil
}

func binaryCodec[V any](appendTo func([]byte, *V) ([]byte, error)) valueCodec[V] {
	pads := newNotepads[V]()
	return valueCodec[V]{
		append: func(b []byte, v V) ([]byte, error) {
			pad := pads.get(v)
			out, err := appendTo(b, &pad.k)
			pads.put(pad)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", ErrValue, err)
			}
			return out, nil
		},
		decode: viaInto(unmarshalBinary[V]),
		into:   unmarshalBinary[V],
	}
}

func unmarshalBinary[V any](b []byte, v *V) error {
	if err := any(v).(encoding.BinaryUnmarshaler).UnmarshalBinary(b); err != nil {
		return fmt.Errorf("%w: %w", ErrValue, err)
	}
	return nil
}

// msgpack is canonical, so that an encoding is a function of its value, and
// strict. It is never changed after it is made.
var msgpack = func() *codec.MsgpackHandle {
	h := &codec.MsgpackHandle{WriteExt: true}
	h.Canonical = true
	h.RawToString = true
	h.ErrorIfNoField = true
	h.ErrorIfNoArrayExpand = true
	h.MapValueReset = true
	h.SliceElementReset = true
	h.MaxDepth = 64
	h.MaxInitLen = 1 << 10
	return h
}()

// encoder writes into a buffer of its own: what is stored is a copy of just
// the right size, since msgpack's own buffers have room for a kilobyte.
type encoder struct {
	*codec.Encoder
	out []byte
}

// maxSpare bounds the buffer that an idle encoder keeps.
const maxSpare = 64 << 10

// Coders are costly to make and are used again, unless they ended in an error.
var (
	encoders = sync.Pool{New: func() any {
		e := &encoder{out: make([]byte, 0, 1<<10)}
		e.Encoder = codec.NewEncoderBytes(&e.out, msgpack)
		return e
	}}
	decoders = sync.Pool{New: func() any { return codec.NewDecoderBytes(nil, msgpack) }}
)

func appendMsgpack[V any](b []byte, v V) ([]byte, error) {
	e := encoders.Get().(*encoder)
	e.out = e.out[:0]
	e.ResetBytes(&e.out)
	if err := e.Encode(&v); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrValue, err)
	}
	b = append(b, e.out...)
	if cap(e.out) <= maxSpare {
		encoders.Put(e)
	}
	return b, nil
}

func decodeMsgpack[V any](b []byte, v *V) error {
	d := decoders.Get().(*codec.Decoder)
	d.ResetBytes(b)
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("%w: %w", ErrValue, err)
	}
	left := len(b) - d.NumBytesRead()
	d.ResetBytes(nil)
	decoders.Put(d)
	return nothingLeft(left)
}
