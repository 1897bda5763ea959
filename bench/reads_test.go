package bench

import (
	"bytes"
	"context"
	"os"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/finetimer"
	"time"
)

// This program, started again as the client of Reads.
func TestMain(m *testing.M) {
	finetimer.Coarse = true // some tests have a clock of their own
	if os.Getenv(clientEnv) != "" {
		os.Exit(readsClient(context.Background(), os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// The client runs in a process of its own, and the CPU of both counts.
func TestReads(t *testing.T) {
	for _, reads := range []bool{false, true} {
		var words bytes.Buffer
		c := Case{Partitions: 1, Replicas: 3, Size: 100, Outstanding: 8}
		p := &Plan{Rounds: 1, Phases: Phases{Warm: 50 * time.Millisecond, Measure: 200 * time.Millisecond, Drain: 10 * time.Second}}
		pt := p.point(t.Context(), 1, c, Contender{New: func(c Case) System {
			return &apart{Eyrie: Eyrie{c: c}, reads: reads, stderr: &words}
		}})
		if pt.Errors > 0 || pt.Ops == 0 || pt.CPU <= 0 || pt.P50 <= 0 || words.Len() > 0 {
			t.Errorf("reads %v: %+v, first %v\n%s", reads, pt, pt.First, &words)
		}
	}
}
