package ssmr

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// A step is one thing that a random program does; a program is a command's
// argument. Its reply is a trace of all that it saw.
type step struct {
	Do   string
	Key  pair
	Word string
}

type program struct {
	Exact bool
	Known []step // what Access declares
	Steps []step
}

var (
	leaves = NewCollection[pair, string]("leaves", PlacedWith(trunks, func(k pair) string { return k.Parent }))
	trunks = NewCollection[string, []byte]("trunks")
	flags  = NewCollection[string, string]("flags", Everywhere())

	errChosen = NewError("chosen", "chosen")
	sew       = NewSliding[string]("sew", func(old []byte, _ bool, more string) (int, []byte) { return len(old) / 10, []byte(more) })
	burst     = NewOperation("burst", func(string, bool, int) string { panic("burst") })

	execute = NewCommand("execute",
		func(p program) Access {
			var items []Item
			for _, s := range p.Known {
				items = append(items, s.item())
			}
			return Access{exact: p.Exact, items: items}
		},
		func(tx Tx, p program) (string, error) {
			var trace strings.Builder
			for _, s := range p.Steps {
				if err := s.run(tx, &trace); err != nil {
					return "", err
				}
			}
			return trace.String(), nil
		})
	programs = NewService("programs", trunks, leaves, flags, errChosen, sew, burst, execute)
)

func (s step) item() Item {
	switch s.Do {
	case "leaf get":
		return leaves.Reads(s.Key)
	case "leaf put", "leaf delete", "leaf sew", "leaf burst":
		return leaves.Writes(s.Key)
	case "trunk get":
		return trunks.Reads(s.Key.Parent)
	case "trunk put":
		return trunks.Writes(s.Key.Parent)
	case "flag get":
		return flags.Reads(s.Key.Parent)
	case "flag put":
		return flags.Writes(s.Key.Parent)
	case "leaves of":
		return leaves.ReadsRange(s.leavesOf())
	case "flags":
		return flags.ReadsAll()
	case "trunks":
		return trunks.ReadsRange(trunks.From(s.Key.Parent))
	}
	return leaves.ReadsAll()
}

func (s step) leavesOf() Span[pair] {
	return leaves.Sharing(s.Key, 1).At(trunks.PlaceOf(s.Key.Parent))
}

func (s step) run(tx Tx, trace *strings.Builder) error {
	switch s.Do {
	case "leaf get":
		v, ok := leaves.Get(tx, s.Key)
		fmt.Fprint(trace, v, ok, " ")
	case "leaf put":
		leaves.Put(tx, s.Key, s.Word)
	case "leaf delete":
		leaves.Delete(tx, s.Key)
	case "leaf sew":
		leaves.Update(tx, s.Key, sew.With(s.Word))
	case "leaf burst":
		leaves.Update(tx, s.Key, burst.With(1))
	case "trunk get":
		v, ok := trunks.Get(tx, s.Key.Parent)
		fmt.Fprintf(trace, "%s %v ", v, ok)
	case "trunk put":
		trunks.Put(tx, s.Key.Parent, []byte(s.Word))
	case "flag get":
		v, ok := flags.Get(tx, s.Key.Parent)
		fmt.Fprint(trace, v, ok, " ")
	case "flag put":
		flags.Put(tx, s.Key.Parent, s.Word)
	case "leaves of":
		for k, v := range leaves.Range(tx, s.leavesOf()) {
			fmt.Fprint(trace, k, v, " ")
		}
	case "all leaves":
		for k, v := range leaves.Range(tx, leaves.All()) {
			fmt.Fprint(trace, k, v, " ")
			leaves.Has(tx, k)
			if v == s.Word {
				break
			}
		}
	case "trunks":
		for k, v := range trunks.Range(tx, trunks.From(s.Key.Parent)) {
			fmt.Fprintf(trace, "%s %s ", k, v)
		}
	case "flags":
		for k, v := range flags.Range(tx, flags.All()) {
			fmt.Fprint(trace, k, v, " ")
		}
	case "error":
		return fmt.Errorf("%w: %s", errChosen, s.Word)
	case "other error":
		return errors.New(s.Word)
	case "panic":
		panic(s.Word)
	}
	return nil
}

var doings = []string{
	"leaf get", "leaf put", "leaf delete", "leaf sew", "leaf burst", "trunk get", "trunk put",
	"flag get", "flag put", "leaves of", "all leaves", "trunks", "flags",
}

func drawProgram(r *rand.Rand) program {
	p := program{Exact: r.IntN(2) == 0}
	for range 1 + r.IntN(6) {
		p.Steps = append(p.Steps, step{
			Do:   doings[r.IntN(len(doings))],
			Key:  pair{string(rune('a' + r.IntN(6))), name(rune('a' + r.IntN(3)))},
			Word: string(rune('A' + r.IntN(26))),
		})
	}
	p.Known = p.Steps
	if r.IntN(4) == 0 { // a hint that says too little, or a broken promise
		p.Known = p.Steps[:r.IntN(len(p.Steps))]
	}
	if r.IntN(10) == 0 {
		p.Steps = append(p.Steps, step{Do: []string{"error", "other error", "panic"}[r.IntN(3)], Word: "oh"})
	}
	return p
}

// kind is what callers can rely on of an error.
func kind(err error) string {
	for _, e := range []error{ErrAccess, ErrPanicked, ErrBudget, ErrArgument} {
		if errors.Is(err, e) {
			return e.Error()
		}
	}
	return fmt.Sprint(err, errors.Is(err, errChosen), errors.Is(err, ErrFailed))
}

// Metamorphic: random programs get the same replies on one machine and on
// clusters of any shape, whatever they declare.
func TestProgramsGetTheSameRepliesEverywhere(t *testing.T) {
	count := 400
	if testing.Short() {
		count = 200
	}
	for i, cfg := range []Config{{Replicas: 1}, {Partitions: 2, Replicas: 1, Checks: true}, {Partitions: 5, Replicas: 1}, {Partitions: 2, Replicas: 3}, {Partitions: 2, Replicas: 3, TCP: true}} {
		t.Run(fmt.Sprintf("%dx%d", cfg.Partitions, cfg.Replicas), func(t *testing.T) {
			ctx := testContext(t)
			m, err := NewMachine(programs)
			if err != nil {
				t.Fatal(err)
			}
			c, err := StartLocal(ctx, programs, cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			r := rand.New(rand.NewPCG(uint64(i), 7))
			outcomes := map[string]int{}
			for n := range count {
				p := drawProgram(r)
				want, wantErr := execute.Do(ctx, m.Client(), p)
				got, gotErr := execute.Do(ctx, c.Client(), p)
				if got != want || kind(gotErr) != kind(wantErr) {
					t.Fatalf("program %d, %+v:\n%q, %v; the machine says\n%q, %v", n, p, got, gotErr, want, wantErr)
				}
				outcomes[kind(wantErr)]++
			}
			if len(outcomes) < 5 || outcomes[kind(nil)] < count/2 {
				t.Errorf("the programs did too little: %v", outcomes)
			}
		})
	}
}
