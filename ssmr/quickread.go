package ssmr

import (
	"bytes"
	"encoding/binary"
	"math"
	"reflect"
)

// decode decodes into a zero value.
func (q *quick[V]) decode(b []byte, v *V) error {
	if rest, ok := q.s.take(b, reflect.ValueOf(v).Elem()); ok && len(rest) == 0 {
		return nil
	}
	var none V
	*v = none
	return decodeMsgpack(b, v)
}

// take reads a struct; not ok: the library shall see.
func (s *quickStruct) take(b []byte, v reflect.Value) (rest []byte, ok bool) {
	if len(b) == 0 || b[0] != s.head {
		return nil, false
	}
	b = b[1:]
	for i := range s.fields {
		f := &s.fields[i]
		if !bytes.HasPrefix(b, f.key) || len(b) == len(f.key) {
			return nil, false
		}
		if b, ok = f.take(b[len(f.key):], v.Field(f.index)); !ok {
			return nil, false
		}
	}
	return b, true
}

// take reads a field's value, of which there is a byte at least.
func (f *quickField) take(b []byte, x reflect.Value) (rest []byte, ok bool) {
	head := b[0]
	switch f.kind {
	case reflect.Bool:
		x.SetBool(head == 0xc3)
		return b[1:], head == 0xc3 || head == 0xc2
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		i, rest, ok := takeInt(b)
		if !ok || x.OverflowInt(i) {
			return nil, false
		}
		x.SetInt(i)
		return rest, true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		u, rest, ok := takeUint(b)
		if !ok || x.OverflowUint(u) {
			return nil, false
		}
		x.SetUint(u)
		return rest, true
	case reflect.Float32:
		if head != 0xca || len(b) < 5 {
			return nil, false
		}
		x.SetFloat(float64(math.Float32frombits(binary.BigEndian.Uint32(b[1:]))))
		return b[5:], true
	case reflect.Float64:
		if head != 0xcb || len(b) < 9 {
			return nil, false
		}
		x.SetFloat(math.Float64frombits(binary.BigEndian.Uint64(b[1:])))
		return b[9:], true
	case reflect.String:
		if head&0xe0 == 0xa0 {
			n := int(head & 0x1f)
			if len(b) < 1+n {
				return nil, false
			}
			x.SetString(string(b[1 : 1+n]))
			return b[1+n:], true
		}
		s, rest, ok := takeLong(b, 0xd9)
		if ok {
			x.SetString(string(s))
		}
		return rest, ok
	case reflect.Slice:
		if head == 0xc0 {
			return b[1:], true
		}
		s, rest, ok := takeLong(b, 0xc4)
		if ok {
			x.SetBytes(append([]byte{}, s...))
		}
		return rest, ok
	}
	return f.sub.take(b, x)
}

func takeInt(b []byte) (i int64, rest []byte, ok bool) {
	switch head := b[0]; {
	case head <= 0x7f || head >= 0xe0:
		return int64(int8(head)), b[1:], true
	case head == 0xd0 && len(b) >= 2:
		return int64(int8(b[1])), b[2:], true
	case head == 0xd1 && len(b) >= 3:
		return int64(int16(binary.BigEndian.Uint16(b[1:]))), b[3:], true
	case head == 0xd2 && len(b) >= 5:
		return int64(int32(binary.BigEndian.Uint32(b[1:]))), b[5:], true
	case head == 0xd3 && len(b) >= 9:
		return int64(binary.BigEndian.Uint64(b[1:])), b[9:], true
	}
	return 0, nil, false
}

func takeUint(b []byte) (u uint64, rest []byte, ok bool) {
	switch head := b[0]; {
	case head <= 0x7f:
		return uint64(head), b[1:], true
	case head == 0xcc && len(b) >= 2:
		return uint64(b[1]), b[2:], true
	case head == 0xcd && len(b) >= 3:
		return uint64(binary.BigEndian.Uint16(b[1:])), b[3:], true
	case head == 0xce && len(b) >= 5:
		return uint64(binary.BigEndian.Uint32(b[1:])), b[5:], true
	case head == 0xcf && len(b) >= 9:
		return binary.BigEndian.Uint64(b[1:]), b[9:], true
	}
	return 0, nil, false
}

// takeLong reads what appendLen has put a length before.
func takeLong(b []byte, kind byte) (s, rest []byte, ok bool) {
	var n, head int
	switch {
	case b[0] == kind && len(b) >= 2:
		n, head = int(b[1]), 2
	case b[0] == kind+1 && len(b) >= 3:
		n, head = int(binary.BigEndian.Uint16(b[1:])), 3
	case b[0] == kind+2 && len(b) >= 5:
		n, head = int(binary.BigEndian.Uint32(b[1:])), 5
	default:
		return nil, nil, false
	}
	if n > len(b)-head {
		return nil, nil, false
	}
	return b[head : head+n], b[head+n:], true
}
