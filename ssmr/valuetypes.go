package ssmr

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
)

// checkType refuses types of which msgpack would silently lose something: a
// value must come back as it was put. It names the path to the culprit.
func checkType(t reflect.Type, seen map[reflect.Type]bool) error {
	if seen[t] || hasBinary(t) {
		return nil
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.UnsafePointer, reflect.Uintptr, reflect.Complex64, reflect.Complex128:
		return fmt.Errorf("%w: type %v cannot be stored", ErrValue, t)
	case reflect.Interface:
		return fmt.Errorf("%w: type %v would come back as another; use a concrete type", ErrValue, t)
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return checkType(t.Elem(), seen)
	case reflect.Map:
		if t.Key().Kind() == reflect.Pointer {
			return fmt.Errorf("%w: the keys of %v are pointers", ErrValue, t)
		}
		if err := checkType(t.Key(), seen); err != nil {
			return err
		}
		return checkType(t.Elem(), seen)
	case reflect.Struct:
		return checkFields(t, seen)
	}
	return nil
}

func checkFields(t reflect.Type, seen map[reflect.Type]bool) error {
	for i := range t.NumField() {
		f := t.Field(i)
		switch {
		case omitted(f):
			continue
		case !f.IsExported():
			return fmt.Errorf(`%w: field %s of %v would be lost; export it, tag it codec:"-", or give %[3]v MarshalBinary and UnmarshalBinary`,
				ErrValue, f.Name, t)
		}
		if err := checkType(f.Type, seen); err != nil {
			return fmt.Errorf("field %s of %v: %w", f.Name, t, err)
		}
	}
	return nil
}

// omitted says whether a field is left out on purpose.
func omitted(f reflect.StructField) bool {
	tag := f.Tag.Get("codec")
	if tag == "" {
		tag = f.Tag.Get("json")
	}
	name, _, _ := strings.Cut(tag, ",")
	return name == "-" || f.Name == "_"
}

// hasBinary says whether msgpack stores t by its own binary form. (It knows
// MarshalBinary, not AppendBinary, of what is inside other values.)
func hasBinary(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface &&
		p.Implements(reflect.TypeFor[encoding.BinaryMarshaler]()) &&
		p.Implements(reflect.TypeFor[encoding.BinaryUnmarshaler]())
}
