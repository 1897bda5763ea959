package bench

import (
	"context"
	"fmt"
	"io"
)

// shares are the shares of two-partition commands that Sweep goes through.
var shares = []float64{0, 0.01, 0.05, 0.1, 0.5, 1}

// Sweep measures what commands on two partitions cost: two partitions of three
// replicas, a rising share of commands that read and write a variable on each,
// with the rule that lets later commands pass one that waits, if they do not
// conflict with it, and without (the convoy of Algorithm 1). args are flags
// (see -help); it returns an exit status.
func Sweep(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parse("sweep", args, stderr, defaults())
	if err != nil {
		return 2
	}
	p := &Plan{
		Bench: "sweep",
		Title: fmt.Sprintf("sweep: 2 partitions of 3 replicas and the client in one process over loopback TCP, in memory, %d B values,\n"+
			"a share of commands reads and writes a variable on each partition", s.size),
		Contenders: []Contender{{System: "eyrie", New: NewEyrie}, {System: "eyrie", Variant: "sequential", New: NewSequential}},
		References: []string{"eyrie sequential"},
	}
	for _, n := range s.outstanding {
		for _, share := range shares {
			p.Cases = append(p.Cases, Case{Partitions: 2, Replicas: 3, Size: s.size, Outstanding: n, MultiShare: share})
		}
	}
	return execute(ctx, p, s, stdout, stderr)
}
