package ssmr

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

type profile struct {
	Name    string
	Born    int32
	Tags    []string
	Scores  map[string]float64
	Friends map[int]bool
	Photo   []byte
	Next    *profile
}

type stamp struct {
	N int
	T time.Time
}

// point has a binary form of its own.
type point struct{ x, y uint16 }

func (p point) AppendBinary(b []byte) ([]byte, error) {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, p.x), p.y), nil
}

func (p *point) UnmarshalBinary(b []byte) error {
	if len(b) != 4 {
		return errors.New("a point has four bytes")
	}
	p.x, p.y = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	return nil
}

func roundTrip[V any](t *testing.T, values ...V) {
	t.Helper()
	c := valueCodecOf[V]()
	for _, v := range values {
		b, err := c.append(nil, v)
		if err != nil {
			t.Errorf("%#v: %v", v, err)
			continue
		}
		got, err := c.decode(b, false)
		if err != nil || !reflect.DeepEqual(got, v) {
			t.Errorf("%#v came back as %#v, %v", v, got, err)
		}
		after, err := c.append([]byte("before"), v)
		if err != nil || string(after) != "before"+string(b) {
			t.Errorf("%#v is not appended: %q, %v", v, after, err)
		}
	}
}

func TestValuesRoundTrip(t *testing.T) {
	roundTrip(t, "", "a", "\x00\xff")
	roundTrip(t, []byte{}, []byte{0, 1, 2})
	roundTrip(t, struct{}{})
	roundTrip(t, 0, -1, math.MaxInt, math.MinInt)
	roundTrip[int32](t, 0, -1, math.MaxInt32, math.MinInt32)
	roundTrip[int64](t, 0, -1, math.MaxInt64, math.MinInt64)
	roundTrip[uint](t, 0, math.MaxUint)
	roundTrip[uint32](t, 0, math.MaxUint32)
	roundTrip[uint64](t, 0, math.MaxUint64)
	roundTrip(t, 0.5, math.Inf(1))
	roundTrip(t, true, false)
	roundTrip[name](t, "", "named")
	roundTrip(t, point{1, 2})
	roundTrip(t, time.Unix(12, 34).UTC())
	roundTrip(t, []string{"a", ""}, nil)
	roundTrip(t, map[string][]int{"a": {1}, "b": nil})
	roundTrip(t, pair{"a", "b"}, pair{})
	roundTrip(t, []stamp{{3, time.Unix(5, 6).UTC()}})
	roundTrip(t, profile{}, profile{
		Name: "ann", Born: -5, Tags: []string{"x"}, Scores: map[string]float64{"a": 1.5},
		Friends: map[int]bool{3: true, -1: false}, Photo: []byte{0}, Next: &profile{Name: "bob"},
	})
}

// Replicas compare states by their bytes: one value, one encoding.
func TestValuesAreCanonical(t *testing.T) {
	c := valueCodecOf[profile]()
	var first []byte
	for range 20 {
		p := profile{Scores: map[string]float64{}, Friends: map[int]bool{}}
		for i := range 50 {
			p.Scores[strconv.Itoa(i)] = float64(i)
			p.Friends[i] = true
		}
		b, err := c.append(nil, p)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = b
		}
		if !bytes.Equal(b, first) {
			t.Fatal("two encodings of one value")
		}
	}
}

// E2: what is decoded shares no memory with the encoding, nor what is encoded
// with the value.
func TestDecodedValuesShareNoMemory(t *testing.T) {
	c := valueCodecOf[profile]()
	p := profile{Name: "ann", Tags: []string{"tag"}, Scores: map[string]float64{"key": 1}, Photo: []byte("photo")}
	b := must(c.append(nil, p))
	kept := bytes.Clone(b)
	p.Photo[0] = 'X'
	must(c.append(nil, profile{Name: "another", Photo: []byte("longer than the first")}))
	if !bytes.Equal(b, kept) {
		t.Error("an encoding changed with its value, or with the next encoding")
	}
	if spare := cap(b) - len(b); spare > len(b) {
		t.Errorf("an encoding of %d bytes takes %d more", len(b), spare)
	}
	got := must(c.decode(b, false))
	for i := range b {
		b[i] = 'X'
	}
	if got.Name != "ann" || got.Tags[0] != "tag" || got.Scores["key"] != 1 || string(got.Photo) != "photo" {
		t.Errorf("a value changed with its encoding: %+v", got)
	}
}

func valueError[V any](t *testing.T, b []byte) {
	t.Helper()
	if v, err := valueCodecOf[V]().decode(b, false); !errors.Is(err, ErrValue) {
		t.Errorf("%x decodes as %#v, %v", b, v, err)
	}
}

func TestValuesAreStrict(t *testing.T) {
	valueError[int](t, nil)
	valueError[int](t, []byte{0x80, 0})                           // not the shortest
	valueError[int](t, []byte{2, 0})                              // trailing
	valueError[int32](t, binary.AppendVarint(nil, math.MaxInt64)) // too big
	valueError[uint32](t, binary.AppendUvarint(nil, 1<<32))
	valueError[uint64](t, bytes.Repeat([]byte{0xff}, 11))
	valueError[struct{}](t, []byte{0})
	valueError[point](t, []byte{1, 2, 3})
	valueError[profile](t, nil)
	valueError[pair](t, append(must(valueCodecOf[pair]().append(nil, pair{})), 0xc0))
	valueError[pair](t, must(valueCodecOf[profile]().append(nil, profile{}))) // unknown fields
	valueError[[2]bool](t, must(valueCodecOf[[]bool]().append(nil, make([]bool, 3))))
	valueError[int8](t, must(valueCodecOf[int16]().append(nil, 300)))
}

func TestTypesThatWouldLoseSomethingAreRefused(t *testing.T) {
	type inside struct{ P []map[string]point }
	type shy struct {
		A int
		b int
	}
	type tagged struct {
		A int `codec:"-"`
		b int `codec:"-"`
	}
	_ = shy{b: 1}.b + tagged{b: 1}.b
	for n, err := range []error{
		valueCodecOf[any]().err, valueCodecOf[[]error]().err, valueCodecOf[func()]().err,
		valueCodecOf[*chan int]().err, valueCodecOf[inside]().err, valueCodecOf[shy]().err,
	} {
		if !errors.Is(err, ErrValue) {
			t.Errorf("type %d: %v", n, err)
		}
	}
	for n, err := range []error{
		valueCodecOf[point]().err, valueCodecOf[tagged]().err, valueCodecOf[profile]().err,
		valueCodecOf[map[time.Time]stamp]().err, valueCodecOf[struct{}]().err, valueCodecOf[*int]().err,
	} {
		if err != nil {
			t.Errorf("type %d: %v", n, err)
		}
	}
	err := NewService("s",
		NewCollection[string, any]("c"),
		NewOperation("o", func(old any, _ bool, _ int) any { return old }),
		NewCommand("x", func(any) Access { return Exactly() }, func(Tx, any) (int, error) { return 0, nil }),
	).Validate()
	for _, part := range []string{`collection "c"`, `operation "o"`, `command "x"`} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("no complaint about %s: %v", part, err)
		}
	}
}

// A few bytes from outside must not cost much memory or stack.
func TestHostileValues(t *testing.T) {
	huge := []byte{0xdd, 0xff, 0xff, 0xff, 0xff} // an array of 4294967295
	valueError[[]string](t, huge)
	valueError[map[string]int](t, []byte{0xdf, 0xff, 0xff, 0xff, 0xff})
	valueError[profile](t, append([]byte{0x81, 0xa5}, "Photo\xc6\xff\xff\xff\xff"...))
	type nest struct{ N []nest }
	valueError[nest](t, []byte(strings.Repeat("\x81\xa1N\x91", 1<<20)))
	valueError[any](t, []byte(strings.Repeat("\x91", 1<<20)))
	if n := testing.AllocsPerRun(1, func() { _, _ = valueCodecOf[[]string]().decode(huge, false) }); n > 1000 {
		t.Errorf("%v allocations for five bytes", n)
	}
}

func FuzzValues(f *testing.F) {
	c := valueCodecOf[profile]()
	f.Add(must(c.append(nil, profile{Name: "a", Tags: []string{"b"}, Scores: map[string]float64{"x": 1}, Next: &profile{}})))
	f.Add([]byte{0xdd, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := c.decode(b, false)
		if err != nil {
			return
		}
		once, err := c.append(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		again, err := c.decode(once, false)
		if err != nil {
			t.Fatalf("%x: %v", once, err)
		}
		if twice := must(c.append(nil, again)); !bytes.Equal(once, twice) {
			t.Fatalf("%x encodes anew as %x", once, twice)
		}
	})
}
