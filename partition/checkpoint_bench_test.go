package partition

import (
	"fmt"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// bigReplica has n variables of 100 bytes.
func bigReplica(n int, durable bool) *Replica {
	r := New(Config{Self: 1, Replicas: [][]ids.Process{{1}}, Service: testService(&programs{}),
		Placement: testMap{n: 1, version: 3}, Tuning: DefaultTuning(), Durable: durable})
	for i := range n {
		r.state.set(Key{0, fmt.Sprintf("%08d", i)}, make([]byte, 100))
	}
	return r
}

// BenchmarkCheckpoint: a million variables of 100 bytes, of which 100,000 have
// changed. pause is how long the replica stands still.
func BenchmarkCheckpoint(b *testing.B) {
	const n, changed = 1_000_000, 100_000
	r := bigReplica(n, true)
	names := make([]Key, n)
	for i := range names {
		names[i] = Key{0, fmt.Sprintf("%08d", i)}
	}
	drain := func(s *Snapshot) (items int) {
		var list []StateItem
		for {
			if list = s.Next(list[:0], 1<<20); len(list) == 0 {
				return items
			}
			items += len(list)
		}
	}
	drain(r.Checkpoint())
	var pause, most, encode time.Duration
	items := 0
	for i := range b.N {
		for j := range changed {
			r.state.set(names[(i*7919+j*9973)%n], make([]byte, 100))
		}
		start := time.Now()
		s := r.Checkpoint()
		took := time.Since(start)
		pause, most = pause+took, max(most, took)
		start = time.Now()
		items += drain(s)
		encode += time.Since(start)
	}
	b.ReportMetric(float64(pause.Microseconds())/float64(b.N), "µs-pause")
	b.ReportMetric(float64(most.Microseconds()), "µs-longest")
	b.ReportMetric(float64(encode.Nanoseconds())/float64(items), "ns/item")
	b.ReportMetric(float64(items)/float64(b.N), "items")
}

// BenchmarkWrite: what a write costs with and without noting the change and its
// digest.
func BenchmarkWrite(b *testing.B) {
	const n = 100_000
	for _, durable := range []bool{false, true} {
		for _, size := range []int{8, 100, 1000} {
			b.Run(fmt.Sprintf("durable=%v/bytes=%d", durable, size), func(b *testing.B) {
				r := bigReplica(n, durable)
				names := make([]Key, n)
				for i := range names {
					names[i] = Key{0, fmt.Sprintf("%08d", i)}
				}
				value := make([]byte, size)
				b.ReportAllocs()
				b.ResetTimer()
				for i := range b.N {
					r.state.set(names[i%n], value)
					if i%n == n-1 {
						r.state.changes.next()
					}
				}
			})
		}
	}
}

// BenchmarkRestore: a million variables of 100 bytes.
func BenchmarkRestore(b *testing.B) {
	const n = 1_000_000
	r := bigReplica(n, false)
	s := r.Checkpoint()
	items := s.Next(nil, 1<<40)
	s.Next(nil, 1)
	b.ResetTimer()
	for range b.N {
		q := NewBuilder(r.config)
		if err := q.Add(items); err != nil {
			b.Fatal(err)
		}
		if _, err := q.Done(s.Sum()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/item")
}
