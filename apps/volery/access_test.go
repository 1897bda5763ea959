package volery

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// placesOf are the placement keys that an access needs.
func placesOf(t *testing.T, a partition.Access) []string {
	t.Helper()
	if !a.Exact {
		t.Error("the access is no promise")
	}
	places := map[string]bool{}
	for _, it := range a.Items {
		if it.Range == nil {
			places[placeKey(it.Key)] = true
			continue
		}
		if it.Range.At == nil {
			t.Error("a range that needs every partition")
			continue
		}
		places[*it.Range.At] = true
	}
	return slices.Sorted(maps.Keys(places))
}

func placeKey(k partition.Key) string {
	return Service.Definition().Collections[k.Collection].Place(k.Name)
}

// Design A with A1: create and delete need the partitions of the node and of
// its parent, all else the node's; sequential names the parent's alone.
func TestAccessNeedsTheseAndNoOthers(t *testing.T) {
	one := func(p string) []string { return []string{p} }
	for _, c := range []struct {
		path string
		both []string // create and delete
		node []string // the others
	}{
		{"/a", []string{"/", "/a"}, one("/a")},
		{"/a/b", []string{"/a", "/a/b"}, one("/a/b")},
		{"/a/b/n-0000000001", one("/a/b"), one("/a/b")},
		{"/a/b/n-000000001", one("/a/b"), one("/a/b")},
		{"/a/0000000001/0000000002", one("/a"), one("/a")},
		{"/a/0000000001/b", []string{"/a", "/a/0000000001/b"}, one("/a/0000000001/b")},
	} {
		data := []byte("x")
		for _, call := range []struct {
			name  string
			arg   any
			wants []string
		}{
			{"create", CreateArg{c.path, data}, c.both}, {"delete", DeleteArg{c.path, 0}, c.both},
			{"exists", c.path, c.node}, {"getChildren", c.path, c.node}, {"getData", c.path, c.node},
			{"setData", SetArg{c.path, 0, data}, c.node},
		} {
			spec, arg := encodeCall(t, call.name, call.arg)
			access, err := spec.Access(arg)
			if err != nil {
				t.Fatal(err)
			}
			got, wants := placesOf(t, access), slices.Sorted(slices.Values(call.wants))
			if !slices.Equal(got, wants) {
				t.Errorf("%s %s needs %q, want %q", call.name, c.path, got, wants)
			}
		}
	}
}

// Whatever the path, access names at least one variable and at most the two
// places; no command can be made to concern all partitions.
func TestAccessOfOddPaths(t *testing.T) {
	for _, path := range []string{"", "/", "a", "//", "//a", "/a//b", "/a/", "/../b", "/a\x00b", "\xff", strings.Repeat("/a", MaxPath)} {
		for _, name := range []string{"create", "delete", "exists", "getChildren", "getData", "setData"} {
			var arg any = path
			switch name {
			case "create":
				arg = CreateArg{Path: path}
			case "delete":
				arg = DeleteArg{Path: path}
			case "setData":
				arg = SetArg{Path: path}
			}
			spec, raw := encodeCall(t, name, arg)
			access, err := spec.Access(raw)
			if n := len(placesOf(t, access)); err != nil || n < 1 || n > 2 {
				t.Errorf("%s %q: %d places, %v", name, clip(path), n, err)
			}
		}
	}
}

func encodeCall(t *testing.T, name string, arg any) (partition.CommandSpec, []byte) {
	t.Helper()
	var n uint16
	var raw []byte
	var err error
	switch a := arg.(type) {
	case CreateArg:
		n, raw, err = Create.Encode(Service, a)
	case DeleteArg:
		n, raw, err = Delete.Encode(Service, a)
	case SetArg:
		n, raw, err = SetData.Encode(Service, a)
	case string:
		command := map[string]interface {
			Encode(*ssmr.Service, string) (uint16, []byte, error)
		}{"exists": Exists, "getChildren": GetChildren, "getData": GetData}[name]
		n, raw, err = command.Encode(Service, a)
	}
	if err != nil {
		t.Fatal(err)
	}
	return Service.Definition().Commands[n], raw
}

// spy runs a command on a machine's variables and notes what it reads from
// where.
type spy struct {
	state map[partition.Key][]byte
	read  map[string]int // bytes by placement key
}

func (s *spy) Get(k partition.Key) ([]byte, bool) {
	v, ok := s.state[k]
	s.read[placeKey(k)] += len(v)
	return v, ok
}
func (s *spy) Range(r partition.Range, yield func(string, []byte) bool) {
	s.read[*r.At] += 1 << 30 // ranges do not travel
}
func (s *spy) Put(partition.Key, []byte)            {}
func (s *spy) Delete(partition.Key)                 {}
func (s *spy) Update(partition.Key, uint16, []byte) {}
func (s *spy) Again(partition.Key)                  {}
func (s *spy) Pass(int)                             {}
func (s *spy) Now() hlc.Timestamp                   { return 1 << 51 }
func (s *spy) Rand() uint64                         { return 0 }

// Values and lists of children never travel between partitions, however big
// they are: what a create or delete reads is a few dozen bytes, at one of its
// two places.
func TestWhatTravelsIsSmall(t *testing.T) {
	ctx := context.Background()
	m, err := ssmr.NewMachine(Service)
	if err != nil {
		t.Fatal(err)
	}
	c := NewClient(m.Client())
	big := bytes.Repeat([]byte("x"), MaxValue)
	must := func(_ Stat, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(c.Create(ctx, "/p", big))
	must(c.Create(ctx, "/p/leaf", big))
	for i := range 1000 {
		must(c.Create(ctx, fmt.Sprintf("/p/%d", i), nil))
	}
	const dozens = 64
	for _, call := range []struct {
		name  string
		arg   any
		place string // where alone it reads
	}{
		{"create", CreateArg{"/p/new", big}, "/p"},
		{"create", CreateArg{"/p/leaf", nil}, "/p"}, // exists
		{"create", CreateArg{"/none/new", nil}, "/none"},
		{"delete", DeleteArg{"/p/leaf", 0}, "/p/leaf"},
		{"delete", DeleteArg{"/p", AnyVersion}, "/p"}, // not empty
		{"delete", DeleteArg{"/p/none", AnyVersion}, "/p/none"},
	} {
		s := &spy{state: maps.Collect(m.All), read: map[string]int{}}
		spec, arg := encodeCall(t, call.name, call.arg)
		_, err := spec.Run(s, arg)
		if len(s.read) != 1 || s.read[call.place] > dozens {
			t.Errorf("%s %.20v (%v) read %v bytes, want at most %d, at %s", call.name, call.arg, err, s.read, dozens, call.place)
		}
	}
}
