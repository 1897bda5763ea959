package ssmr

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
)

// In a struct a string ends with 00 01, and a 00 inside it becomes 00 ff: the
// end sorts below every continuation, so order is kept and no encoding is a
// prefix of another.
const (
	stringEnd  = "\x00\x01"
	stringZero = "\x00\xff"
)

func appendDelimited(b []byte, s string) []byte {
	for {
		i := strings.IndexByte(s, 0)
		if i < 0 {
			return append(append(b, s...), stringEnd...)
		}
		b = append(append(b, s[:i]...), stringZero...)
		s = s[i+1:]
	}
}

func takeDelimited(s string) (value, rest string, err error) {
	var unescaped strings.Builder
	for {
		i := strings.IndexByte(s, 0)
		if i < 0 || i+1 == len(s) {
			return "", "", fmt.Errorf("%w: ends early", ErrKey)
		}
		unescaped.WriteString(s[:i])
		switch s[i : i+2] {
		case stringEnd:
			return unescaped.String(), s[i+2:], nil
		case stringZero:
			unescaped.WriteByte(0)
		default:
			return "", "", fmt.Errorf("%w: bad escape", ErrKey)
		}
		s = s[i+2:]
	}
}

func stringField(delimited bool) field {
	return field{
		append: func(b []byte, v reflect.Value) ([]byte, error) {
			return appendString(b, v.String(), delimited), nil
		},
		decode: func(name string, v reflect.Value) (string, error) {
			s, rest, err := takeString(name, delimited)
			if err == nil {
				v.SetString(s)
			}
			return rest, err
		},
	}
}

func textField(delimited bool) field {
	return field{
		append: func(b []byte, v reflect.Value) ([]byte, error) {
			text, err := v.Addr().Interface().(encoding.TextMarshaler).MarshalText()
			if err != nil {
				return nil, fmt.Errorf("%w: %w", ErrKey, err)
			}
			return appendString(b, string(text), delimited), nil
		},
		decode: func(name string, v reflect.Value) (string, error) {
			s, rest, err := takeString(name, delimited)
			if err != nil {
				return "", err
			}
			if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(s)); err != nil {
				return "", fmt.Errorf("%w: %w", ErrKey, err)
			}
			return rest, nil
		},
	}
}

func appendString(b []byte, s string, delimited bool) []byte {
	if delimited {
		return appendDelimited(b, s)
	}
	return append(b, s...)
}

func takeString(name string, delimited bool) (s, rest string, err error) {
	if delimited {
		return takeDelimited(name)
	}
	return name, "", nil
}

func bytesField(n int) field {
	return field{
		append: func(b []byte, v reflect.Value) ([]byte, error) { return append(b, v.Bytes()...), nil },
		decode: func(s string, v reflect.Value) (string, error) {
			if len(s) < n {
				return "", fmt.Errorf("%w: ends early", ErrKey)
			}
			for i := range n {
				v.Index(i).SetUint(uint64(s[i]))
			}
			return s[n:], nil
		},
	}
}

var boolField = field{
	append: func(b []byte, v reflect.Value) ([]byte, error) {
		if v.Bool() {
			return append(b, 1), nil
		}
		return append(b, 0), nil
	},
	decode: func(s string, v reflect.Value) (string, error) {
		if s == "" || s[0] > 1 {
			return "", fmt.Errorf("%w: bad boolean", ErrKey)
		}
		v.SetBool(s[0] == 1)
		return s[1:], nil
	},
}
