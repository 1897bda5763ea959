package oracle

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
)

// Collections of the tests' service.
const (
	plain = iota
	byParent
	everywhere
)

var service = &partition.Service{
	Name: "test",
	Collections: []partition.Collection{
		plain:      {Name: "plain"},
		byParent:   {Name: "by parent", Place: parent},
		everywhere: {Name: "everywhere", Everywhere: true},
	},
}

func parent(name string) string { return name[:strings.LastIndexByte(name, '/')+1] }

func key(c uint16, name string) partition.Key { return partition.Key{Collection: c, Name: name} }

func TestSlotsSpreadEvenly(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5, 8, 100, Slots} {
		m := New(1, n, service)
		count := make([]int, n)
		for _, p := range m.owner {
			count[p]++
		}
		for p, c := range count {
			if c < Slots/n || c > (Slots+n-1)/n {
				t.Errorf("%d partitions: partition %d holds %d slots", n, p, c)
			}
		}
	}
}

func TestKeysSpreadEvenly(t *testing.T) {
	const keys, n = 80_000, 8
	m := New(1, n, service)
	var count [n]int
	for i := range keys {
		count[m.Owners(key(plain, "user"+strconv.Itoa(i)))[0]]++
	}
	for p, c := range count {
		if c < keys/n*95/100 || c > keys/n*105/100 {
			t.Errorf("partition %d holds %d of %d keys", p, c, keys)
		}
	}
}

// The first two are xxhash64 of its specification, modulo Slots.
// A change of these values would move data of running services.
func TestPlacementIsStable(t *testing.T) {
	m := New(1, 8, service)
	for name, want := range golden {
		got := fmt.Sprintf("%d %d", hashSlot(name), m.Owners(key(plain, name))[0])
		if got != want {
			t.Errorf("%q: slot and partition %s, was %s", name, got, want)
		}
	}
}

var golden = map[string]string{
	"":                           "2457 4",
	"a":                          "3675 7",
	"user:1":                     "243 0",
	"/volery/locks/lock-0000001": "1440 2",
	"\x00\xff":                   "3453 6",
}

func TestOwnersFollowTheCollection(t *testing.T) {
	m := New(1, 16, service)
	for i := range 100 {
		dir := fmt.Sprintf("/d%d/", i)
		a, b := m.Owners(key(byParent, dir+"a")), m.Owners(key(byParent, dir+"b"))
		with := m.Owners(key(plain, dir))
		at, all := m.RangeOwners(partition.Range{Collection: byParent, At: &dir})
		if len(a) != 1 || !a.Equal(b) || !a.Equal(with) || !a.Equal(at) || all {
			t.Fatalf("%s: children at %v and %v, parent at %v, range at %v", dir, a, b, with, at)
		}
	}
	if got := m.Owners(key(everywhere, "x")); !got.Equal(ids.Range(16)) {
		t.Errorf("everywhere is %v", got)
	}
	if got, all := m.RangeOwners(partition.Range{Collection: everywhere}); !all || !got.Equal(ids.Range(16)) {
		t.Errorf("range everywhere: %v, %v", got, all)
	}
	if got, all := m.RangeOwners(partition.Range{Collection: plain}); all || !got.Equal(ids.Range(16)) {
		t.Errorf("range of plain: %v, %v", got, all)
	}
}

func TestUnknownCollectionIsHarmless(t *testing.T) {
	m := New(1, 4, service)
	if got := m.Owners(key(999, "a")); len(got) != 1 {
		t.Errorf("owners %v", got)
	}
	m.RangeOwners(partition.Range{Collection: 999})
}

type lastByte struct{}

func (lastByte) Slot(placement string) int { return -int(placement[len(placement)-1]) }

func TestPlacerReplacesTheHash(t *testing.T) {
	m := New(1, Slots, service, WithPlacer(lastByte{}))
	if got := m.Owners(key(plain, "abc\x01")); !got.Equal(ids.Set{Slots - 1}) {
		t.Errorf("slot -1 is %v", got)
	}
	if got := m.Owners(key(plain, "abc\x00")); !got.Equal(ids.Set{0}) {
		t.Errorf("slot 0 is %v", got)
	}
}

func TestNewRefusesNoPartitions(t *testing.T) {
	for _, n := range []int{-1, 0, Slots + 1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%d partitions accepted", n)
				}
			}()
			New(1, n, service)
		}()
	}
}

// A name in a buffer has the owners of the key that it makes.
func TestOwnersOfNames(t *testing.T) {
	s := &partition.Service{Collections: []partition.Collection{
		{Name: "hashed"}, {Name: "placed", Place: func(name string) string { return name[:1] }}, {Name: "everywhere", Everywhere: true},
	}}
	for _, m := range []*Map{New(1, 5, s), New(1, 5, s, WithPlacer(lastByte{}))} {
		for c := range uint16(4) { // the last does not exist
			for i := range 100 {
				k := partition.Key{Collection: c, Name: fmt.Sprint("name", i)}
				if want, got := m.Owners(k), m.OwnersOf(c, []byte(k.Name)); !got.Equal(want) {
					t.Errorf("%v: %v, want %v", k, got, want)
				}
			}
			words, owners := []uint64{0, 1, 1 << 63, 12345}, make([]ids.Partition, 4)
			if each := m.OwnerEach(c, words, owners); each != (m.hashed && (c == 0 || c == 3)) {
				t.Errorf("collection %d: %v", c, each)
			} else if each {
				for i, w := range words {
					k := partition.Key{Collection: c, Name: string(binary.BigEndian.AppendUint64(nil, w))}
					if want := m.Owners(k); !want.Equal(ids.Set{owners[i]}) {
						t.Errorf("%v: %v, want %v", k, owners[i], want)
					}
				}
			}
		}
	}
}
