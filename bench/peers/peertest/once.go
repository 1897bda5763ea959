// Package peertest holds what the tests of several peers share.
package peertest

import (
	"fmt"
	"testing"

	"github.com/eyrie-dev/eyrie/bench"
)

// Value is what operation n of Once stores.
func Value(n int) []byte { return fmt.Appendf(nil, "%0100d", n) }

// Once has s, which must be started, carry out total operations, a wave at a
// time, and demands that each completes once, without error. Operation n stores
// Value(n) under key n modulo keys. waits says whether the wave that begins with
// operation n has a goroutine waiting for each of its operations; s must be a
// bench.Doer then.
func Once(t testing.TB, s bench.System, total, wave, keys int, waits func(n int) bool) {
	t.Helper()
	done, completed := make(chan int, wave), make([]int, total)
	for n := 0; n < total; n += wave {
		for i := range wave {
			number := n + i
			op := bench.Op{Slot: i, Key: uint32(number % keys), Value: Value(number)}
			ended := func(err error) {
				if err != nil {
					t.Error(err)
				}
				done <- number
			}
			if waits(n) {
				go func() { ended(s.(bench.Doer).Do(op)) }()
			} else {
				s.Submit(op, ended)
			}
		}
		s.Flush()
		for range wave {
			completed[<-done]++
		}
	}
	for number, times := range completed {
		if times != 1 {
			t.Fatalf("operation %d completed %d times", number, times)
		}
	}
}
