package host

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

// BenchmarkRoundTrip is a command to a node that only echoes, both in this
// operating-system process, over TCP: what host and transport cost without
// any protocol.
func BenchmarkRoundTrip(b *testing.B) {
	for _, outstanding := range []int{1, 64, 1024} {
		b.Run(fmt.Sprintf("callback/%d", outstanding), func(b *testing.B) { roundTrips(b, outstanding, false) })
		b.Run(fmt.Sprintf("wait/%d", outstanding), func(b *testing.B) { roundTrips(b, outstanding, true) })
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func roundTrips(b *testing.B, outstanding int, wait bool) {
	_, c := overTCP(b, &echo{wakeAt: never}, &asker{}, outstanding)
	arg := make([]byte, 100)
	ctx := b.Context()
	b.ReportAllocs()
	b.ResetTimer()
	began := cpu()
	if wait {
		done := make(chan struct{})
		each := func(n int) {
			for range n {
				call, err := c.Submit(ctx, 1, arg, nil)
				if err != nil {
					b.Error(err)
					break
				}
				call.Wait(ctx)
			}
			done <- struct{}{}
		}
		for i := range outstanding {
			go each((b.N + i) / outstanding)
		}
		for range outstanding {
			<-done
		}
	} else {
		for range b.N {
			if err := c.SubmitFunc(ctx, 1, arg, nil, func(Result) {}); err != nil {
				b.Fatal(err)
			}
		}
		for range outstanding {
			c.window.enter(ctx) // until all have come back
		}
		c.window.leave(outstanding)
	}
	b.ReportMetric(float64(cpu()-began)/float64(b.N)/1e3, "us-cpu/op")
}
