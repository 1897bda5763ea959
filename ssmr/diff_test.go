package ssmr

import (
	"bytes"
	"maps"
	"strings"
	"testing"
)

// The values of tagged are maps, and what differs is what came and what went.
type tags map[string]int

type tagChange struct {
	Came tags
	Went []string
}

func diffTags(old, new tags) (tagChange, bool) {
	c := tagChange{Came: tags{}}
	for k, v := range new {
		if w, ok := old[k]; !ok || w != v {
			c.Came[k] = v
		}
	}
	for k := range old {
		if _, ok := new[k]; !ok {
			c.Went = append(c.Went, k)
		}
	}
	return c, len(c.Came)+len(c.Went) <= len(new)
}

func patchTags(old tags, c tagChange) tags {
	maps.Copy(old, c.Came)
	for _, k := range c.Went {
		delete(old, k)
	}
	return old
}

func TestWithDiff(t *testing.T) {
	tagged := NewCollection[string, tags]("tagged", WithDiff(diffTags, patchTags))
	def := NewService("s", tagged).Definition().Collections[0]
	encode := func(v tags) []byte { return must(tagged.values.append(nil, v)) }
	old, new := encode(tags{"a": 1, "b": 2, "c": 3}), encode(tags{"a": 1, "b": 5, "d": 3})
	before := bytes.Clone(old)
	d, ok := def.Diff(old, new)
	if !ok {
		t.Fatal("no diff")
	}
	got, err := def.Patch(old, d)
	if err != nil || !bytes.Equal(got, new) || !bytes.Equal(old, before) {
		t.Fatalf("%x, want %x: %v", got, new, err)
	}
	if _, ok := def.Diff(old, encode(tags{"x": 1})); ok {
		t.Error("a diff that is not worth it")
	}
	if _, err := def.Patch(old, []byte("no diff")); err == nil {
		t.Error("what is no diff is applied")
	}
	if plain := NewService("s", NewCollection[string, tags]("plain")).Definition().Collections[0]; plain.Diff != nil || plain.Patch != nil {
		t.Error("a diff out of nothing")
	}
	for want, c := range map[string]*Collection[string, int]{
		"another type of values":    NewCollection[string, int]("c", WithDiff(diffTags, patchTags)),
		"diffs that cannot be sent": NewCollection[string, int]("c", WithDiff(func(a, b int) (func(), bool) { return nil, true }, func(a int, _ func()) int { return a })),
	} {
		if err := NewService("s", c).Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no complaint %q in: %v", want, err)
		}
	}
}
