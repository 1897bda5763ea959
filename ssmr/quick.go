package ssmr

import (
	"bytes"
	"encoding/binary"
	"math"
	"reflect"
	"slices"
)

// quick is the msgpack codec of plain structs, made once for each type: of
// booleans, numbers, strings, byte slices and structs of these, without tags and
// methods. What it writes is what the library writes. What it reads is what it
// would have written, or nearly; for everything else, mistakes included, the
// library is asked. It takes a third of the library's time.
type quick[V any] struct {
	s    *quickStruct
	pads notepads[V] // reflection needs a value on the heap
}

type quickStruct struct {
	head   byte // of a map with so many fields
	fields []quickField
}

type quickField struct {
	index int
	key   []byte // the name as msgpack has it
	kind  reflect.Kind
	sub   *quickStruct // for Struct
}

const (
	quickFields = 15 // more have another head
	quickName   = 31 // longer ones have another head
)

// quickOf is nil for types that are not so plain.
func quickOf[V any]() *quick[V] {
	s := quickStructOf(reflect.TypeFor[V]())
	if s == nil {
		return nil
	}
	return &quick[V]{s, newNotepads[V]()}
}

func quickStructOf(t reflect.Type) *quickStruct {
	if t.Kind() != reflect.Struct || !methodless(t) || t.NumField() == 0 || t.NumField() > quickFields {
		return nil
	}
	s := &quickStruct{head: 0x80 | byte(t.NumField())}
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() || f.Anonymous || f.Tag != "" || len(f.Name) > quickName || !methodless(f.Type) {
			return nil
		}
		q := quickField{index: i, key: append([]byte{0xa0 | byte(len(f.Name))}, f.Name...), kind: f.Type.Kind()}
		switch q.kind {
		case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
			reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
			reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		case reflect.Slice:
			if f.Type != reflect.TypeFor[[]byte]() {
				return nil
			}
		case reflect.Struct:
			if q.sub = quickStructOf(f.Type); q.sub == nil {
				return nil
			}
		default:
			return nil
		}
		s.fields = append(s.fields, q)
	}
	slices.SortFunc(s.fields, func(a, b quickField) int { return bytes.Compare(a.key[1:], b.key[1:]) })
	return s
}

func methodless(t reflect.Type) bool {
	return t.NumMethod() == 0 && reflect.PointerTo(t).NumMethod() == 0
}

func (q *quick[V]) append(b []byte, v V) ([]byte, error) {
	pad := q.pads.get(v)
	if cap(b) == 0 { // what is stored shall have just the right size
		pad.b = q.s.append(pad.b[:0], reflect.ValueOf(&pad.k).Elem())
		b = append(b, pad.b...)
	} else {
		b = q.s.append(b, reflect.ValueOf(&pad.k).Elem())
	}
	q.pads.put(pad)
	return b, nil
}

func (s *quickStruct) append(b []byte, v reflect.Value) []byte {
	b = append(b, s.head)
	for i := range s.fields {
		f := &s.fields[i]
		b = append(b, f.key...)
		x := v.Field(f.index)
		switch f.kind {
		case reflect.Bool:
			if x.Bool() {
				b = append(b, 0xc3)
			} else {
				b = append(b, 0xc2)
			}
		case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
			b = appendInt(b, x.Int())
		case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
			b = appendUint(b, x.Uint())
		case reflect.Float32:
			b = binary.BigEndian.AppendUint32(append(b, 0xca), math.Float32bits(float32(x.Float())))
		case reflect.Float64:
			b = binary.BigEndian.AppendUint64(append(b, 0xcb), math.Float64bits(x.Float()))
		case reflect.String:
			b = appendText(b, x.String())
		case reflect.Slice:
			b = appendBin(b, x.Bytes())
		case reflect.Struct:
			b = f.sub.append(b, x)
		}
	}
	return b
}

func appendInt(b []byte, i int64) []byte {
	switch {
	case i >= -32 && i <= math.MaxInt8:
		return append(b, byte(i))
	case i >= math.MinInt8 && i <= math.MaxInt8:
		return append(b, 0xd0, byte(i))
	case i >= math.MinInt16 && i <= math.MaxInt16:
		return binary.BigEndian.AppendUint16(append(b, 0xd1), uint16(i))
	case i >= math.MinInt32 && i <= math.MaxInt32:
		return binary.BigEndian.AppendUint32(append(b, 0xd2), uint32(i))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xd3), uint64(i))
}

func appendUint(b []byte, u uint64) []byte {
	switch {
	case u <= math.MaxInt8:
		return append(b, byte(u))
	case u <= math.MaxUint8:
		return append(b, 0xcc, byte(u))
	case u <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, 0xcd), uint16(u))
	case u <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, 0xce), uint32(u))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xcf), u)
}

func appendText(b []byte, s string) []byte {
	if len(s) <= 31 {
		b = append(b, 0xa0|byte(len(s)))
	} else {
		b = appendLen(b, 0xd9, len(s))
	}
	return append(b, s...)
}

func appendBin(b, v []byte) []byte {
	if v == nil {
		return append(b, 0xc0)
	}
	return append(appendLen(b, 0xc4, len(v)), v...)
}

// appendLen appends a length in one, two or four bytes, behind the first of
// three successive kinds or one of the others.
func appendLen(b []byte, kind byte, n int) []byte {
	switch {
	case n <= math.MaxUint8:
		return append(b, kind, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, kind+1), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(b, kind+2), uint32(n))
}
