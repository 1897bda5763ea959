package ssmr

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/oracle"
	"github.com/eyrie-dev/eyrie/partition"
)

// counter makes a small service of its own with equal names.
type counter struct {
	service *Service
	incr    *Command[string, int]
	cells   *Collection[string, int]
	errMax  *Error
}

func newCounter(serviceName string, limit int) *counter {
	c := &counter{cells: NewCollection[string, int]("cells"), errMax: NewError("max", "too high")}
	c.incr = NewCommand("incr",
		func(k string) Access { return Exactly(c.cells.Writes(k)) },
		func(tx Tx, k string) (int, error) {
			v, _ := c.cells.Get(tx, k)
			if v == limit {
				return 0, fmt.Errorf("%w: %d", c.errMax, limit)
			}
			c.cells.Put(tx, k, v+1)
			return v + 1, nil
		})
	c.service = NewService(serviceName, c.cells, c.incr, c.errMax)
	return c
}

func TestComposedServicesKeepIdentity(t *testing.T) {
	ctx := context.Background()
	x, y := newCounter("x", 1), newCounter("y", 5)
	both := Compose("both", x.service, y.service)
	m, err := NewMachine(both)
	if err != nil {
		t.Fatal(err)
	}
	alone, err := NewMachine(y.service) // the same parts, bound anew
	if err != nil {
		t.Fatal(err)
	}
	client := m.Client()
	for want := 1; want <= 5; want++ {
		if got, err := y.incr.Do(ctx, client, "a"); got != want || err != nil {
			t.Fatal(got, err)
		}
	}
	if got, err := y.incr.Do(ctx, alone.Client(), "a"); got != 1 || err != nil {
		t.Errorf("alone: %v, %v", got, err)
	}
	if got, err := x.incr.Do(ctx, client, "a"); got != 1 || err != nil {
		t.Errorf("the services share a cell: %v, %v", got, err)
	}
	_, errX := x.incr.Do(ctx, client, "a")
	_, errY := y.incr.Do(ctx, client, "a")
	if !errors.Is(errX, x.errMax) || errors.Is(errX, y.errMax) || !errors.Is(errY, y.errMax) || errors.Is(errY, x.errMax) {
		t.Errorf("errors: %v, %v", errX, errY)
	}
	if errX.Error() != "too high: 1" {
		t.Errorf("text: %v", errX)
	}
	if _, err := x.incr.Do(ctx, alone.Client(), "a"); !errors.Is(err, ErrUnknownCommand) {
		t.Errorf("a foreign command: %v", err)
	}
	var names []string
	for _, c := range both.Definition().Collections {
		names = append(names, c.Name)
	}
	if got := strings.Join(names, " "); got != "x/cells y/cells" {
		t.Errorf("collections %s", got)
	}
}

func TestAPartOfTwoServicesIsThereOnce(t *testing.T) {
	x := newCounter("x", 1)
	again := NewService("again", x.cells, x.errMax)
	both := Compose("outer", Compose("inner", x.service), again)
	if err := both.Validate(); err != nil {
		t.Fatal(err)
	}
	def := both.Definition()
	if len(def.Collections) != 1 || def.Collections[0].Name != "inner/x/cells" || len(def.Errors) != 1 {
		t.Errorf("parts: %+v", def)
	}
}

func TestServiceComplaints(t *testing.T) {
	x, y := newCounter("x", 1), newCounter("y", 1)
	placed := NewCollection[int, int]("placed", PlacedBy(func(s string) string { return s }))
	confused := NewCollection[int, int]("confused", Everywhere(), PlacedBy(func(int) string { return "" }))
	coded := NewCollection[int, int]("coded", WithKeyCodec[string](stringKeys{}))
	err := NewService("", x.cells, y.cells, x.incr, y.incr, x.errMax, y.errMax, placed, confused, coded,
		NewError("", ""), NewOperation("op", addInts), NewOperation("op", addInts), nil).Validate()
	for _, want := range []string{
		"a service needs a name",
		`two collections are named "cells"`, `two commands are named "incr"`, `two errors are named "max"`,
		`two operations are named "op"`, `"placed" is placed by a function of another key type`,
		`"confused" is both everywhere`, `"coded" WithKeyCodec is for another key type`,
		"error without a name", "nil part",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no complaint %q in: %v", want, err)
		}
	}
	if _, err := NewMachine(NewService("")); err == nil {
		t.Error("a machine of a wrong service")
	}
	if err := (*Service)(nil).Validate(); err == nil {
		t.Error("no service is a service")
	}
	if err := Compose("c", nil, x.service, newCounter("x", 2).service).Validate(); err == nil {
		t.Error("two services of one name are composed")
	}
}

func addInts(a int, _ bool, b int) int { return a + b }

// A part that the service lacks is an explained error, not a crash.
func TestPartsThatAreMissing(t *testing.T) {
	ctx := context.Background()
	cells := NewCollection[string, int]("cells")
	op := NewOperation("add", addInts)
	there := NewCollection[string, int]("there")
	asks := NewCommand("asks", func(k string) Access { return Exactly(cells.Reads(k)) },
		func(Tx, string) (int, error) { return 0, nil })
	uses := NewCommand("uses", func(k string) Access { return AtLeast() },
		func(tx Tx, k string) (int, error) { cells.Put(tx, k, 1); return 0, nil })
	changes := NewCommand("changes", func(k string) Access { return AtLeast() },
		func(tx Tx, k string) (int, error) { there.Update(tx, k, op.With(1)); return 0, nil })
	m, err := NewMachine(NewService("s", there, asks, uses, changes))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		command *Command[string, int]
		want    error
	}{{asks, ErrArgument}, {uses, ErrPanicked}, {changes, ErrPanicked}} {
		if _, err := tc.command.Do(ctx, m.Client(), "a"); !errors.Is(err, tc.want) || !strings.Contains(err.Error(), "is not a part") {
			t.Errorf("%s: %v", tc.command.Name(), err)
		}
	}
}

// The placement of a collection is the one that the oracle uses: children live
// with their parents, under every map.
func TestPlacedWith(t *testing.T) {
	s := NewService("tree", nodes, kids)
	m := oracle.New(1, 64, s.Definition())
	grand := NewCollection[pair, int]("grand", PlacedWith(kids, func(p pair) pair { return pair{p.Parent, ""} }))
	s2 := NewService("tree2", nodes, kids, grand)
	m2 := oracle.New(1, 64, s2.Definition())
	for i := range 50 {
		p := fmt.Sprint("/n", i)
		access, err := resolved(Exactly(nodes.Writes(p), kids.Writes(pair{p, "a"}), kids.Writes(pair{p, "b"}),
			kids.ReadsRange(kids.Sharing(pair{Parent: p}, 1).At(nodes.PlaceOf(p)))), s, nil)
		if err != nil {
			t.Fatal(err)
		}
		if d := m.Route(access, nil); len(d) != 1 {
			t.Fatalf("%s and its children live at %v", p, d)
		}
		access, _ = resolved(Exactly(nodes.Writes(p), grand.Writes(pair{p, "x"})), s2, nil)
		if d := m2.Route(access, nil); len(d) != 1 {
			t.Fatalf("%s and its grandchildren live at %v", p, d)
		}
	}
	everywhere := NewCollection[string, int]("flags", Everywhere())
	def := NewService("s", everywhere).Definition()
	if got := oracle.New(1, 3, def).Owners(partition.Key{Name: "a"}); !got.Equal(ids.Range(3)) {
		t.Errorf("everywhere is %v", got)
	}
}

// What is not a name of the collection is placed somewhere, without a panic.
func TestPlacementOfForeignNames(t *testing.T) {
	def := NewService("tree", nodes, kids).Definition()
	if got := def.Collections[1].Place("\x00"); got != "\x00" {
		t.Errorf("placed at %q", got)
	}
}
