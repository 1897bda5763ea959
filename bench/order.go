package bench

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Order measures ordering alone: one partition, three replicas, commands that
// store one value, in memory. args are flags (see -help); it returns an exit
// status. Peers are measured beside it by the program in bench/peers.
func Order(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return OrderBeside(ctx, args, stdout, stderr, "floor")
}

// OrderBeside is Order with more contenders; ratios refer to reference.
func OrderBeside(ctx context.Context, args []string, stdout, stderr io.Writer, reference string, peers ...Contender) int {
	s, err := parse("order", args, stderr, settings{
		rounds: 5, size: 100, warm: 700 * time.Millisecond, window: 2500 * time.Millisecond, outstanding: []int{1, 64, 1024},
	})
	if err != nil {
		return 2
	}
	p := &Plan{
		Bench:      "order",
		Title:      fmt.Sprintf("order: 1 partition, 3 replicas and the client in one process over loopback TCP, in memory, %d B values", s.size),
		Contenders: append([]Contender{{System: "floor", New: NewFloor}, {System: "eyrie", New: NewEyrie}, {System: "eyrie", Variant: "near", New: NewNear}}, peers...),
		Reference:  reference,
	}
	for _, n := range s.outstanding {
		p.Cases = append(p.Cases, Case{Partitions: 1, Replicas: 3, Size: s.size, Outstanding: n})
	}
	return execute(ctx, p, s, stdout, stderr)
}
