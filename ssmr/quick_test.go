package ssmr

import (
	"bytes"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	random "testing/quick"
)

type plainStruct struct {
	Zeta  string
	A8    int8
	A16   int16
	A32   int32
	A64   int64
	A     int
	U8    uint8
	U16   uint16
	U32   uint32
	U64   uint64
	Bytes []byte
	Flag  bool
	Inner struct {
		F64 float64
		F32 float32
		B   []byte
	}
	Word age
}

type age uint32

// The quick codec writes what the library writes, and reads what it reads, in
// the library's way, whatever bytes it is given.
func TestQuickIsTheLibrary(t *testing.T) {
	q := quickOf[plainStruct]()
	if q == nil {
		t.Fatal("not plain")
	}
	r := rand.New(rand.NewPCG(1, 2))
	check := func(v plainStruct) bool {
		if r.IntN(3) == 0 {
			v.Bytes, v.Inner.B = nil, []byte{}
		}
		if r.IntN(2) == 0 {
			edges := []int64{0, -1, -32, -33, 127, 128, -128, -129, 255, 256, 1<<15 - 1, 1 << 15, -1 << 15, -1<<15 - 1, 1<<31 - 1, 1 << 31, -1 << 31, -1<<31 - 1, math.MaxInt64, math.MinInt64}
			v.A64, v.U64, v.A32 = edges[r.IntN(len(edges))], uint64(edges[r.IntN(len(edges))]), int32(edges[r.IntN(len(edges))])
			v.Bytes = make([]byte, []int{0, 31, 32, 255, 256, 65535, 65536}[r.IntN(7)])
			v.Zeta = string(make([]byte, []int{0, 31, 32, 255, 256, 65535, 65536}[r.IntN(7)]))
		}
		got, _ := q.append([]byte("x"), v)
		want, err := appendMsgpack([]byte("x"), v)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%+v\n% x\n% x %v", v, got, want, err)
			return false
		}
		b := got[1:]
		for range 40 {
			var x, y plainStruct
			err1, err2 := q.decode(b, &x), decodeMsgpack(b, &y)
			if (err1 == nil) != (err2 == nil) || err1 == nil && !same(x, y) {
				t.Errorf("% x:\n%+v %v\n%+v %v", b, x, err1, y, err2)
				return false
			}
			b = bytes.Clone(got[1:])
			for range 1 + r.IntN(2) {
				i := r.IntN(min(len(b), 200))
				b[i] = []byte{0, 1, 0x7f, 0x80, 0xa0, 0xc0, 0xc2, 0xc4, 0xc5, 0xca, 0xcb, 0xcc, 0xcf, 0xd0, 0xd3, 0xd9, 0xe0, 0xff, byte(r.Uint32())}[r.IntN(19)]
			}
			if r.IntN(4) == 0 {
				b = b[:r.IntN(len(b))]
			}
		}
		return true
	}
	if err := random.Check(check, &random.Config{MaxCount: 300}); err != nil {
		t.Error(err)
	}
}

// same compares by bits, since NaN is not equal to itself.
func same(a, b plainStruct) bool {
	x, _ := appendMsgpack(nil, a)
	y, _ := appendMsgpack(nil, b)
	return bytes.Equal(x, y) && (a.Bytes == nil) == (b.Bytes == nil) && (a.Inner.B == nil) == (b.Inner.B == nil)
}

// Types of which the library knows more are left to it.
func TestQuickKnowsItsLimits(t *testing.T) {
	type inner struct{ X map[string]int }
	type tagged struct {
		X int `codec:"y"`
	}
	type embeds struct{ point }
	for _, v := range []any{
		inner{}, tagged{}, embeds{}, point{}, stamp{}, struct{}{}, struct{ x int }{}, struct{ X *int }{}, struct{ X []string }{},
		struct{ X [2]byte }{}, struct{ X any }{}, struct{ X point }{},
	} {
		if quickStructOf(reflect.TypeOf(v)) != nil {
			t.Errorf("%T passes for plain", v)
		}
	}
}
