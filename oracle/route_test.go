package oracle

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
)

func reads(c uint16, name string) partition.Item { return partition.Item{Key: key(c, name)} }
func writes(c uint16, name string) partition.Item {
	return partition.Item{Key: key(c, name), Write: true}
}

func spans(r partition.Range, write bool) partition.Item {
	return partition.Item{Range: &r, Write: write}
}

func exactly(items ...partition.Item) partition.Access {
	return partition.Access{Exact: true, Items: items}
}

func atLeast(items ...partition.Item) partition.Access { return partition.Access{Items: items} }

func TestRoute(t *testing.T) {
	m := New(1, 4, service)
	at := func(name string) ids.Set { return m.Owners(key(plain, name)) }
	a, b := at("a"), at("user:1")
	if a.Equal(b) {
		t.Fatal("the keys of this test must live apart")
	}
	all := ids.Range(4)
	dir := "a"
	for _, tc := range []struct {
		name   string
		access partition.Access
		guess  ids.Set
		want   ids.Set
	}{
		{"nothing", exactly(), nil, ids.Set{0}},
		{"nothing, with a guess", exactly(), ids.Set{2, 3}, ids.Set{2}},
		{"one read", exactly(reads(plain, "a")), nil, a},
		{"two partitions", exactly(reads(plain, "a"), writes(plain, "user:1")), nil, a.Union(b)},
		{"E5: everywhere, read at one", exactly(reads(everywhere, "a")), nil, a},
		{"E5: everywhere, read where the command goes anyway", exactly(reads(everywhere, "a"), writes(plain, "user:1")), nil, b},
		{"E5: everywhere, written at all", exactly(writes(everywhere, "a")), nil, all},
		{"a range is at all", exactly(spans(partition.Range{Collection: plain}, false)), nil, all},
		{"a range at a place", exactly(spans(partition.Range{Collection: byParent, At: &dir}, true)), nil, a},
		{"a range everywhere, read", exactly(spans(partition.Range{Collection: everywhere, Lo: "user:1"}, false)), nil, b},
		{"a range everywhere, written", exactly(spans(partition.Range{Collection: everywhere}, true)), nil, all},
		{"a promise needs no guess", exactly(reads(plain, "a")), ids.Set{0, 1, 2, 3}, a},
		{"a hint takes the guess", atLeast(reads(plain, "a")), b, a.Union(b)},
		{"a hint of nothing", atLeast(), ids.Set{1, 3}, ids.Set{1, 3}},
		{"a guess beyond the map", atLeast(reads(plain, "a")), ids.Set{9, 77}, a},
		{"a guess out of order", atLeast(), ids.Set{3, 1, 3}, ids.Set{1, 3}},
	} {
		if got := m.Route(tc.access, tc.guess); !got.Equal(tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

type guessTwo struct{}

func (guessTwo) Guess(partition.Access) ids.Set { return ids.Set{2, 9} }

func TestGuesserIsForHintsOnly(t *testing.T) {
	m := New(1, 4, service, WithGuesser(guessTwo{}))
	a := m.Owners(key(plain, "a"))
	if got := m.Route(atLeast(reads(plain, "a")), nil); !got.Equal(a.Union(ids.Set{2})) {
		t.Errorf("hint: %v", got)
	}
	if got := m.Route(exactly(reads(plain, "a")), nil); !got.Equal(a) {
		t.Errorf("promise: %v", got)
	}
}

// Covers is E5 as a replica judges it, in the dumbest form.
func covers(m *Map, dests ids.Set, access partition.Access) bool {
	for _, it := range access.Items {
		one := false // one owner is enough
		var owners ids.Set
		if it.Range != nil {
			owners, one = m.RangeOwners(*it.Range)
		} else {
			owners = m.Owners(it.Key)
			one = true
		}
		if it.Write {
			one = false
		}
		if one && !dests.Meets(owners) || !one && !dests.Covers(owners) {
			return false
		}
	}
	return true
}

func randomAccess(r *rand.Rand) partition.Access {
	access := partition.Access{Exact: r.IntN(2) == 0}
	for range r.IntN(4) {
		c, name, write := uint16(r.IntN(3)), fmt.Sprintf("d%d/k%d", r.IntN(5), r.IntN(9)), r.IntN(2) == 0
		it := partition.Item{Key: key(c, name), Write: write}
		if r.IntN(3) == 0 {
			rng := partition.Range{Collection: c, Lo: name}
			if r.IntN(2) == 0 {
				at := parent(name)
				rng.At = &at
			}
			it = partition.Item{Range: &rng, Write: write}
		}
		access.Items = append(access.Items, it)
	}
	return access
}

// Route covers the access, is deterministic, and, for a promise, is as small
// as any set that covers (found by trying all).
func TestRouteAgainstTrying(t *testing.T) {
	const n = 4
	r := rand.New(rand.NewPCG(1, 2))
	m := New(1, n, service)
	for range 3000 {
		access := randomAccess(r)
		var guess ids.Set
		for range r.IntN(3) {
			guess = guess.Union(ids.NewSet(ids.Partition(r.IntN(n + 2))))
		}
		got := m.Route(access, guess)
		if len(got) == 0 || !got.Valid() || !ids.Range(n).Covers(got) || !covers(m, got, access) {
			t.Fatalf("%+v goes to %v", access, got)
		}
		if again := m.Route(access, guess); !again.Equal(got) {
			t.Fatalf("%+v goes to %v, then to %v", access, got, again)
		}
		if !access.Exact {
			continue
		}
		for bits := 1; bits < 1<<n; bits++ {
			var s ids.Set
			for p := range n {
				if bits>>p&1 == 1 {
					s = append(s, ids.Partition(p))
				}
			}
			if len(s) < len(got) && covers(m, s, access) {
				t.Fatalf("%+v goes to %v; %v is enough", access, got, s)
			}
		}
	}
}
