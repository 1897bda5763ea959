package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Our own system behind the interface: every operation completes, on one
// partition and on two, with and without the convoy.
func TestEyrie(t *testing.T) {
	for name, c := range map[string]struct {
		make func(Case) System
		c    Case
	}{
		"one partition":  {NewEyrie, Case{Partitions: 1, Replicas: 3, Size: 100, Outstanding: 8}},
		"two partitions": {NewEyrie, Case{Partitions: 2, Replicas: 3, Size: 100, Outstanding: 8, MultiShare: 0.5}},
		"near":           {NewNear, Case{Partitions: 2, Replicas: 3, Size: 100, Outstanding: 8, MultiShare: 0.5}},
		"sequential":     {NewSequential, Case{Partitions: 2, Replicas: 3, Size: 100, Outstanding: 8, MultiShare: 0.5, Workers: true}},
	} {
		t.Run(name, func(t *testing.T) { briefly(t, c.make, c.c) })
	}
}

// Keys are where the operations need them.
func TestKeys(t *testing.T) {
	e := &Eyrie{c: Case{Partitions: 2}}
	if err := e.findKeys(); err != nil {
		t.Fatal(err)
	}
	seen := map[uint32]bool{}
	for p, keys := range e.keys {
		if len(keys) != Keys {
			t.Errorf("partition %d has %d keys", p, len(keys))
		}
		for _, k := range keys {
			if seen[k] {
				t.Errorf("key %d lives twice", k)
			}
			seen[k] = true
		}
	}
	for _, op := range []Op{{Key: 4, Other: 9, Multi: true}, {Key: 5, Other: 9, Multi: true}} {
		number, raw, err := e.encode(op)
		if err != nil {
			t.Fatal(err)
		}
		access, err := measured.Definition().Commands[number].Access(raw)
		if err != nil {
			t.Fatal(err)
		}
		if dests := measured.Map(2).Route(access, nil); len(dests) != 2 {
			t.Errorf("%v goes to %v, want two partitions", op, dests)
		}
	}
}

func TestSweepCommand(t *testing.T) {
	var out, words bytes.Buffer
	args := strings.Fields("-json -rounds 1 -warm 10ms -window 50ms -outstanding 4")
	if status := Sweep(t.Context(), args, &out, &words); status != 0 {
		t.Fatalf("status %d: %s", status, words.String())
	}
	if n := strings.Count(out.String(), "\n"); n != 2*len(shares) {
		t.Errorf("%d lines, want %d: %s", n, 2*len(shares), out.String())
	}
}

// eyrieBinary builds cmd/eyrie.
func eyrieBinary(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "eyrie")
	if out, err := exec.Command("go", "build", "-o", binary, "../cmd/eyrie").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return binary
}

// patiently tries with a window, and with longer ones while it sees too little: on a
// busy machine little happens in a short time, and nothing now and then. It says
// whether there was enough at last.
func patiently(window time.Duration, try func(window time.Duration) (enough bool)) bool {
	for range 5 {
		if try(window) {
			return true
		}
		window *= 2
	}
	return false
}

// fewest are the operations of a turn of which more is asked than that there are
// some.
const fewest = 20

// runBench runs a bench that succeeds, with windows of 300 ms at least: its points,
// and what it tells people.
func runBench(t *testing.T, bench func(ctx context.Context, args []string, out, words io.Writer) int, args string, more ...string) (points []Point, words string) {
	t.Helper()
	patiently(300*time.Millisecond, func(window time.Duration) bool {
		points, words = runOnce(t, bench, append(strings.Fields(args), append(more, "-window", window.String())...))
		return !slices.ContainsFunc(points, func(pt Point) bool { return pt.Ops < fewest })
	})
	return points, words
}

func runOnce(t *testing.T, bench func(ctx context.Context, args []string, out, words io.Writer) int, args []string) (points []Point, words string) {
	t.Helper()
	var lines, text bytes.Buffer
	if status := bench(t.Context(), args, &lines, &text); status != 0 {
		t.Fatalf("status %d: %s", status, text.String())
	}
	for d := json.NewDecoder(&lines); d.More(); {
		var pt Point
		if err := d.Decode(&pt); err != nil {
			t.Fatal(err)
		}
		points = append(points, pt)
	}
	return points, text.String()
}
