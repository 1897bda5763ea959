package partition

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// Values that are made from each other in all ways, the latest or an earlier one
// being continued, stay what they were made to be.
func TestSlideLeavesValuesAlone(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	type value struct {
		b    []byte
		in   *room
		want []byte
	}
	for range 100 {
		all := []value{{}}
		inPlace := 0
		for i := range 300 {
			from := all[len(all)-1]
			if random.IntN(8) == 0 {
				from = all[random.IntN(len(all))]
			}
			drop := random.IntN(len(from.b) + 1)
			if random.IntN(4) > 0 {
				drop = min(drop, 10)
			}
			more := bytes.Repeat([]byte{byte(i)}, random.IntN(20))
			b, in := slide(from.b, from.in, drop, more)
			if in == from.in {
				inPlace++
			}
			all = append(all, value{b, in, append(bytes.Clone(from.b[drop:]), more...)})
			if cap(b) != len(b) || cap(in.taken) > maxSlack*len(b)+slackFloor+len(b) {
				t.Fatalf("%d bytes, %d behind, in a room of %d", len(b), cap(b)-len(b), cap(in.taken))
			}
		}
		for _, v := range all {
			if !bytes.Equal(v.b, v.want) {
				t.Fatalf("%x is now %x", v.want, v.b)
			}
		}
		if inPlace < 100 {
			t.Fatalf("%d of 300 in place", inPlace)
		}
	}
}

// To slide a window of a constant size costs memory for what comes, not for
// what stays.
func TestSlideAllocatesLittle(t *testing.T) {
	b, in := slide(nil, nil, 0, make([]byte, 6000))
	more := make([]byte, 100)
	rooms := 0
	for range 3000 {
		was := in
		if b, in = slide(b, in, 100, more); in != was {
			rooms++
		}
	}
	if len(b) != 6000 || rooms > 3000*100/3000+1 {
		t.Errorf("%d rooms", rooms)
	}
}
