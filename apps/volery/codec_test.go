package volery

import (
	"bytes"
	"encoding"
	"reflect"
	"testing"
)

func samples() []encoding.BinaryAppender {
	s := Stat{
		Czxid: 1700000000000123, Mzxid: 1700000000000999, Pzxid: 1700000000005000, Ctime: 1700000000000, Mtime: 1700000000000,
		Version: 3, Cversion: 9, DataLength: 12, NumChildren: 4,
	}
	return []encoding.BinaryAppender{
		record{Czxid: 5, Mzxid: 7, Version: -3, Length: 1}, record{},
		directory{Creates: 9, Deletes: 3, Pzxid: 1 << 50, List: 70}, directory{},
		childChange{Zxid: 1 << 50, Path: 8, Removed: true}, childChange{},
		CreateArg{"/a", []byte("data")}, CreateArg{},
		DeleteArg{"/a/b", -1}, DeleteArg{},
		SetArg{"/a", 1 << 30, []byte{0}}, SetArg{},
		Presence{true, s}, Presence{},
		Listing{[]string{"a", "", "é"}, s}, Listing{},
		Content{[]byte("value"), s}, Content{Data: []byte{}},
		s, Stat{},
	}
}

func decodeLike(v encoding.BinaryAppender, b []byte) (encoding.BinaryAppender, error) {
	p := reflect.New(reflect.TypeOf(v))
	err := p.Interface().(encoding.BinaryUnmarshaler).UnmarshalBinary(b)
	return p.Elem().Interface().(encoding.BinaryAppender), err
}

func TestCodecs(t *testing.T) {
	for _, v := range samples() {
		b, err := v.AppendBinary([]byte("front"))
		if err != nil || !bytes.HasPrefix(b, []byte("front")) {
			t.Fatal(v, b, err)
		}
		b = b[len("front"):]
		again, err := decodeLike(v, b)
		if err != nil {
			t.Errorf("%T %x: %v", v, b, err)
		}
		if c, _ := again.AppendBinary(nil); !bytes.Equal(b, c) {
			t.Errorf("%#v came back as %#v", v, again)
		}
	}
}

// Bytes from outside cost an error, not a panic and not memory.
func FuzzDecode(f *testing.F) {
	for _, v := range samples() {
		b, _ := v.AppendBinary(nil)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, v := range samples() {
			if again, err := decodeLike(v, b); err == nil {
				if _, err := again.AppendBinary(nil); err != nil {
					t.Error(err)
				}
			}
		}
	})
}
