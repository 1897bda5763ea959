package bench

import (
	"bytes"
	"context"
	"io"
	"os"
	"slices"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/finetimer"
	"time"
)

// This program, started again as a client.
func TestMain(m *testing.M) {
	finetimer.Coarse = true // some tests have a clock of their own
	if again := map[string]func(context.Context, []string, io.Writer, io.Writer) int{"soak": Soak, "rejoin": Rejoin}; len(os.Args) > 2 && again[os.Args[2]] != nil {
		os.Exit(again[os.Args[2]](context.Background(), os.Args[3:], os.Stdout, os.Stderr))
	}
	if isClient() {
		os.Exit(beClient(context.Background(), slices.Concat(readers(), volerySystems("", false), chirperSystems(new(Keeper), "")), os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// The client runs in a process of its own, and the CPU of both counts.
func TestReads(t *testing.T) {
	for _, a := range readers() {
		var words bytes.Buffer
		c := Case{Partitions: 1, Replicas: 3, Size: 100, Outstanding: 8}
		var pt Point
		patiently(200*time.Millisecond, func(window time.Duration) bool {
			p := &Plan{Rounds: 1, Phases: Phases{Warm: 50 * time.Millisecond, Measure: window, Drain: 10 * time.Second}}
			pt = p.point(t.Context(), 1, c, a.contender("reads", &words))
			return pt.Ops >= fewest || pt.Errors > 0
		})
		if pt.Errors > 0 || pt.Ops == 0 || pt.CPU <= pt.ClientCPU || pt.ClientCPU <= 0 || pt.P50 <= 0 || words.Len() > 0 {
			t.Errorf("%s: %+v, first %v\n%s", a, pt, pt.First, &words)
		}
	}
}
