package heapfloor

import (
	"runtime"
	"testing"
)

// What was raised counts as live, and only once.
func TestRaise(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	live := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := live()
	for range 3 {
		Raise()
	}
	if got := live() - before; got < size || got > size+size/2 {
		t.Errorf("%d bytes more are live, want %d", got, size)
	}
}
