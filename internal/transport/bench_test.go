package transport

import (
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// cpu is the CPU time that this operating-system process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkPingPong bounces 100-byte messages between a client and a process,
// both in this operating-system process, with handlers that answer at once:
// the transport alone, without a loop.
func BenchmarkPingPong(b *testing.B) {
	for _, outstanding := range []int{1, 64, 1024} {
		b.Run(fmt.Sprintf("inline/%d", outstanding), func(b *testing.B) { pingPong(b, outstanding, 0) })
		b.Run(fmt.Sprintf("goroutines/%d", outstanding), func(b *testing.B) { pingPong(b, outstanding, -1) })
	}
}

// pingPong with Tuning.Inline.
func pingPong(b *testing.B, outstanding, inline int) {
	w := newNetwork(b, 1)
	var p, c *station
	ready := make(chan struct{})
	p = w.start(ids.To(1), func(cfg *Config) {
		cfg.Tuning.Inline = inline
		cfg.Handler = func(from ids.Addr, _ ids.Incarnation, ms []wire.Message, _ int) {
			<-ready
			for _, m := range ms {
				p.Send(from, m)
			}
			p.Flush()
		}
	})
	left := 0
	var mu sync.Mutex // the first sends are this goroutine's
	done := make(chan struct{})
	c = w.start(ids.ToClient(ids.Client{1}), func(cfg *Config) {
		cfg.Tuning.Inline = inline
		cfg.Handler = func(from ids.Addr, _ ids.Incarnation, ms []wire.Message, _ int) {
			mu.Lock()
			defer mu.Unlock()
			for _, m := range ms {
				if left--; left == 0 {
					close(done)
				}
				if left >= outstanding {
					c.Send(from, m)
				}
			}
			c.Flush()
		}
	})
	close(ready)
	c.up(b, 1)
	left = b.N + outstanding
	m := &note{kindNote, make([]byte, 100)}
	b.ReportAllocs()
	b.ResetTimer()
	began := cpu()
	mu.Lock()
	for range outstanding {
		c.Send(ids.To(1), m)
	}
	c.Flush()
	mu.Unlock()
	<-done
	b.ReportMetric(float64(cpu()-began)/float64(b.N)/1e3, "us-cpu/op")
}
