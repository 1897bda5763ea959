package ssmr

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
)

// script is a service with one command whose access and code each test gives.
type script struct {
	t       *testing.T
	machine *Machine
	access  Access
	run     func(Tx) (string, error)
	command *Command[string, string]
}

var (
	words = NewCollection[string, []byte]("words")
	nodes = NewCollection[string, int]("nodes")
	kids  = NewCollection[pair, int]("kids", PlacedWith(nodes, func(p pair) string { return p.Parent }))

	appendTo = NewOperation("append", func(old []byte, _ bool, more string) []byte { return append(old, more...) })
	explode  = NewOperation("explode", func([]byte, bool, int) []byte { panic("no") })

	errOdd = NewError("odd", "that is odd")
)

func newScript(t *testing.T) *script {
	t.Helper()
	s := &script{t: t}
	s.command = NewCommand("run",
		func(string) Access { return s.access },
		func(tx Tx, _ string) (string, error) { return s.run(tx) })
	m, err := NewMachine(NewService("script", words, nodes, kids, appendTo, explode, errOdd, s.command))
	if err != nil {
		t.Fatal(err)
	}
	s.machine = m
	return s
}

func (s *script) do(access Access, run func(Tx) (string, error)) (string, error) {
	s.access, s.run = access, run
	return s.command.Do(context.Background(), s.machine.Client(), "")
}

func (s *script) must(access Access, run func(Tx)) {
	s.t.Helper()
	_, err := s.do(access, func(tx Tx) (string, error) { run(tx); return "", nil })
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *script) state() map[string]string {
	out := map[string]string{}
	s.machine.All(func(k partition.Key, v []byte) bool {
		out[fmt.Sprintf("%d/%s", k.Collection, k.Name)] = string(v)
		return true
	})
	return out
}

// E1: leaving what Exactly promised is ErrAccess and drops the writes.
func TestExactAccessIsHeld(t *testing.T) {
	a, b := words.Reads("a"), words.Writes("b")
	at := kids.ReadsRange(kids.All().At(nodes.PlaceOf("p")))
	for _, tc := range []struct {
		name   string
		access Access
		run    func(Tx)
		ok     bool
	}{
		{"read what is read", Exactly(a), func(tx Tx) { words.Get(tx, "a") }, true},
		{"read what is written", Exactly(b), func(tx Tx) { words.Get(tx, "b") }, true},
		{"read another", Exactly(a), func(tx Tx) { words.Get(tx, "b") }, false},
		{"test for another", Exactly(a), func(tx Tx) { words.Has(tx, "b") }, false},
		{"write what is read", Exactly(a), func(tx Tx) { words.Put(tx, "a", nil) }, false},
		{"delete what is read", Exactly(a), func(tx Tx) { words.Delete(tx, "a") }, false},
		{"update what is read", Exactly(a), func(tx Tx) { words.Update(tx, "a", appendTo.With("x")) }, false},
		{"another collection", Exactly(b), func(tx Tx) { nodes.Put(tx, "b", 1) }, false},
		{"range without one", Exactly(a, b), func(tx Tx) { each(words.Range(tx, words.Between("a", "b"))) }, false},
		{"range inside", Exactly(words.ReadsRange(words.Between("a", "d"))), func(tx Tx) { each(words.Range(tx, words.Between("b", "c"))) }, true},
		{"range too far", Exactly(words.ReadsRange(words.Between("a", "d"))), func(tx Tx) { each(words.Range(tx, words.From("b"))) }, false},
		{"key in a range", Exactly(words.ReadsRange(words.Between("a", "d"))), func(tx Tx) { words.Get(tx, "c") }, true},
		{"key at a range's end", Exactly(words.ReadsRange(words.Between("a", "d"))), func(tx Tx) { words.Get(tx, "d") }, false},
		{"write in a read range", Exactly(words.ReadsAll()), func(tx Tx) { words.Put(tx, "c", nil) }, false},
		{"write in a written range", Exactly(words.WritesAll()), func(tx Tx) { words.Put(tx, "c", nil) }, true},
		{"key at the place", Exactly(at), func(tx Tx) { kids.Get(tx, pair{"p", "x"}) }, true},
		{"key at another place", Exactly(at), func(tx Tx) { kids.Get(tx, pair{"q", "x"}) }, false},
		{"range of all places", Exactly(at), func(tx Tx) { each(kids.Range(tx, kids.All())) }, false},
		{"nothing", Exactly(), func(tx Tx) { words.Get(tx, "a") }, false},
		{"a hint binds nobody", AtLeast(a), func(tx Tx) { words.Put(tx, "z", nil); each(words.Range(tx, words.All())) }, true},
		{"added later", Exactly(a).Also(b), func(tx Tx) { words.Put(tx, "b", nil) }, true},
	} {
		s := newScript(t)
		_, err := s.do(tc.access, func(tx Tx) (string, error) { tc.run(tx); return "", nil })
		if tc.ok && err != nil || !tc.ok && !errors.Is(err, ErrAccess) {
			t.Errorf("%s: %v", tc.name, err)
		}
		if !tc.ok && len(s.state()) > 0 {
			t.Errorf("%s: left %v", tc.name, s.state())
		}
	}
}

func each[K, V any](seq func(func(K, V) bool)) { seq(func(K, V) bool { return true }) }

func TestErrorsAndPanicsDropWrites(t *testing.T) {
	s := newScript(t)
	s.must(Exactly(words.Writes("a")), func(tx Tx) { words.Put(tx, "a", []byte("1")) })
	before := s.state()
	_, err := s.do(Exactly(words.WritesAll()), func(tx Tx) (string, error) {
		words.Put(tx, "a", []byte("2"))
		words.Put(tx, "b", nil)
		return "ignored", errOdd
	})
	if !errors.Is(err, errOdd) || !reflect.DeepEqual(s.state(), before) {
		t.Errorf("after an error: %v, %v", err, s.state())
	}
	_, err = s.do(Exactly(words.WritesAll()), func(tx Tx) (string, error) {
		words.Delete(tx, "a")
		panic("mistake")
	})
	if !errors.Is(err, ErrPanicked) || !reflect.DeepEqual(s.state(), before) {
		t.Errorf("after a panic: %v, %v", err, s.state())
	}
}

// E2: what Get and Range return, and what Put was given, is the caller's own.
func TestValuesShareNoMemory(t *testing.T) {
	s := newScript(t)
	mine := []byte("old")
	s.must(Exactly(words.Writes("a")), func(tx Tx) { words.Put(tx, "a", mine) })
	mine[0] = 'X'
	s.do(Exactly(words.ReadsAll()), func(tx Tx) (string, error) {
		v, _ := words.Get(tx, "a")
		v[1] = 'X'
		for _, v := range words.Range(tx, words.All()) {
			v[2] = 'X'
		}
		return "", errOdd
	})
	s.must(Exactly(words.Reads("a")), func(tx Tx) {
		if v, _ := words.Get(tx, "a"); string(v) != "old" {
			t.Errorf("the state is %q", v)
		}
	})
}

func TestImmutableValuesAreNotCopied(t *testing.T) {
	blobs := NewCollection[string, []byte]("blobs", Immutable())
	same := false
	twice := NewCommand("twice", func(string) Access { return Exactly(blobs.Writes("a")) },
		func(tx Tx, _ string) (bool, error) {
			blobs.Put(tx, "a", []byte("x"))
			v, _ := blobs.Get(tx, "a")
			w, _ := blobs.Get(tx, "a")
			same = &v[0] == &w[0]
			return same, nil
		})
	m, err := NewMachine(NewService("s", blobs, twice))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := twice.Do(context.Background(), m.Client(), ""); !got || err != nil {
		t.Errorf("copied: %v", err)
	}
}

// N1: an operation that panics leaves its variable alone and the command goes
// on; a Get after an Update sees it applied.
func TestUpdate(t *testing.T) {
	s := newScript(t)
	s.must(Exactly(words.Writes("a"), words.Writes("b")), func(tx Tx) {
		words.Update(tx, "a", appendTo.With("x"))
		words.Update(tx, "a", explode.With(1))
		words.Update(tx, "b", explode.With(1))
		words.Update(tx, "a", appendTo.With("y"))
		if v, _ := words.Get(tx, "a"); string(v) != "xy" {
			t.Errorf("after updates: %q", v)
		}
	})
	if got := s.state(); !reflect.DeepEqual(got, map[string]string{"0/a": "xy"}) {
		t.Errorf("state %v", got)
	}
}

// The budget is a replica's: accesses and bytes, ranges included.
func TestBudget(t *testing.T) {
	s := newScript(t)
	limit := partition.DefaultTuning()
	big := make([]byte, limit.MaxBytes/3)
	all := Exactly(words.WritesAll())
	s.must(all, func(tx Tx) { words.Put(tx, "a", big) })
	for name, run := range map[string]func(Tx) (string, error){
		"accesses": func(tx Tx) (string, error) {
			for range limit.MaxAccesses + 1 {
				words.Has(tx, "b")
			}
			return "", nil
		},
		"bytes": func(tx Tx) (string, error) {
			for range 4 {
				words.Get(tx, "a")
			}
			return "", nil
		},
		"bytes of ranges": func(tx Tx) (string, error) {
			for range 4 {
				each(words.Range(tx, words.All()))
			}
			return "", nil
		},
		"the result": func(Tx) (string, error) { return string(append(append(append(big, big...), big...), big...)), nil },
		"swallowed": func(tx Tx) (string, error) {
			for range 4 {
				func() {
					defer func() { _ = recover() }()
					words.Get(tx, "a")
				}()
			}
			return "", nil
		},
	} {
		if _, err := s.do(all, run); !errors.Is(err, ErrBudget) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNowAndRandAreTheCommands(t *testing.T) {
	now := NewCommand("now", func(struct{}) Access { return Exactly() },
		func(tx Tx, _ struct{}) ([]uint64, error) {
			r := tx.Rand()
			return []uint64{uint64(tx.Now().UnixMicro()), r.Uint64(), r.Uint64()}, nil
		})
	s := NewService("s", now)
	run := func(at hlc.Timestamp, id ids.Command) []uint64 {
		m, err := NewMachine(s)
		if err != nil {
			t.Fatal(err)
		}
		number, arg, _ := now.Encode(s, struct{}{})
		raw, err := m.Apply(number, arg, at, id)
		if err != nil {
			t.Fatal(err)
		}
		return must(now.Decode(raw))
	}
	id := ids.Command{Client: ids.Client{1}, Sequence: 2}
	first, same, other := run(7, id), run(7, id), run(8, ids.Command{Client: ids.Client{1}, Sequence: 3})
	if !slices.Equal(first, same) || first[0] != 7 || first[1] == first[2] {
		t.Errorf("%v, then %v", first, same)
	}
	if other[1] == first[1] || other[0] != 8 {
		t.Errorf("another command draws %v, this one %v", other, first)
	}
}

func TestMachineClock(t *testing.T) {
	s := newScript(t)
	var at []time.Time
	see := func(tx Tx) { at = append(at, tx.Now()) }
	s.must(Exactly(), see)
	s.machine.Advance(time.Hour)
	s.must(Exactly(), see)
	if got := at[1].Sub(at[0]); got != time.Hour+time.Microsecond || at[0].Location() != time.UTC {
		t.Errorf("an hour took %v", got)
	}
}
