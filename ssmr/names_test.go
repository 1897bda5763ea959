package ssmr

import (
	"fmt"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/partition"
)

func checkNames[K comparable](t *testing.T, keys ...K) {
	t.Helper()
	c, err := keyCodecOf[K]()
	if err != nil {
		t.Fatal(err)
	}
	var items []partition.Item
	for _, k := range keys {
		b, err := c.AppendKey(nil, k)
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, partition.Item{Key: partition.Key{Collection: 3, Name: "other " + string(b)}},
			partition.Item{Key: partition.Key{Collection: 3, Name: string(b)}})
	}
	for i, k := range keys {
		want := items[2*i+1].Key.Name
		for _, collection := range []uint16{2, 3} {
			got, err := nameAmong(c, k, collection, items)
			if err != nil || got != want {
				t.Errorf("%T %v is %q, %v; not %q", k, k, got, err, want)
			}
		}
	}
}

// However a name is found or made, it is what the codec says.
func TestNameAmong(t *testing.T) {
	checkNames(t, "", "a", "b\x00")
	checkNames(t, 0, -1, 1<<40)
	checkNames[int8](t, -128, 127)
	checkNames[int32](t, -1<<31, 1<<31-1)
	checkNames[int64](t, -1<<63, 1<<63-1)
	checkNames[uint](t, 0, 1<<64-1)
	checkNames[uint16](t, 0, 1<<16-1)
	checkNames[uint32](t, 0, 1<<32-1)
	checkNames[uint64](t, 0, 1<<64-1)
	checkNames(t, time.Second, -time.Hour)
	checkNames(t, pair{}, pair{"a", ""}, pair{"", "a"}, pair{"\x00", "long\x00er"})
	checkNames(t, [2]byte{}, [2]byte{1, 255})
}

// resolved is an access as a replica of the service takes it.
func resolved(a Access, s *Service, items []partition.Item) (partition.Access, error) {
	return a.resolve(s, &partition.Lent{Items: items}, new(leftOut))
}

// An access keeps its items in their order, however many.
func TestAccessKeepsItems(t *testing.T) {
	for n := range 7 {
		for also := range 3 {
			var items []Item
			for i := range n + also {
				items = append(items, byName.Writes(fmt.Sprint(i)))
			}
			base := Exactly(items[:n]...)
			got, err := resolved(base.Also(items[n:]...), deliverService, make([]partition.Item, 0, 2))
			if err != nil || len(got.Items) != n+also || !got.Exact {
				t.Fatalf("%d and %d: %+v, %v", n, also, got, err)
			}
			for i, it := range got.Items {
				if it.Key.Name != fmt.Sprint(i) || !it.Write {
					t.Errorf("%d and %d: item %d is %+v", n, also, i, it)
				}
			}
		}
	}
}

// What a replica makes of an argument is what clients, and replicas that do
// not prepare, make of it; and it keeps nothing of the argument's bytes.
func TestPrepareIsAccessAndRun(t *testing.T) {
	for number, spec := range deliverService.Definition().Commands {
		raw, err := putName.arg.append(nil, blob{7, []byte("some bytes")})
		if spec.Name == putOwn.Name() {
			raw, err = putOwn.arg.append(nil, ownBlob{7, []byte("some bytes")})
		}
		if err != nil {
			t.Fatal(err)
		}
		want, err1 := spec.Access(raw)
		m1, m2 := &recorder{}, &recorder{}
		value, err2 := spec.Run(m1, raw)
		got, code, err3 := spec.Prepare(raw, partition.Lent{Items: make([]partition.Item, 0, 4)})
		clear(raw)
		again, err4 := code.Run(m2)
		if fmt.Sprint(got, again, m2.log, err3, err4) != fmt.Sprint(want, value, m1.log, err1, err2) || m1.log == "" {
			t.Errorf("command %d: %v %v %s, not %v %v %s", number, got, again, m2.log, want, value, m1.log)
		}
		if _, _, err := spec.Prepare([]byte{0xc1}, partition.Lent{}); err == nil {
			t.Errorf("command %d: bytes that do not decode are prepared", number)
		}
	}
}

// recorder writes down what a command does.
type recorder struct {
	partition.Tx
	log string
}

func (r *recorder) Get(k partition.Key) ([]byte, bool) {
	r.log += fmt.Sprintf("Get %v\n", k)
	return nil, false
}

func (r *recorder) Put(k partition.Key, v []byte) { r.log += fmt.Sprintf("Put %v %x\n", k, v) }
