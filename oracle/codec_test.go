package oracle

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// moved is a map with some slots moved, as a later map would be.
func moved(n int, r *rand.Rand) *Map {
	m := New(r.Uint64(), n, service)
	for range r.IntN(50) {
		m.owner[r.IntN(Slots)] = ids.Partition(r.IntN(n))
	}
	m.finish(n, nil)
	return m
}

func TestMapRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{1, 2, 3, 7, 64, Slots} {
		m := moved(n, r)
		b := m.Append(nil)
		got, err := Decode(b, service)
		if err != nil {
			t.Fatal(err)
		}
		if got.version != m.version || got.owner != m.owner || got.Partitions() != n || !got.holders.Equal(m.holders) {
			t.Errorf("%d partitions: another map came back", n)
		}
	}
}

func TestDecodeIsStrict(t *testing.T) {
	good := New(7, 2, service).Append(nil)
	header := good[:10] // format, version, two partitions
	for name, b := range map[string][]byte{
		"empty":              nil,
		"another format":     append([]byte{2}, good[1:]...),
		"cut":                good[:len(good)-1],
		"trailing":           append(bytes.Clone(good), 0),
		"no partitions":      append(bytes.Clone(good[:9]), 0),
		"too many":           append(bytes.Clone(good[:9]), 0x81, 0x20),
		"partition too high": append(bytes.Clone(header), 0x80, 0x20, 2, 0),
		"run too long":       append(bytes.Clone(header), 0x81, 0x20, 1, 0),
		"empty run":          append(bytes.Clone(header), 0, 1, 0, 0x80, 0x20, 1, 0),
		"run cut in two":     append(bytes.Clone(header), 0x80, 0x10, 1, 0, 0x80, 0x10, 1, 0),
	} {
		if _, err := Decode(b, service); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	one := append(bytes.Clone(header), 0x80, 0x20, 1, 0)
	m, err := Decode(one, service)
	if err != nil {
		t.Fatal(err)
	}
	if !m.holders.Equal(ids.Set{1}) || m.Partitions() != 2 {
		t.Errorf("a map with an empty partition: holders %v of %d", m.holders, m.Partitions())
	}
}

func FuzzDecode(f *testing.F) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{1, 3, 64} {
		f.Add(moved(n, r).Append(nil))
	}
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b, service)
		if err != nil {
			return
		}
		if again := m.Append(nil); !bytes.Equal(again, b) {
			t.Fatalf("%x decodes, and encodes as %x", b, again)
		}
		if d := m.Route(exactly(writes(everywhere, "a")), nil); len(d) != m.Partitions() {
			t.Fatalf("a decoded map routes to %v", d)
		}
	})
}

func BenchmarkRoute(b *testing.B) {
	m := New(1, 8, service)
	access := exactly(writes(plain, "from"), writes(plain, "to"))
	b.ReportAllocs()
	for b.Loop() {
		m.Route(access, nil)
	}
}
