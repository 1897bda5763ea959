package ssmr

import (
	"context"
	"fmt"
	"testing"
)

// The cost of the typed face: a transfer with two reads and two writes.
func BenchmarkMachine(b *testing.B) {
	m, err := NewMachine(purseService)
	if err != nil {
		b.Fatal(err)
	}
	ctx, c := context.Background(), m.Client()
	for _, k := range []string{"a", "b"} {
		fill.Do(ctx, c, move{To: k, Sum: 1 << 40})
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := pay.Do(ctx, c, move{"a", "b", 1}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLocal(b *testing.B) {
	for _, partitions := range []int{1, 2} {
		b.Run(fmt.Sprint(partitions, "x3"), func(b *testing.B) {
			ctx := context.Background()
			c, err := StartLocal(ctx, purseService, Config{Partitions: partitions, Client: ClientConfig{Window: 500}})
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			calls := make(chan *Call[struct{}], 400)
			done := make(chan error, 1)
			go func() {
				var first error
				for call := range calls {
					if _, err := call.Result(ctx); err != nil && first == nil {
						first = err
					}
				}
				done <- first
			}()
			i := 0
			for b.Loop() {
				i++
				calls <- fill.Go(ctx, c.Client(), move{To: fmt.Sprint(i % 1000), Sum: i})
			}
			close(calls)
			if err := <-done; err != nil {
				b.Fatal(err)
			}
		})
	}
}

func BenchmarkKeys(b *testing.B) {
	b.ReportAllocs()
	c, _ := keyCodecOf[pair]()
	for b.Loop() {
		s, _ := nameOf(c, pair{"parent", "name"})
		c.DecodeKey(s)
	}
}

func BenchmarkValues(b *testing.B) {
	b.ReportAllocs()
	c := valueCodecOf[move]()
	for b.Loop() {
		s, _ := c.append(nil, move{"a", "b", 1})
		c.decode(s, false)
	}
}
