package journal

import (
	"fmt"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/vfs"
)

// BenchmarkCommit appends and commits batches of records of 150 bytes, on the
// disk of the temporary directory and in memory.
func BenchmarkCommit(b *testing.B) {
	for _, records := range []int{1, 64} {
		for _, real := range []bool{true, false} {
			b.Run(fmt.Sprintf("records=%d/disk=%v", records, real), func(b *testing.B) {
				var fs vfs.FS = vfs.NewMem()
				if real {
					var err error
					if fs, err = vfs.OS(b.TempDir()); err != nil {
						b.Fatal(err)
					}
				}
				benchCommit(b, fs, records)
			})
		}
	}
}

func benchCommit(b *testing.B, fs vfs.FS, records int) {
	m := newModel(b, fs, Options{})
	body := make([]byte, 150)
	for i := range body {
		body[i] = byte(i)
	}
	head, tail := body[:20], body[20:]
	instance, chores := uint64(0), time.Duration(0)
	b.ReportAllocs()
	for b.Loop() {
		for range records {
			instance++
			m.j.Append(1, instance, head, tail)
		}
		if instance%1024 == 0 {
			m.j.Append(1, 0, head)
			m.j.Trim(1, instance-512)
		}
		if err := m.commit(); err != nil {
			b.Fatal(err)
		}
		start := time.Now()
		if err := m.upkeep(); err != nil {
			b.Fatal(err)
		}
		chores += time.Since(start)
	}
	b.ReportMetric(float64(chores.Nanoseconds())/float64(b.N), "upkeep-ns/op")
}

// BenchmarkAppend is the caller's share: Append, Take and Done, no IO.
func BenchmarkAppend(b *testing.B) {
	m := newModel(b, vfs.NewMem(), Options{})
	body := make([]byte, 150)
	instance := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		instance++
		m.j.Append(1, instance, body)
		if instance%64 == 0 {
			m.j.Trim(1, instance-32)
			t := m.j.Take()
			t.state, t.last = committed, m.j.seq // as if written
			m.j.Done(t)
			if len(m.j.segments) > 2 {
				m.j.segments = m.j.segments[1:]
			}
		}
	}
}
