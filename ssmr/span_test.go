package ssmr

import (
	"errors"
	"slices"
	"testing"
)

func TestRangeSeesOwnWritesInOrder(t *testing.T) {
	s := newScript(t)
	s.must(Exactly(words.WritesAll()), func(tx Tx) {
		for _, k := range []string{"d", "a", "c", "b\x00", "b"} {
			words.Put(tx, k, []byte(k))
		}
	})
	s.must(Exactly(words.WritesAll()), func(tx Tx) {
		words.Delete(tx, "c")
		words.Put(tx, "e", nil)
		words.Put(tx, "aa", nil)
		var got []string
		for k := range words.Range(tx, words.Between("a", "e")) {
			words.Delete(tx, k) // does not disturb the walk
			got = append(got, k)
		}
		if want := []string{"a", "aa", "b", "b\x00", "d"}; !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		for k := range words.Range(tx, words.All()) {
			if k != "e" {
				t.Errorf("%q is still there", k)
			}
		}
	})
}

func TestSpans(t *testing.T) {
	s := newScript(t)
	all := []pair{{"", "x"}, {"a", "1"}, {"a", "2"}, {"a\x00", "1"}, {"b", "1"}}
	s.must(Exactly(kids.WritesAll(), words.WritesAll()), func(tx Tx) {
		for i, k := range all {
			kids.Put(tx, k, i)
			words.Put(tx, k.Parent, nil)
		}
		words.Put(tx, "\xff\xff", nil)
	})
	for _, tc := range []struct {
		name string
		span Span[pair]
		want []pair
	}{
		{"all", kids.All(), all},
		{"sharing one field", kids.Sharing(pair{Parent: "a"}, 1), all[1:3]},
		{"sharing the empty one", kids.Sharing(pair{}, 1), all[:1]},
		{"sharing none", kids.Sharing(pair{}, 0), all},
		{"sharing both", kids.Sharing(all[2], 2), all[2:3]},
		{"from", kids.From(all[2]), all[2:]},
		{"between", kids.Between(all[1], all[4]), all[1:4]},
		{"at a place", kids.All().At(nodes.PlaceOf("a")), all[1:3]},
		{"sharing, elsewhere", kids.Sharing(all[1], 1).At(nodes.PlaceOf("b")), nil},
		{"backwards", kids.Between(all[3], all[1]), nil},
	} {
		s.must(Exactly(kids.ReadsRange(tc.span)), func(tx Tx) {
			var got []pair
			for k := range kids.Range(tx, tc.span) {
				got = append(got, k)
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
			}
		})
	}
	for prefix, want := range map[string][]string{
		"": {"", "a", "a\x00", "b", "\xff\xff"}, "a": {"a", "a\x00"}, "\xff": {"\xff\xff"}, "c": nil,
	} {
		s.must(Exactly(words.ReadsRange(words.Prefix(prefix))), func(tx Tx) {
			var got []string
			for k := range words.Range(tx, words.Prefix(prefix)) {
				got = append(got, k)
			}
			if !slices.Equal(got, want) {
				t.Errorf("prefix %q: %q", prefix, got)
			}
		})
	}
	if _, err := s.do(Exactly(words.ReadsRange(words.Between("a", ""))), func(tx Tx) (string, error) {
		each(words.Range(tx, words.Between("a", "")))
		return "", nil
	}); err != nil {
		t.Error(err)
	}
	for _, bad := range []Item{
		kids.ReadsRange(kids.Prefix(pair{})), kids.ReadsRange(kids.Sharing(pair{}, 3)), words.ReadsRange(words.Sharing("", 0)),
	} {
		if _, err := s.do(Exactly(bad), nil); !errors.Is(err, ErrArgument) {
			t.Errorf("a span that cannot be: %v", err)
		}
	}
}

// Between with an empty upper key is nothing, not everything.
func TestBetweenNothing(t *testing.T) {
	s := newScript(t)
	s.must(Exactly(words.WritesAll()), func(tx Tx) {
		words.Put(tx, "", nil)
		words.Put(tx, "z", nil)
		for k := range words.Range(tx, words.Between("", "")) {
			t.Errorf("%q is below the empty key", k)
		}
	})
}
