package ssmr

import (
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
)

// KeyCodec turns keys into names. The order of a collection is the byte order
// of the names, and a name decodes to the key it was made of and no other:
// AppendKey and DecodeKey are each other's inverse. Both are pure functions.
//
// Without a codec of the service's own (WithKeyCodec):
//   - strings are ordered by their bytes,
//   - integers by their value, false before true,
//   - byte arrays by their bytes,
//   - types with MarshalText and UnmarshalText (*K may have them) by that text,
//   - structs by their exported fields of these kinds, from first to last.
type KeyCodec[K any] interface {
	AppendKey(b []byte, k K) ([]byte, error)
	DecodeKey(name string) (K, error)
}

// ErrKey is wrapped by errors about keys that cannot be encoded or decoded.
var ErrKey = errors.New("ssmr: bad key")

func keyCodecOf[K comparable]() (KeyCodec[K], error) {
	t := reflect.TypeFor[K]()
	if t == reflect.TypeFor[string]() {
		return any(stringKeys{}).(KeyCodec[K]), nil
	}
	if t.Kind() == reflect.Struct && !hasText(t) {
		fields, err := fieldsOf(t)
		return structKeys[K]{fields, newNotepads[K]()}, err
	}
	f, err := fieldOf(t, false)
	return plainKeys[K]{f, newNotepads[K](), wordOf[K]()}, err
}

type stringKeys struct{}

func (stringKeys) AppendKey(b []byte, k string) ([]byte, error) { return append(b, k...), nil }
func (stringKeys) DecodeKey(name string) (string, error)        { return name, nil }

// badKeys stands in for a codec that a collection could not have.
type badKeys[K any] struct{ err error }

func (b badKeys[K]) AppendKey([]byte, K) ([]byte, error) { return nil, b.err }
func (b badKeys[K]) DecodeKey(string) (k K, err error)   { return k, b.err }

// plainKeys are keys of one component.
type plainKeys[K any] struct {
	f    field
	pads notepads[K]
	word func(K) uint64 // nil but for most integers
}

func (p plainKeys[K]) AppendKey(b []byte, k K) ([]byte, error) {
	return p.f.append(b, reflect.ValueOf(&k).Elem())
}

func (p plainKeys[K]) DecodeKey(name string) (k K, err error) {
	rest, err := p.f.decode(name, reflect.ValueOf(&k).Elem())
	return k, whole(rest, err)
}

// structKeys are keys of several components.
type structKeys[K any] struct {
	fields []indexedField
	pads   notepads[K]
}

func (s structKeys[K]) AppendKey(b []byte, k K) ([]byte, error) {
	return s.appendFields(b, k, len(s.fields))
}

func (s structKeys[K]) appendFields(b []byte, k K, n int) ([]byte, error) {
	if n < 0 || n > len(s.fields) {
		return nil, fmt.Errorf("%w: %T has %d fields, not %d", ErrKey, k, len(s.fields), n)
	}
	return appendStruct(b, reflect.ValueOf(&k).Elem(), s.fields[:n])
}

func (s structKeys[K]) DecodeKey(name string) (k K, err error) {
	rest, err := decodeStruct(name, reflect.ValueOf(&k).Elem(), s.fields)
	return k, whole(rest, err)
}

func whole(rest string, err error) error {
	if err == nil && rest != "" {
		return fmt.Errorf("%w: trailing bytes", ErrKey)
	}
	return err
}

// field encodes one component of a key.
type field struct {
	append func(b []byte, v reflect.Value) ([]byte, error)
	decode func(name string, v reflect.Value) (rest string, err error)
}

type indexedField struct {
	index int
	field
}

func hasText(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[encoding.TextMarshaler]()) &&
		p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// fieldOf finds the codec of a type. A component that more may follow is
// delimited, so that no name is a prefix of another.
func fieldOf(t reflect.Type, delimited bool) (field, error) {
	switch {
	case hasText(t):
		return textField(delimited), nil
	case t.Kind() == reflect.String:
		return stringField(delimited), nil
	case t.Kind() == reflect.Bool:
		return boolField, nil
	case t.Kind() == reflect.Array && t.Elem().Kind() == reflect.Uint8:
		return bytesField(t.Len()), nil
	case t.Kind() == reflect.Struct:
		fields, err := fieldsOf(t)
		return field{
			append: func(b []byte, v reflect.Value) ([]byte, error) { return appendStruct(b, v, fields) },
			decode: func(s string, v reflect.Value) (string, error) { return decodeStruct(s, v, fields) },
		}, err
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return intField(t), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return uintField(t), nil
	}
	return field{}, fmt.Errorf("%w: type %v has no order-preserving encoding; use WithKeyCodec", ErrKey, t)
}

func fieldsOf(t reflect.Type) ([]indexedField, error) {
	var fields []indexedField
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			return nil, fmt.Errorf("%w: field %s of %v is not exported", ErrKey, f.Name, t)
		}
		codec, err := fieldOf(f.Type, true)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", f.Name, err)
		}
		fields = append(fields, indexedField{i, codec})
	}
	return fields, nil
}

func appendStruct(b []byte, v reflect.Value, fields []indexedField) ([]byte, error) {
	for _, f := range fields {
		var err error
		if b, err = f.append(b, v.Field(f.index)); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func decodeStruct(s string, v reflect.Value, fields []indexedField) (string, error) {
	for _, f := range fields {
		var err error
		if s, err = f.decode(s, v.Field(f.index)); err != nil {
			return "", err
		}
	}
	return s, nil
}

// Integers are big-endian in eight bytes whatever their type, so that int and
// int64 agree on every machine; signed ones have their sign bit flipped.
const signBit = 1 << 63

func intField(t reflect.Type) field {
	return field{
		append: func(b []byte, v reflect.Value) ([]byte, error) {
			return binary.BigEndian.AppendUint64(b, uint64(v.Int())^signBit), nil
		},
		decode: func(s string, v reflect.Value) (string, error) {
			u, rest, err := takeUint64(s)
			i := int64(u ^ signBit)
			if err == nil && v.OverflowInt(i) {
				err = fmt.Errorf("%w: %d overflows %v", ErrKey, i, t)
			}
			if err == nil {
				v.SetInt(i)
			}
			return rest, err
		},
	}
}

func uintField(t reflect.Type) field {
	return field{
		append: func(b []byte, v reflect.Value) ([]byte, error) {
			return binary.BigEndian.AppendUint64(b, v.Uint()), nil
		},
		decode: func(s string, v reflect.Value) (string, error) {
			u, rest, err := takeUint64(s)
			if err == nil && v.OverflowUint(u) {
				err = fmt.Errorf("%w: %d overflows %v", ErrKey, u, t)
			}
			if err == nil {
				v.SetUint(u)
			}
			return rest, err
		},
	}
}

func takeUint64(s string) (uint64, string, error) {
	if len(s) < 8 {
		return 0, "", fmt.Errorf("%w: ends early", ErrKey)
	}
	return binary.BigEndian.Uint64([]byte(s[:8])), s[8:], nil
}
